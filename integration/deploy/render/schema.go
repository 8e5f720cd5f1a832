package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

//go:embed testdata/kubernetes/openapi.json
var openAPI []byte

const definitions = "#/definitions/"

// kinds are those that the schema is asked about, and its names for them. A
// kind that is not here is refused, except those of the list foreign.
var kinds = map[string]string{
	"v1 ConfigMap":                       "io.k8s.api.core.v1.ConfigMap",
	"v1 PersistentVolumeClaim":           "io.k8s.api.core.v1.PersistentVolumeClaim",
	"v1 Pod":                             "io.k8s.api.core.v1.Pod",
	"v1 Service":                         "io.k8s.api.core.v1.Service",
	"v1 ServiceAccount":                  "io.k8s.api.core.v1.ServiceAccount",
	"apps/v1 StatefulSet":                "io.k8s.api.apps.v1.StatefulSet",
	"batch/v1 Job":                       "io.k8s.api.batch.v1.Job",
	"networking.k8s.io/v1 NetworkPolicy": "io.k8s.api.networking.v1.NetworkPolicy",
	"policy/v1 PodDisruptionBudget":      "io.k8s.api.policy.v1.PodDisruptionBudget",
}

// foreign are kinds that Kubernetes does not define.
var foreign = map[string]bool{"monitoring.coreos.com/v1 ServiceMonitor": true}

// checkManifests says what is wrong with YAML documents by Kubernetes' own
// schema. An unknown field is wrong, though the schema would let it pass: the
// server drops it without a word.
func checkManifests(text []byte) error {
	check, err := newChecker()
	if err != nil {
		return err
	}
	var problems []error
	n := 0
	for _, document := range strings.Split("\n"+string(text), "\n---") {
		var object map[string]any
		if err := yaml.UnmarshalStrict([]byte(document), &object); err != nil {
			return fmt.Errorf("document %d: %w", n+1, err)
		}
		if len(object) == 0 {
			continue
		}
		n++
		if err := check.object(object); err != nil {
			problems = append(problems, fmt.Errorf("document %d: %w", n, err))
		}
	}
	if n == 0 {
		return errors.New("there is no document in it")
	}
	return errors.Join(problems...)
}

type checker struct{ compiler *jsonschema.Compiler }

func newChecker() (*checker, error) {
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(openAPI))
	if err != nil {
		return nil, fmt.Errorf("the schema of Kubernetes: %w", err)
	}
	all, _ := schema.(map[string]any)["definitions"].(map[string]any)
	for name, definition := range all {
		tighten(name, definition.(map[string]any))
	}
	compiler := jsonschema.NewCompiler()
	// OpenAPI 2 writes schemas as draft 4 does.
	compiler.DefaultDraft(jsonschema.Draft4)
	if err := compiler.AddResource("kubernetes.json", map[string]any{"definitions": all}); err != nil {
		return nil, fmt.Errorf("the schema of Kubernetes: %w", err)
	}
	return &checker{compiler}, nil
}

// tighten closes a definition to unknown fields, and lets those types be
// numbers that the schema knows as text only.
func tighten(name string, definition map[string]any) {
	switch {
	case strings.HasSuffix(name, ".IntOrString"), strings.HasSuffix(name, ".Quantity"):
		definition["type"] = []any{"string", "number"}
	case definition["properties"] != nil && definition["additionalProperties"] == nil:
		definition["additionalProperties"] = false
	}
}

func (c *checker) object(object map[string]any) error {
	kind := fmt.Sprintf("%v %v", object["apiVersion"], object["kind"])
	if foreign[kind] {
		return nil
	}
	name, known := kinds[kind]
	if !known {
		return fmt.Errorf("%s is of no kind that is checked here", kind)
	}
	schema, err := c.compiler.Compile("kubernetes.json" + definitions + name)
	if err != nil {
		return fmt.Errorf("the schema of Kubernetes: %w", err)
	}
	// The schema's library wants numbers as JSON has them.
	text, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	value, err := jsonschema.UnmarshalJSON(io.Reader(bytes.NewReader(text)))
	if err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	return nil
}
