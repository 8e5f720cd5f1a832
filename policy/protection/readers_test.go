package protection

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write what the tests see into testdata")

// recorded is a Server from the answers that a real one gave.
func recorded(t testing.TB, name string) *Server {
	t.Helper()
	content, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(content))
	s, err := Load(t.Context(), answers(func(sql string) (rows [][][]byte, err error) {
		var one struct {
			Ask  string
			Rows [][]*string
		}
		if !lines.Scan() {
			return nil, fmt.Errorf("no answer is recorded")
		}
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return nil, err
		}
		if ask, _, _ := strings.Cut(sql, "\n"); ask != one.Ask {
			return nil, fmt.Errorf("the answer is to %q, the question is %q: record anew (go test ./integration/protection -rewrite)", one.Ask, ask)
		}
		for _, r := range one.Rows {
			row := make([][]byte, len(r))
			for i, v := range r {
				if v != nil {
					row[i] = append([]byte{}, *v...)
				}
			}
			rows = append(rows, row)
		}
		return rows, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustRelation(t testing.TB, s *Server, schema, name string) *Relation {
	t.Helper()
	r, found := s.Relation(schema, name)
	if !found {
		t.Fatalf("there is no relation %s.%s", schema, name)
	}
	return r
}

// golden holds a text against a file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what is found now; to see the difference: go test ./policy/protection -rewrite; git diff", file)
	}
}

// Who reads each relation of two recorded databases, and how, is on file.
func TestReadersOnFile(t *testing.T) {
	var b strings.Builder
	for _, name := range []string{"source", "destination"} {
		s := recorded(t, name)
		for _, r := range s.Relations() {
			fmt.Fprintf(&b, "%s: %s\n", name, r)
			readers, unknown := s.Readers(r)
			for i := range readers {
				if !readers[i].group {
					fmt.Fprintf(&b, "  %s\n", &readers[i])
				}
			}
			for _, u := range unknown {
				fmt.Fprintf(&b, "  ? %s\n", u.Text)
			}
		}
	}
	golden(t, "testdata/readers.txt", b.String())
}
