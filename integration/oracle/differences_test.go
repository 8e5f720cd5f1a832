package oracle

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// differencesFile lists what servers and the analysis do not read alike.
const differencesFile = "testdata/differences.txt"

// differences are the texts that one server and the analysis do not read
// alike, with who reads them: "server" or "sluice".
type differences map[string]string

// known reads the list for a version. A line is
//
//	WHO FIRST-LAST TEXT
//
// with the versions it holds for, where LAST may be missing, and a text as in
// a pool. The comment above a group of lines is their reason, which has to be
// there.
func known(t *testing.T, version int) differences {
	t.Helper()
	content, err := os.ReadFile(differencesFile)
	if err != nil {
		t.Fatal(err)
	}
	list := differences{}
	reason := false
	for i, line := range strings.Split(string(content), "\n") {
		switch {
		case line == "":
			reason = false
			continue
		case line[0] == '#':
			reason = true
			continue
		case !reason:
			t.Errorf("%s:%d: no reason is given", differencesFile, i+1)
		}
		who, sql, holds, err := difference(line, version)
		if err != nil {
			t.Fatalf("%s:%d: %v", differencesFile, i+1, err)
		}
		if !holds {
			continue
		}
		if list[sql] != "" {
			t.Errorf("%s:%d: is there twice for %d", differencesFile, i+1, version)
		}
		list[sql] = who
	}
	return list
}

// difference reads a line and says whether it holds for a version.
func difference(line string, version int) (who, sql string, holds bool, err error) {
	who, rest, _ := strings.Cut(line, " ")
	versions, sql, _ := strings.Cut(rest, " ")
	if who != "server" && who != "sluice" || sql == "" {
		return "", "", false, fmt.Errorf("%q does not begin with server or sluice", line)
	}
	from, to, _ := strings.Cut(versions, "-")
	first, err := strconv.Atoi(from)
	if err != nil {
		return "", "", false, err
	}
	last := version
	if to != "" {
		if last, err = strconv.Atoi(to); err != nil {
			return "", "", false, err
		}
	}
	if strings.HasPrefix(sql, `"`) {
		if sql, err = strconv.Unquote(sql); err != nil {
			return "", "", false, err
		}
	}
	return who, sql, first <= version && version <= last, nil
}

// written is a text as a line of a list has it.
func written(sql string) string {
	if strings.ContainsAny(sql, "\n\r\t\v\f") || strings.HasPrefix(sql, `"`) || strings.TrimSpace(sql) != sql {
		return strconv.Quote(sql)
	}
	return sql
}
