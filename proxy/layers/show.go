package layers

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// SchemaVersion is the version of the JSON that WriteJSON writes. It changes
// when a reader has to.
const SchemaVersion = 1

// Value is one setting that is in force.
type Value struct {
	Setting string `json:"setting"`
	// Value is a text, a number, true or false, a list or an object; time
	// spans are texts. Secrets are not in it.
	Value  any    `json:"value"`
	Origin Origin `json:"origin"`
}

// Values are the settings in force, in the order of the file.
func (l *Loaded) Values() []Value {
	var all []Value
	leaves(reflect.ValueOf(l.Config), "", func(name string, v reflect.Value) {
		all = append(all, Value{name, l.plain(name, v), l.origin(name)})
	})
	return all
}

func (l *Loaded) origin(name string) Origin {
	if o, known := l.origins[name]; known {
		return o
	}
	return Origin{Kind: Default}
}

// plain is a value as it is shown.
func (l *Loaded) plain(name string, v reflect.Value) any {
	if v.Type() == durationType {
		return span(time.Duration(v.Int()))
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		if err != nil {
			return Redacted
		}
		return redact(name, string(text))
	}
	switch v.Kind() {
	case reflect.String:
		return redact(name, v.String())
	case reflect.Slice:
		list := []any{}
		for i := range v.Len() {
			list = append(list, l.plain(name, v.Index(i)))
		}
		return list
	case reflect.Map:
		m := map[string]any{}
		for key, one := range v.Seq2() {
			m[key.String()] = l.plain(strictyaml.Join(name, key.String()), one)
		}
		return m
	}
	return v.Interface()
}

// span writes a time span without parts that are zero.
func span(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// WriteJSON writes the settings as one JSON object.
func (l *Loaded) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(struct {
		SchemaVersion int     `json:"schema_version"`
		File          string  `json:"file,omitempty"`
		Settings      []Value `json:"settings"`
	}{SchemaVersion, l.File, l.Values()})
}

// WriteTable writes a line for each setting.
func (l *Loaded) WriteTable(w io.Writer, origin bool) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	last := ""
	if origin {
		last = "\tORIGIN"
	}
	fmt.Fprintf(table, "SETTING\tVALUE%s\n", last)
	for _, v := range l.Values() {
		if origin {
			last = "\t" + v.Origin.String()
		}
		fmt.Fprintf(table, "%s\t%s%s\n", v.Setting, inline(v.Value), last)
	}
	return table.Flush()
}

// WriteYAML writes the settings as a configuration file that says all of it,
// with the origins as comments.
func (l *Loaded) WriteYAML(w io.Writer, origin bool) error {
	d := &document{loaded: l}
	d.structure(reflect.ValueOf(l.Config).Elem(), "", 0)
	width := 0
	for _, one := range d.lines {
		if n := utf8.RuneCountInString(one.text); one.origin != "" && n <= maxAligned {
			width = max(width, n)
		}
	}
	var out bytes.Buffer
	for _, one := range d.lines {
		out.WriteString(one.text)
		if origin && one.origin != "" {
			out.WriteString(strings.Repeat(" ", max(0, width-utf8.RuneCountInString(one.text))) + "  # " + one.origin)
		}
		out.WriteByte('\n')
	}
	_, err := w.Write(out.Bytes())
	return err
}

// maxAligned is how long a line may be, in characters, for the comments of
// the others to stand behind it.
const maxAligned = 60

// document is YAML in the making.
type document struct {
	loaded *Loaded
	lines  []line
}

type line struct{ text, origin string }

func (d *document) structure(v reflect.Value, at string, depth int) {
	for i := range v.NumField() {
		key := keyOf(v.Type().Field(i))
		if key == "" {
			continue
		}
		name, field := strictyaml.Join(at, key), v.Field(i)
		if field.Kind() == reflect.Pointer {
			if field.IsNil() {
				continue
			}
			field = field.Elem()
		}
		indent := strings.Repeat("  ", depth)
		if (field.Kind() == reflect.String || field.Kind() == reflect.Slice) && field.Len() == 0 {
			continue // not given, and there is no default
		}
		switch {
		case isLeaf(field.Type()):
			d.lines = append(d.lines, line{indent + key + ": " + inline(d.loaded.plain(name, field)), d.loaded.origin(name).String()})
		case field.Kind() == reflect.Slice:
			d.lines = append(d.lines, line{text: indent + key + ":"})
			d.list(field, name, depth+1)
		default:
			d.lines = append(d.lines, line{text: indent + key + ":"})
			d.structure(field, name, depth+1)
		}
	}
}

// list writes the entries of a list of structs, each with a dash in front of
// its first key.
func (d *document) list(v reflect.Value, at string, depth int) {
	for i := range v.Len() {
		first := len(d.lines)
		d.structure(v.Index(i), fmt.Sprintf("%s[%d]", at, i), depth+1)
		if first == len(d.lines) {
			continue
		}
		indent := strings.Repeat("  ", depth)
		d.lines[first].text = indent + "- " + strings.TrimPrefix(d.lines[first].text, indent+"  ")
	}
}

// bare are texts that need no quotes.
var bare = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9_./-]*$|^[0-9]+(ns|µs|ms|s|m|h)([0-9]+(ns|µs|ms|s|m|h))*$`)

// taken are words that some readers of YAML do not take for a text.
var taken = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}

// inline writes a value on one line of YAML.
func inline(value any) string {
	switch value := value.(type) {
	case string:
		if bare.MatchString(value) && !slices.Contains(taken, strings.ToLower(value)) {
			return value
		}
		return quoted(value)
	case []any:
		var parts []string
		for _, one := range value {
			parts = append(parts, inline(one))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for key, one := range value {
			parts = append(parts, quoted(key)+": "+inline(one))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(value)
}

// quoted is a text in double quotes, as JSON and YAML both read it.
func quoted(text string) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		return `"` + Redacted + `"`
	}
	return strings.TrimSpace(out.String())
}
