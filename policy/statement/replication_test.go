package statement

import (
	"encoding/json"
	"strings"
	"testing"
)

// replicationWords is what a text of a replication connection is taken for.
func replicationWords(t *testing.T, text string) string {
	t.Helper()
	a, is := AnalyzeReplication(text)
	switch {
	case !is:
		return "SQL"
	case a.Problem != nil:
		return "not understood"
	}
	c := *a.Statements[0].Replication
	if c.Physical {
		return c.Command + ", physical"
	}
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded) + " shape " + a.Shape
}

// FuzzReplication: whatever a text is, reading it ends, an answer is whole, and
// names come out as the server would have them.
func FuzzReplication(f *testing.F) {
	for _, seed := range []string{
		"IDENTIFY_SYSTEM", "BASE_BACKUP", "START_REPLICATION SLOT s LOGICAL 0/0 (publication_names 'a,\"b\"\"c\"', messages 'off');",
		`CREATE_REPLICATION_SLOT "s" TEMPORARY LOGICAL pgoutput (SNAPSHOT 'use', TWO_PHASE)`, "DROP_REPLICATION_SLOT s WAIT",
		"START_REPLICATION 0/0", "START_REPLICATION SLOT s LOGICAL FFFFFFFF/FFFFFFFF (\"x\xff\" '')", "SELECT 1", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, is := AnalyzeReplication(text)
		if !is {
			return
		}
		if (a.Problem != nil) != (a.Kind == ParseError) || (a.Problem == nil) != (len(a.Statements) == 1) {
			t.Fatalf("%q: %+v", text, a)
		}
		if a.Problem != nil {
			return
		}
		st := a.Statements[0]
		c := st.Replication
		if st.Kind != Replication || a.Kind != Replication || len(st.Effects) != 1 || !strings.HasPrefix(a.Shape, c.Command) {
			t.Fatalf("%q: %+v", text, st)
		}
		if !strings.HasPrefix(strings.TrimLeft(text, " \t\n\r\f"), c.Command) {
			t.Fatalf("%q is taken for %s", text, c.Command)
		}
		for _, name := range append([]string{c.Slot, c.Plugin}, append(c.Publications, c.Options...)...) {
			if len(name) >= nameLength || strings.ContainsRune(name, 0) && !strings.ContainsRune(text, 0) {
				t.Fatalf("%q has the name %q", text, name)
			}
		}
		if closed := strings.HasSuffix(strings.TrimRight(text, " \t\n\r\f"), ";"); closed || c.Physical {
			return
		}
		if again, is := AnalyzeReplication(text + ";"); !is || again.Problem != nil {
			t.Fatalf("%q is understood, and not with a semicolon", text)
		}
	})
}
