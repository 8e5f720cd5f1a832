package house

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/cases"
	"github.com/sluice-pg/sluice/policy/strictyaml"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/layers"
)

// Every YAML file under examples is a configuration, named sluice.yaml, a
// verdict file, with the ending .cases.yml, or a policy, and is accepted.
// Those of Kubernetes and compose are for integration/deploy to read.
func TestExamplesLoad(t *testing.T) {
	configurations, policies := 0, 0
	err := fs.WalkDir(os.DirFS(root), "examples", func(path string, d fs.DirEntry, err error) error {
		ext := filepath.Ext(path)
		if path == "examples/kubernetes" {
			return fs.SkipDir
		}
		if err != nil || d.IsDir() || ext != ".yaml" && ext != ".yml" || d.Name() == "compose.yaml" {
			return err
		}
		switch {
		case filepath.Base(path) == "sluice.yaml":
			configurations++
			_, err = layers.Load(layers.Sources{File: filepath.Join(root, path)})
		case strings.HasSuffix(path, ".cases.yml"):
			_, err = cases.Read(path, []byte(read(t, path)))
		default:
			policies++
			_, err = policy.Parse(path, []byte(read(t, path)))
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if configurations < 2 || policies < 2 {
		t.Errorf("only %d configurations and %d policies were found", configurations, policies)
	}
}

// What a first day's configuration names is beside it, or is told how to
// make.
func TestQuickstartIsComplete(t *testing.T) {
	const folder = "examples/quickstart"
	loaded, err := layers.Load(layers.Sources{File: filepath.Join(root, folder, "sluice.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	c := loaded.Config
	readme := section(t, read(t, "README.md"), "In front of your own database")
	made := []string{c.Users, c.Databases[0].Upstream.TLS.CA}
	for word := range strings.FieldsSeq(c.Databases[0].Credential.Builtin.Admin) {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "passfile", "sslrootcert":
			made = append(made, value)
		case "user":
			if !strings.Contains(read(t, folder+"/prepare.sql"), "CREATE ROLE "+value+" ") {
				t.Errorf("prepare.sql does not create %s", value)
			}
		case "password":
			t.Error("there is a password in the connection string")
		}
	}
	for _, path := range made {
		if name := filepath.Base(path); !strings.Contains(readme, name) {
			t.Errorf("the README does not say where %s comes from", name)
		}
	}
	if _, err := os.Stat(c.Policy); err != nil {
		t.Error(err)
	}
	group := c.Databases[0].Credential.Builtin.Group
	if !strings.Contains(read(t, folder+"/prepare.sql"), "CREATE ROLE "+group+" ") {
		t.Errorf("prepare.sql does not create %s", group)
	}
}

// examples/sluice.yaml shows every setting there is.
func TestEverySettingIsShown(t *testing.T) {
	const name = "examples/sluice.yaml"
	var c proxy.Config
	if err := strictyaml.DecodeStrict(name, []byte(read(t, name)), &c); err != nil {
		t.Fatal(err)
	}
	missing := map[string]bool{}
	unset(reflect.ValueOf(c), "", missing)
	for key, everywhere := range missing {
		// Where there can be only one of several, the others are comments.
		inComment := "# " + key[strings.LastIndex(key, ".")+1:] + ": "
		if everywhere && !strings.Contains(read(t, name), inComment) {
			t.Errorf("%s does not show %s", name, strings.TrimPrefix(key, "."))
		}
	}
}

// unset notes for every key of a configuration whether it is missing in each
// place where it could stand.
func unset(v reflect.Value, key string, missing map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			missing[key] = false
			unset(v.Elem(), key, missing)
			return
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Struct && v.Len() > 0 {
			for i := range v.Len() {
				unset(v.Index(i), key, missing)
			}
			return
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if tag := v.Type().Field(i).Tag.Get("yaml"); tag != "" {
				unset(v.Field(i), key+"."+tag, missing)
			}
		}
		return
	}
	before, seen := missing[key]
	missing[key] = v.IsZero() && (before || !seen)
}

func TestUnsetFindsWhatIsMissing(t *testing.T) {
	type inner struct {
		A string `yaml:"a"`
		B int    `yaml:"b"`
	}
	type outer struct {
		List []inner `yaml:"list"`
		None *inner  `yaml:"none"`
		Flag bool    `yaml:"flag"`
	}
	missing := map[string]bool{}
	unset(reflect.ValueOf(outer{List: []inner{{A: "x"}, {}}}), "", missing)
	want := map[string]bool{".list.a": false, ".list.b": true, ".none": true, ".flag": true}
	if !reflect.DeepEqual(missing, want) {
		t.Errorf("got %v, want %v", missing, want)
	}
}
