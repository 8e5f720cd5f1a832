package main

import (
	"context"
	"fmt"

	"github.com/compose-spec/compose-go/v2/cli"
)

// composeFile reads a compose file as the engine's command does, without
// variables from outside, and returns it completed. What the specification's
// schema refuses is an error, and so is a service, volume or network that
// nothing defines.
func composeFile(path string) ([]byte, error) {
	options, err := cli.NewProjectOptions([]string{path}, cli.WithInterpolation(true), cli.WithResolvedPaths(true), cli.WithConsistency(true))
	if err != nil {
		return nil, fmt.Errorf("compose: %w", err)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return nil, fmt.Errorf("compose: %w", err)
	}
	text, err := project.MarshalYAML()
	if err != nil {
		return nil, fmt.Errorf("compose: %w", err)
	}
	return text, nil
}
