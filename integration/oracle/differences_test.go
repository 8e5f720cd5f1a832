package oracle

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// differences are the texts that a server and the analysis do not read alike,
// with who reads them: "server" or "sluice".
type differences map[string]string

// known reads the list of a version. A line is "server TEXT" or "sluice
// TEXT", and the comment above a group of them is their reason, which has to
// be there.
func known(t *testing.T, version int) differences {
	t.Helper()
	path := fmt.Sprintf("testdata/differences-%d.txt", version)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	list := differences{}
	reason := false
	for i, line := range strings.Split(string(content), "\n") {
		word, sql, _ := strings.Cut(line, " ")
		switch word {
		case "":
			reason = false
		case "#":
			reason = true
		case "server", "sluice":
			if !reason {
				t.Errorf("%s:%d: no reason is given", path, i+1)
			}
			if strings.HasPrefix(sql, `"`) {
				if sql, err = strconv.Unquote(sql); err != nil {
					t.Fatalf("%s:%d: %v", path, i+1, err)
				}
			}
			list[sql] = word
		default:
			t.Errorf("%s:%d: %q is neither server nor sluice", path, i+1, word)
		}
	}
	return list
}

// written is a text as a line of a list has it.
func written(sql string) string {
	if strings.ContainsAny(sql, "\n\r\t\v\f") || strings.HasPrefix(sql, `"`) || strings.TrimSpace(sql) != sql {
		return strconv.Quote(sql)
	}
	return sql
}
