package main

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

// release is what the chart is rendered for.
var release = common.ReleaseOptions{Name: "gate", Namespace: "databases", Revision: 1, IsInstall: true}

// chartFolder renders a chart as "helm install" does, with values over its
// own, and returns its manifests as one text. Values that the chart's schema
// refuses are an error.
func chartFolder(folder string, values []byte) ([]byte, error) {
	files, err := templates(folder, values)
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range files {
		if ext := path.Ext(name); ext == ".yaml" && strings.TrimSpace(files[name]) != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var all bytes.Buffer
	for _, name := range names {
		fmt.Fprintf(&all, "---\n# Source: %s\n%s\n", name, strings.TrimSpace(files[name]))
	}
	return all.Bytes(), nil
}

// templates returns every rendered file of a chart by its name in the chart.
func templates(folder string, values []byte) (map[string]string, error) {
	chart, err := loader.LoadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("chart: %w", err)
	}
	if err := chart.Validate(); err != nil {
		return nil, fmt.Errorf("chart: %w", err)
	}
	var over map[string]any
	if err := yaml.UnmarshalStrict(values, &over); err != nil {
		return nil, fmt.Errorf("values: %w", err)
	}
	all, err := util.ToRenderValuesWithSchemaValidation(chart, over, release, common.DefaultCapabilities, false)
	if err != nil {
		return nil, fmt.Errorf("values: %w", err)
	}
	// Strict: a value that does not exist is an error and not an empty text.
	files, err := engine.Engine{Strict: true}.RenderWithContext(context.Background(), chart, all)
	if err != nil {
		return nil, fmt.Errorf("chart: %w", err)
	}
	return files, nil
}
