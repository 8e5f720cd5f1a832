package layers

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func loaded(t *testing.T, text string, environ ...string) *Loaded {
	t.Helper()
	l, err := Load(Sources{File: file(t, text), Environ: environ})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// What is shown as YAML is a configuration that says the same.
func TestShownYAMLIsTheConfiguration(t *testing.T) {
	l := loaded(t, good, "SLUICE_INSTANCE=true", "SLUICE_LIMITS_IDLE=90m", "SLUICE_AUTH_0_USERS=anna,8,on", "SLUICE_AUTH_1_METHOD=reject", "SLUICE_AUTH_1_USERS=all",
		"SLUICE_AUTH_1_DATABASES=all", "SLUICE_AUTH_1_ADDRESSES=::1,10.0.0.0/8", "SLUICE_LISTEN_1_ADDRESS=[::1]:1", "SLUICE_LISTEN_1_TLS_CERT=/a b \"c\"", "SLUICE_LISTEN_1_TLS_KEY=/k: #")
	for _, origin := range []bool{false, true} {
		var out bytes.Buffer
		if err := l.WriteYAML(&out, origin); err != nil {
			t.Fatal(err)
		}
		again, err := Load(Sources{File: file(t, out.String())})
		if err != nil {
			t.Fatalf("%v in\n%s", err, out.String())
		}
		if diff := cmp.Diff(l.Config, again.Config); diff != "" {
			t.Errorf("%s\nfrom\n%s", diff, out.String())
		}
		if origin != strings.Contains(out.String(), "  # env SLUICE_LIMITS_IDLE\n") {
			t.Errorf("origins wanted: %v, shown:\n%s", origin, out.String())
		}
	}
}

func TestShownJSON(t *testing.T) {
	l := loaded(t, good, "SLUICE_LIMITS_IDLE=90m")
	var out bytes.Buffer
	if err := l.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var shown struct {
		Version  int    `json:"schema_version"`
		File     string `json:"file"`
		Settings []struct {
			Setting string                       `json:"setting"`
			Value   any                          `json:"value"`
			Origin  struct{ Kind, Place string } `json:"origin"`
		} `json:"settings"`
	}
	if err := json.Unmarshal(out.Bytes(), &shown); err != nil {
		t.Fatal(err)
	}
	if shown.Version != 1 || shown.File != l.File || len(shown.Settings) != len(l.Values()) {
		t.Error(out.String())
	}
	got := map[string][3]any{}
	for _, s := range shown.Settings {
		got[s.Setting] = [3]any{s.Value, s.Origin.Kind, strings.TrimPrefix(s.Origin.Place, filepath.Dir(l.File)+"/")}
	}
	for setting, want := range map[string][3]any{
		"limits.connections": {10.0, "file", "sluice.yaml:13:16"},
		"limits.idle":        {"1h30m", "env", "SLUICE_LIMITS_IDLE"},
		"limits.drain":       {"30s", "default", ""},
		"greeting":           {false, "default", ""},
		"auth[0].users":      {[]any{"all"}, "file", "sluice.yaml:6:31"},
	} {
		if diff := cmp.Diff(want, got[setting]); diff != "" {
			t.Errorf("%s: %s", setting, diff)
		}
	}
}

func TestShownTable(t *testing.T) {
	var out bytes.Buffer
	if err := loaded(t, good, "SLUICE_LIMITS_IDLE=90m").WriteTable(&out, true); err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(strings.Fields(out.String()), " "); !strings.HasPrefix(text, "SETTING VALUE ORIGIN listen[0].address \"127.0.0.1:6432\" ") ||
		!strings.Contains(text, "limits.idle 1h30m env SLUICE_LIMITS_IDLE limits.unreachable 1m default ") {
		t.Error(out.String())
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0s", time.Hour: "1h", 90 * time.Minute: "1h30m", 10 * time.Minute: "10m", 61 * time.Second: "1m1s", 10 * time.Hour: "10h", time.Hour + 10*time.Second: "1h0m10s"} {
		if got := span(d); got != want {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
	}
}

// Kinds of values that the configuration does not have today are carried all
// the same.
func TestOtherTypes(t *testing.T) {
	type inner struct {
		Labels map[string]string `yaml:"labels"`
		Ratio  *int              `yaml:"ratio"`
		Sizes  []uint16          `yaml:"sizes"`
		Hidden string
	}
	type outer struct {
		Inner *inner `yaml:"inner"`
	}
	environ := []string{"SLUICE_INNER_LABELS=a=1, b=x=y", "SLUICE_INNER_RATIO=5", "SLUICE_INNER_SIZES=1,2"}
	all, err := fromEnvironment(reflect.TypeFor[outer](), environ, nil)
	if err != nil {
		t.Fatal(err)
	}
	var o outer
	for _, a := range all {
		v, err := reach(reflect.ValueOf(&o).Elem(), a.parts)
		if err == nil {
			err = set(v, a.text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	five := 5
	if diff := cmp.Diff(outer{&inner{Labels: map[string]string{"a": "1", "b": "x=y"}, Ratio: &five, Sizes: []uint16{1, 2}}}, o); diff != "" {
		t.Error(diff)
	}
	if inline(map[string]any{"b": "x y", "a": []any{1, "z"}}) != `{"a": [1, z], "b": "x y"}` {
		t.Error(inline(map[string]any{"b": "x y", "a": []any{1, "z"}}))
	}
	for text, into := range map[string]any{"70000": new(uint16), "-1": new(uint), "1e3": new(int), "a": new(map[string]string), "TRUE": new(bool), "1.5": new(float64)} {
		if set(reflect.ValueOf(into).Elem(), text) == nil {
			t.Errorf("%q was read into %T", text, into)
		}
	}
}
