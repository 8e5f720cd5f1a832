package proxy

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// In a record a member whose name ends in _digest refers to the store. Only
// the request does, and no name of a member is a word of the client's.
func TestRecordsReferOnlyToRequests(t *testing.T) {
	marshaler := reflect.TypeFor[json.Marshaler]()
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type, string)
	walk = func(typ reflect.Type, path string) {
		if seen[typ] || typ.Implements(marshaler) {
			return
		}
		seen[typ] = true
		switch typ.Kind() {
		case reflect.Map:
			t.Errorf("%s is a map: whose words are its keys?", path)
		case reflect.Pointer, reflect.Slice, reflect.Array:
			walk(typ.Elem(), path)
		case reflect.Struct:
			for i := range typ.NumField() {
				field := typ.Field(i)
				name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
				if !field.IsExported() || name == "-" {
					continue
				}
				if name == "" {
					name = field.Name
				}
				if strings.HasSuffix(name, "_digest") && name != "request_digest" {
					t.Errorf("%s.%s would refer to the store", path, name)
				}
				walk(field.Type, path+"."+name)
			}
		}
	}
	for _, record := range []any{
		decisionRecord{}, repeatRecord{}, executeRecord{}, resultRecord{}, openRecord{}, closeRecord{}, leaseRecord{}, policy.Request{},
		chargedRecord{}, reservedRecord{}, refusedRecord{},
	} {
		walk(reflect.TypeOf(record), reflect.TypeOf(record).String())
	}
	if len(seen) < 20 {
		t.Errorf("only %d types were looked at", len(seen))
	}
}

// TestCanonicalBodies: the bodies that write themselves write what everything
// else that records would.
func TestCanonicalBodies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.OneOf(rapid.SampledFrom([]string{"", "00000", "SELECT 1", "query", "a\"b\\c\n\x01é☃\U0001f512<&>"}), rapid.String())
		number := rapid.Int64Range(0, 1<<53-1)
		charged := rapid.Custom(func(t *rapid.T) *chargedRecord {
			to := rapid.Custom(func(t *rapid.T) chargedTo {
				return chargedTo{
					Aside: rapid.Bool().Draw(t, "aside"), Budget: word.Draw(t, "budget"), Class: word.Draw(t, "class"), Bytes: number.Draw(t, "bytes"),
					Fresh: number.Draw(t, "fresh"), Rows: number.Draw(t, "rows"), Subjects: number.Draw(t, "subjects"),
				}
			})
			return &chargedRecord{
				Holder: word.Draw(t, "holder"), Level: rapid.Uint8().Draw(t, "level"), Seen: word.Draw(t, "seen"), To: append([]chargedTo{}, rapid.SliceOfN(to, 0, 3).Draw(t, "to")...),
			}
		}).Draw(t, "charged")
		kind := statement.Kind(rapid.IntRange(0, 12).Draw(t, "kind"))
		bodies := []audit.Canonicalizer{
			&repeatRecord{As: word.Draw(t, "as"), Bytes: int(number.Draw(t, "bytes")), Kind: kind, Road: word.Draw(t, "road")},
			&executeRecord{Decision: word.Draw(t, "decision"), Road: word.Draw(t, "road"), Kind: kind},
			&resultRecord{
				SQLSTATE: word.Draw(t, "sqlstate"), Tag: word.Draw(t, "tag"), Rows: number.Draw(t, "rows"), Bytes: number.Draw(t, "bytes"),
				Limit: word.Draw(t, "limit"), LimitRule: word.Draw(t, "rule"), Micros: number.Draw(t, "micros"),
				Charged:   rapid.SampledFrom([]*chargedRecord{nil, charged}).Draw(t, "charged or not"),
				ErrorHMAC: word.Draw(t, "error"), NoticesKept: number.Draw(t, "kept"), NoticesHMAC: word.Draw(t, "notices"),
			},
			charged,
		}
		for _, b := range bodies {
			want, err := audit.Canonical(b)
			if got := b.AppendCanonical(nil); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%T writes %s, want %s, %v", b, got, want, err)
			}
		}
	})
}
