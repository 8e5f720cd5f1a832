package policy_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sluice-pg/sluice/policy"
)

const schemaFile = "../examples/policies/policy.schema.json"

func TestSchemaIsCurrent(t *testing.T) {
	if *rewrite {
		if err := os.WriteFile(schemaFile, policy.Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	published, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(published), string(policy.Schema())); diff != "" {
		t.Errorf("%s is not what the types say; write it with -rewrite: %s", schemaFile, diff)
	}
}

// validate says what the schema has against a document, nil if nothing.
func validate(t *testing.T, document string) error {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(policy.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource("policy.schema.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("policy.schema.json")
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

func TestSchemaAcceptsGoodDocuments(t *testing.T) {
	data, err := os.ReadFile("testdata/documents/good.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases(t, string(data), func(input string) string {
		if err := validate(t, input); err != nil {
			t.Errorf("%q: %v", input, err)
		}
		return ""
	})
	paths, err := filepath.Glob("../examples/policies/*.yaml")
	if err != nil || len(paths) < 5 {
		t.Fatalf("found %d examples: %v", len(paths), err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, string(data)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if !strings.HasPrefix(string(data), "# yaml-language-server: $schema=policy.schema.json\n") {
			t.Errorf("%s does not begin with the line that tells editors about the schema", path)
		}
	}
}

// TestSchemaRefusesWhatIsBuiltWrong: these are mistakes that an editor can
// show, and each is one for Parse too.
func TestSchemaRefusesWhatIsBuiltWrong(t *testing.T) {
	rule := func(keys string) string { return "version: 1\nrules:\n  - {" + keys + "}\n" }
	for _, document := range []string{
		"",
		"rules: []\n",
		"version: 2\n",
		"version: '1'\n",
		"version: 1\nrulez: []\n",
		"version: 1\nrules: {}\n",
		rule("effect: deny"),
		rule("id: No Good, effect: deny"),
		rule("id: a"),
		rule("id: a, effect: alow, kinds: [ddl]"),
		rule("id: a, effect: deny, mode: never"),
		rule("id: a, effect: deny, kinds: [dll]"),
		rule("id: a, effect: deny, kinds: ddl"),
		rule("id: a, effect: deny, users: []"),
		rule("id: a, effect: deny, users: [1]"),
		rule("id: a, effect: deny, methods: [password]"),
		rule("id: a, effect: deny, link: 'javascript:alert(1)'"),
		rule("id: a, effect: deny, when: ''"),
		rule("id: a, effect: deny, usres: [x]"),
		rule("id: a, effect: allow, kinds: [ddl], limits: {rows: 0}"),
		rule("id: a, effect: allow, kinds: [ddl], limits: {bytes: 8MB}"),
		rule("id: a, effect: allow, kinds: [ddl], limits: {duration: 30}"),
		"version: 1\nclasses: {email: {}}\n",
		"version: 1\nclasses: {contact.email: {desc: x}}\n",
		"version: 1\nclasses: {contact.email: {}}\ncolumns: [{columns: [a.b.c]}]\n",
		"version: 1\ndestinations: {Bad Name: {host: h}}\n",
		"version: 1\ndestinations: {a: {host: h, port: 70000}}\n",
		"version: 1\ndestinations: {a: {host: h, floor: {tls: some}}}\n",
		"version: 1\nclients: [{networks: [10.0.0.0/8]}]\n",
		"version: 1\nclients: [{name: a, tls: 'yes'}]\n",
		"version: 1\nfunctions: {known: [{signature: a.f(), body: x, effect: ddl, why: w}]}\n",
		"version: 1\nfunctions: {known: [{signature: a.f()}]}\n",
		"version: 1\ndatabases: {shop: {name: x}}\n",
	} {
		if validate(t, document) == nil {
			t.Errorf("the schema accepts %q", document)
		}
		if _, err := policy.Parse("p.yaml", []byte(document)); err == nil {
			t.Errorf("Parse accepts %q", document)
		}
	}
}

func TestRulesAndWarnings(t *testing.T) {
	p := parse(t, "version: 1\nrules:\n  - {id: a, effect: deny, kinds: [ddl]}\n  - {id: b, effect: allow, mode: warn, kinds: [internal_copy]}\n"+
		"  - {id: c, effect: hold, mode: warn, kinds: [opaque_code]}\n  - {id: d, effect: deny, mode: shadow, users: [eve]}\n")
	rules := []policy.RuleInfo{
		{"a", "deny", "enforce", "p.yaml:3:5", 3},
		{"b", "allow", "warn", "p.yaml:4:5", 4},
		{"c", "hold", "warn", "p.yaml:5:5", 5},
		{"d", "deny", "shadow", "p.yaml:6:5", 6},
	}
	if diff := cmp.Diff(rules, p.Rules()); diff != "" {
		t.Error(diff)
	}
	warnings := []string{
		"p.yaml:4:5: rule b is in mode warn: it allows, and clients are told so",
		"p.yaml:5:5: rule c is in mode warn: it does not hold back anything, clients are only told",
		"p.yaml:6:5: rule d is in mode shadow: it does not deny anything, what it would do is only recorded",
	}
	if diff := cmp.Diff(warnings, p.Warnings()); diff != "" {
		t.Error(diff)
	}
	var none *policy.Policy
	if none.Rules() != nil || none.Warnings() != nil {
		t.Error("a nil policy has rules")
	}
}
