package main

import (
	"errors"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, args []string) error {
	if len(args) < 2 {
		return errors.New("usage: render chart FOLDER [VALUES] | manifests FILE | compose FILE")
	}
	what, path := args[0], args[1]
	if what == "compose" {
		text, err := composeFile(path)
		if err != nil {
			return err
		}
		_, err = out.Write(text)
		return err
	}
	var manifests []byte
	var err error
	switch what {
	case "chart":
		var values []byte
		if len(args) > 2 {
			if values, err = os.ReadFile(args[2]); err != nil {
				return fmt.Errorf("values: %w", err)
			}
		}
		manifests, err = chartFolder(path, values)
	case "manifests":
		manifests, err = os.ReadFile(path)
	default:
		return fmt.Errorf("there is nothing to do with %q", what)
	}
	if err != nil {
		return err
	}
	if err := checkManifests(manifests); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	_, err = out.Write(manifests)
	return err
}
