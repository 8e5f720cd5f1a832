package layers

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/sluice-pg/sluice/policy/strictyaml"
	"github.com/sluice-pg/sluice/proxy"
)

// Sources are what a configuration is put together from.
type Sources struct {
	// File is the path of the file; empty looks for one (see find) and, if
	// there is none, works without as long as something else is given.
	File string
	// Environ are variables of the form NAME=value.
	Environ []string
	// Flags are settings from the command line, in its order.
	Flags []FlagValue
}

// FlagValue is a setting from the command line.
type FlagValue struct {
	// Flag is what was typed, for people, as --set or --listen.
	Flag string
	// Setting is its name.
	Setting string
	Value   string
}

// Loaded is a configuration with the origins of its values.
type Loaded struct {
	Config *proxy.Config
	// File is the file that was read, empty if there was none.
	File    string
	origins map[string]Origin
}

// Load puts a configuration together and checks it. The error names the place
// of every mistake. If only the check failed, the configuration is returned
// beside the error, to be looked at and not to be used.
func Load(s Sources) (*Loaded, error) {
	l := &Loaded{Config: new(proxy.Config), origins: map[string]Origin{}}
	t := reflect.TypeFor[proxy.Config]()
	fromEnv, envErr := fromEnvironment(t, s.Environ, pathSettings())
	file, err := find(s.File, s.Environ)
	if err != nil && (s.File != "" || len(fromEnv)+len(s.Flags) == 0) {
		return nil, fmt.Errorf("configuration: %w", errors.Join(err, envErr))
	}
	if file != "" {
		if err := l.readFile(file); err != nil {
			return nil, fmt.Errorf("configuration: %w", errors.Join(err, envErr))
		}
	}
	if envErr != nil {
		return nil, fmt.Errorf("configuration: %w", envErr)
	}
	if err := l.overlay(append(fromEnv, fromFlags(s.Flags)...)); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if err := l.Config.Complete(dir); err != nil {
		return l, fmt.Errorf("configuration: %w", l.explain(err))
	}
	return l, nil
}

// readFile reads the document; its relative paths are relative to it.
func (l *Loaded) readFile(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	document, err := strictyaml.Open(path, data)
	if err != nil {
		return withoutSecrets(err)
	}
	if err := document.Decode(l.Config); err != nil {
		return withoutSecrets(err)
	}
	l.File = path
	for name, at := range document.Places() {
		l.origins[name] = Origin{Kind: File, Place: document.At(at)}
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return err
	}
	l.Config.Anchor(dir)
	return nil
}

// overlay puts values over those that are there.
func (l *Loaded) overlay(all []assignment) error {
	var faults []error
	for _, a := range all {
		v, err := reach(reflect.ValueOf(l.Config).Elem(), a.parts)
		if err == nil {
			if err = set(v, a.text); err != nil {
				err = fmt.Errorf("%s %w", path(a.parts), err)
			}
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", a.origin, err))
			continue
		}
		l.origins[path(a.parts)] = a.origin
	}
	return errors.Join(faults...)
}

func fromFlags(flags []FlagValue) []assignment {
	var all []assignment
	for _, f := range flags {
		all = append(all, assignment{split(f.Setting), f.Value, Origin{Kind: Flag, Place: f.Flag}})
	}
	return all
}

// SetFlag reads the value of --set, KEY=VALUE.
func SetFlag(text string) (FlagValue, error) {
	setting, value, found := strings.Cut(text, "=")
	if !found || setting == "" {
		return FlagValue{}, errors.New("write KEY=VALUE, as in limits.connections=100")
	}
	return FlagValue{Flag: "--set", Setting: setting, Value: value}, nil
}

// pathSettings are the settings that name a file or folder, with the entries
// of lists left open: those that proxy.Config reads as relative to something.
func pathSettings() map[string]bool {
	const anchor = "/anchor"
	c := sample(reflect.TypeFor[proxy.Config]()).Interface().(proxy.Config)
	c.Anchor(anchor)
	paths := map[string]bool{}
	leaves(reflect.ValueOf(c), "", func(name string, v reflect.Value) {
		if v.Kind() == reflect.String && strings.HasPrefix(v.String(), anchor+"/") {
			paths[unindexed(name)] = true
		}
	})
	return paths
}

// Warnings says what is odd about a configuration that is valid, each with
// the place it stands at.
func (l *Loaded) Warnings() []string {
	var all []string
	for _, warning := range l.Config.Warnings() {
		all = append(all, l.placed(errors.New(warning)).Error())
	}
	return all
}
