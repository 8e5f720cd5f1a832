package layers

import (
	_ "embed"
	"reflect"
	"strings"

	"github.com/sluice-pg/sluice/policy/strictyaml"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/identity"
)

// words.txt has the comment of every setting: the Go name, a tab, the text.
// The test TestWordsAreCurrent writes it from the source.
//
//go:embed words.txt
var wordsFile string

// about are the texts of words.txt by Go name, such as proxy.Listen.Address.
var about = readWords(wordsFile)

func readWords(file string) map[string]string {
	texts := map[string]string{}
	for line := range strings.Lines(file) {
		name, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		texts[name] = text
	}
	return texts
}

// words are the accepted texts of settings that have few.
func words(accepted ...string) strictyaml.Form {
	return strictyaml.Form{"type": "string", "enum": accepted}
}

// least is a number with a lower bound.
func least(n int) strictyaml.Form { return strictyaml.Form{"type": "integer", "minimum": n} }

// forms narrow what an editor accepts, by Go name. They repeat what Complete
// checks, and a test holds the two together.
var forms = map[string]strictyaml.Form{
	"proxy.Listen.Plaintext":      words("never", "loopback", "any"),
	"proxy.Upstream.Port":         {"type": "integer", "minimum": 1, "maximum": 65535},
	"proxy.UpstreamTLS.Mode":      words("verify-full", "disable"),
	"proxy.LogConfig.Level":       words("debug", "info", "warn", "error"),
	"proxy.LogConfig.Format":      words("text", "json"),
	"proxy.Limits.Connections":    least(0),
	"proxy.Limits.StatementBytes": least(0),
	"proxy.Limits.Operators":      least(0),
	"proxy.Limits.CacheBytes":     least(0),
	"identity.Rule.TLS":           words("required", "absent", "any"),
	"identity.Rule.Method":        words(identity.Methods()...),
}

// Schema is the JSON Schema (draft 07) of the configuration file, for editors.
// It asks for no key, because any setting can come from elsewhere. What more
// is wrong with a configuration, sluice config check knows.
func Schema() []byte {
	return strictyaml.Schema(reflect.TypeFor[proxy.Config](), "Configuration of Sluice", func(owner reflect.Type, f reflect.StructField) strictyaml.Key {
		name := owner.String() + "." + f.Name
		return strictyaml.Key{About: about[name], Value: forms[name]}
	})
}

// Setting is a setting there is, for the manual page.
type Setting struct {
	// Name leaves the entries of lists open, as listen[].address.
	Name  string
	About string
}

// Settings lists every setting, in the order of the file.
func Settings() []Setting {
	var all []Setting
	describeSettings(reflect.TypeFor[proxy.Config](), "", &all)
	return all
}

func describeSettings(t reflect.Type, at string, all *[]Setting) {
	switch {
	case t.Kind() == reflect.Pointer:
		describeSettings(t.Elem(), at, all)
	case t.Kind() == reflect.Slice && !isLeaf(t):
		describeSettings(t.Elem(), at+"[]", all)
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			key := keyOf(f)
			if key == "" {
				continue
			}
			if isLeaf(f.Type) {
				*all = append(*all, Setting{strictyaml.Join(at, key), about[t.String()+"."+f.Name]})
				continue
			}
			describeSettings(f.Type, strictyaml.Join(at, key), all)
		}
	}
}
