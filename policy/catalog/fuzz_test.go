package catalog

import (
	"bytes"
	"testing"
)

// FuzzLoad answers every question of a load with rows of a server's own
// making. Whatever they hold, the load ends, and what it returns can be
// looked at.
func FuzzLoad(f *testing.F) {
	f.Add([]byte("11\x00pg_catalog\x01" + "2200\x00public"))
	f.Add([]byte("20001\x002200\x00users\x00r\x00p\x00joe\x00t\x00f\x00f\x000\x000\x00\x00"))
	f.Add([]byte("20001\x00{1,-2}\x00[\"a\"]\x00{}\x00{x}\x00-1\x0099999999999"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var rows [][][]byte
		for line := range bytes.SplitSeq(data, []byte{1}) {
			row := bytes.Split(line, []byte{0})
			for have := row; len(row) < 20; {
				row = append(row, have...) // as many columns as any question has
			}
			rows = append(rows, row)
		}
		s, err := Load(t.Context(), answers(func(string) ([][][]byte, error) { return rows, nil }))
		if (s == nil) == (err == nil) {
			t.Fatalf("snapshot %v and error %v", s, err)
		}
		if s == nil {
			return
		}
		sight := Sight{Snapshot: s, Path: []string{"public", "pg_temp_1"}}
		for r := range s.Relations() {
			sight.Find(r.Schema, r.Name)
			s.Descendants(r.OID)
			s.Roots(r.OID)
		}
		sight.Functions("", "f")
	})
}

// FuzzParsePath: a path is read as it is or refused.
func FuzzParsePath(f *testing.F) {
	f.Add([]byte(`["pg_catalog","public"]`))
	f.Add([]byte(`null`))
	f.Add([]byte(`[1]`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		path, err := ParsePath(answer)
		if (path == nil) == (err == nil) {
			t.Fatalf("path %q and error %v", path, err)
		}
	})
}
