package mask

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write what is found into the testdata files")

// golden holds answers to a file of cases with a blank line between them: a
// question of some lines, a line of four dashes, and the answer.
func golden(t *testing.T, file string, answer func(t *testing.T, question string) string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for part := range strings.SplitSeq(strings.TrimSpace(string(content)), "\n\n") {
		question, want, _ := strings.Cut(part, "\n----\n")
		question = strings.TrimSuffix(question, "\n----")
		got := strings.TrimSpace(answer(t, question))
		if got != strings.TrimSpace(want) && !*rewrite {
			t.Errorf("%s: %s\ngot:\n%s\nwant:\n%s", file, question, got, want)
		}
		out = append(out, question+"\n----\n"+got)
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// testKey is the same in every run, so that pseudonyms can be in files.
func testKey(t testing.TB) Key {
	t.Helper()
	key, err := NewKey(bytes.Repeat([]byte("test "), 8))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// readMask reads a mask as the files of cases write it: a kind and settings,
// such as "partial keep_first=1".
func readMask(t testing.TB, s string) Mask {
	t.Helper()
	words := strings.Fields(s)
	kinds := map[string]Kind{}
	for kind, name := range kindNames {
		kinds[name] = kind
	}
	m := Mask{Kind: kinds[words[0]]}
	for _, word := range words[1:] {
		setting, value, _ := strings.Cut(word, "=")
		setMask(t, &m, setting, value)
	}
	return m
}

func setMask(t testing.TB, m *Mask, setting, value string) {
	t.Helper()
	var err error
	switch setting {
	case "value":
		m.Value = value
	case "keep_first":
		_, err = fmt.Sscan(value, &m.KeepFirst)
	case "keep_last":
		_, err = fmt.Sscan(value, &m.KeepLast)
	case "with":
		m.With = value[0]
	case "to":
		m.To = map[string]Unit{"year": Year, "month": Month, "day": Day}[value]
	case "width":
		m.Width = value
	case "domain":
		m.Domain, m.Key = value, testKey(t)
	case "nokey":
		m.Key = Key{}
	case "as":
		m.As = map[string]Shape{"token": AsToken, "email": AsEmail}[value]
	case "fold":
		m.Fold = true
	default:
		err = fmt.Errorf("no setting %s", setting)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// typeOIDs are the types of the tests by the beginning of their name.
var typeOIDs = map[string]uint32{
	"boolean": 16, "bytea": 17, "name": 19, "bigint": 20, "smallint": 21, "integer": 23, "text": 25, "json": 114,
	"real": 700, "double precision": 701, "macaddr": 829, "inet": 869, "character": 1042, "character varying": 1043, "date": 1082,
	"timestamp without time zone": 1114, "timestamp with time zone": 1184, "numeric": 1700, "uuid": 2950, "jsonb": 3802,
	"interval": 1186, "citext": 20001, "mood": 20002,
}

// readType reads a type by the name that format_type gives it.
func readType(t testing.TB, s string) Type {
	t.Helper()
	base, _, _ := strings.Cut(s, "(")
	oid, ok := typeOIDs[base]
	if !ok {
		t.Fatalf("the tests have no type %q", s)
	}
	return Type{OID: oid, Name: s}
}
