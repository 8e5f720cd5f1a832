package policy

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/statement"
)

// digest is how the body of a function is named.
var digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// known reads the functions whose bodies were read, by name.
func (r *reader) known(entries []knownEntry) map[string][]*knownFunction {
	known := map[string][]*knownFunction{}
	lines := map[string]int{}
	for i := range entries {
		entry := &entries[i]
		f, err := parseSignature(entry.Signature.Value)
		if err != nil {
			r.errs.Addf(orElse(entry.Signature.Position, entry.Position), "%q is not the signature of a function: %v", entry.Signature.Value, err)
			continue
		}
		if line, double := lines[f.signature]; double {
			r.errs.Addf(entry.Signature.Position, "%s is known already, from line %d", f.signature, line)
		}
		lines[f.signature] = entry.Line
		if !digest.MatchString(entry.Body.Value) {
			r.errs.Addf(orElse(entry.Body.Position, entry.Position), "a known function needs its body as sha256: and 64 hex digits in lower case")
		}
		if strings.TrimSpace(entry.Why.Value) == "" {
			r.errs.Addf(orElse(entry.Why.Position, entry.Position), "a known function needs a why: who read it, and what it does")
		}
		f.body, f.effect, f.position = entry.Body.Value, r.statedEffect(entry), r.source.At(entry.Position)
		known[f.name] = append(known[f.name], f)
	}
	return known
}

func (r *reader) statedEffect(entry *knownEntry) statement.Kind {
	kind, err := statement.ParseKind(entry.Effect.Value)
	at := orElse(entry.Effect.Position, entry.Position)
	switch {
	case entry.Effect.IsZero():
		r.errs.Addf(at, "a known function needs its effect: a kind such as ordinary_read")
	case err != nil:
		r.errs.Addf(at, "%q is not a kind%s", entry.Effect.Value, orKnown(entry.Effect.Value, statedNames()))
	case kind == statement.OpaqueCode || kind == statement.ParseError:
		r.errs.Addf(at, "%s says nothing about a function that was read: state what it does", kind)
	}
	return kind
}

// statedNames lists the kinds that a known function may have.
func statedNames() []string {
	var names []string
	for _, name := range kindNames() {
		if name != statement.OpaqueCode.String() {
			names = append(names, name)
		}
	}
	return names
}

// typeAliases are spellings of types that the server reads and never writes
// (format_type), so that a signature with one would never be met.
var typeAliases = map[string]string{
	"int": "integer", "int2": "smallint", "int4": "integer", "int8": "bigint", "bool": "boolean", "decimal": "numeric",
	"float": "double precision", "float4": "real", "float8": "double precision",
	"varchar": "character varying", "char": "character", "bpchar": "character", "varbit": "bit varying",
	"time": "time without time zone", "timetz": "time with time zone",
	"timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone",
}

// parseSignature reads schema.name(type, type). Names are written as rules
// write them, and types as the server does.
func parseSignature(text string) (*knownFunction, error) {
	open := strings.LastIndexByte(text, '(')
	if open < 0 || !strings.HasSuffix(text, ")") {
		return nil, errors.New("write schema.name(types), such as public.normalize_phone(text)")
	}
	p, err := parsePattern(text[:open])
	switch {
	case err != nil:
		return nil, err
	case p.bare || p.anySchema || p.anyName:
		return nil, errors.New("write the schema and the name, without *")
	}
	var types []string
	if inner := strings.TrimSpace(text[open+1 : len(text)-1]); inner != "" {
		for one := range strings.SplitSeq(inner, ",") {
			one = strings.Join(strings.Fields(one), " ")
			if one == "" {
				return nil, errors.New("a type between the commas is missing")
			}
			base := strings.TrimSuffix(one, "[]")
			if full, short := typeAliases[base]; short {
				return nil, fmt.Errorf("the server writes %s as %s", base, full)
			}
			types = append(types, one)
		}
	}
	return &knownFunction{
		schema: p.schema, name: p.name,
		signature: quote.Name(p.schema, p.name) + "(" + strings.Join(types, ", ") + ")",
	}, nil
}
