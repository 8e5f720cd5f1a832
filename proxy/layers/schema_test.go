package layers

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

const schemaFile = "../../examples/sluice.schema.json"

func TestSchemaIsCurrent(t *testing.T) {
	if *rewrite {
		about = currentWords(t)
		if err := os.WriteFile(schemaFile, Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	published, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(published), string(Schema())); diff != "" {
		t.Errorf("%s is not what the types say; write it with -rewrite: %s", schemaFile, diff)
	}
}

// validate says what the schema has against a document, nil if nothing.
func validate(t *testing.T, document string) error {
	t.Helper()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("sluice.schema.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("sluice.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := yaml.Unmarshal([]byte(document), &value); err != nil {
		t.Fatalf("%v in %q", err, document)
	}
	asJSON, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	value, err = jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Validate(value)
}

func TestSchemaAcceptsTheExamples(t *testing.T) {
	for path, line := range map[string]string{
		"../../examples/sluice.yaml":            "# yaml-language-server: $schema=sluice.schema.json\n",
		"../../examples/quickstart/sluice.yaml": "# yaml-language-server: $schema=../sluice.schema.json\n",
	} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, string(data)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if !strings.HasPrefix(string(data), line) {
			t.Errorf("%s does not begin with %s", path, line)
		}
	}
}

// These are mistakes that an editor can show, and each is one for Load too.
func TestSchemaRefusesMistakes(t *testing.T) {
	base := `
listen: [{address: "127.0.0.1:0", plaintext: loopback}]
users: u
auth: [{databases: [all], users: [all], addresses: [all], method: scram-sha-256}]
databases: [{name: shop, upstream: {host: h}, credential: {builtin: {admin: "host=h", group: g}}}]
trail: {dir: t}
limits: {idle: 1h}
`
	if err := validate(t, base); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(Sources{File: file(t, base)}); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{
		{"users: u", "user: u"},
		{"users: u", "users: [u]"},
		{"users: u", "users: 5"},
		{"listen: [{", "listen: [{addres: x, "},
		{"plaintext: loopback", "plaintext: sometimes"},
		{"plaintext: loopback", "plaintext: true"},
		{"method: scram-sha-256", "method: password"},
		{"method: scram-sha-256", "method: scram-sha-256, tls: maybe"},
		{"users: [all]", "users: all"},
		{"host: h}", "host: h, port: 70000}"},
		{"host: h}", "host: h, port: '5432'}"},
		{"host: h}", "host: h, tls: {mode: require}}"},
		{"group: g", "group: g, ttl: 8"},
		{"idle: 1h", "idle: 60"},
		{"idle: 1h", "idle: 1 hour"},
		{"idle: 1h", "connections: -1"},
		{"idle: 1h", "connections: many"},
		{"idle: 1h", "cache_bytes: -5"},
		{"limits: {idle: 1h}", "log: {level: loud}"},
		{"limits: {idle: 1h}", "greeting: 'yes'"},
		{"trail: {dir: t}", "trail: t"},
	} {
		text := strings.Replace(base, c[0], c[1], 1)
		if text == base {
			t.Fatalf("%q is not in the document", c[0])
		}
		if validate(t, text) == nil {
			t.Errorf("the schema accepts %s", c[1])
		}
		if _, err := Load(Sources{File: file(t, text)}); err == nil {
			t.Errorf("Load accepts %s", c[1])
		}
	}
}
