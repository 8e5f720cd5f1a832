package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/verify"
)

// trail makes a closed trail of five records, with its key outside or beside
// the records.
func trail(t *testing.T, keyInside bool) (dir, public string) {
	t.Helper()
	root := t.TempDir()
	dir = filepath.Join(root, "trail")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "trail.key")
	if keyInside {
		path = filepath.Join(dir, "trail.key")
	}
	key, err := audit.LoadOrCreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := audit.Open(dir, audit.Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := tr.Append(context.Background(), audit.Event{Type: "decision"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, audit.PublicPath(path)
}

func TestRun(t *testing.T) {
	good, public := trail(t, false)
	inside, _ := trail(t, true)
	bad, badPublic := trail(t, false)
	segment := filepath.Join(bad, "0000000000000000.seg")
	data, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	data[bytes.LastIndex(data, []byte("decision"))] ^= 1
	if err := os.WriteFile(segment, data, 0o600); err != nil {
		t.Fatal(err)
	}
	latest := filepath.Join(good, "latest")
	for _, c := range []struct {
		args []string
		code int
		out  string // in the standard output
		err  string // in the standard error
	}{
		{[]string{"-key", public, good}, 0, "good up to record 4 at 2", ""},
		{[]string{"-key", public, "-expect", "5", "-checkpoint", latest, good}, 0, "good up to record 4", ""},
		{[]string{good}, 0, "good up to record 4", "not forgery"},
		{[]string{"-key", public, "-expect", "6", good}, 4, "BAD: record 5: 6 records were expected", ""},
		{[]string{"-key", badPublic, bad}, 4, "BAD: 0000000000000000.seg, byte ", ""},
		{[]string{"-key", badPublic, bad}, 4, "record 3: the checksum", ""},
		{[]string{"-key", badPublic, good}, 4, "BAD: ", ""},
		{[]string{"-key", public, "-origin", "elsewhere", good}, 4, "BAD: ", ""},
		{[]string{inside}, 1, "", "trail.pub"},
		{[]string{"-key", latest, good}, 1, "", "verifier key"},
		{[]string{"-key", public, filepath.Join(good, "nothing")}, 1, "", "nothing"},
		{[]string{"-key", public, "-checkpoint", public, good}, 1, "", "kept elsewhere"},
		{[]string{}, 2, "", "one directory is needed"},
		{[]string{"a", "b"}, 2, "", "one directory is needed"},
		{[]string{"-expect", "-1", good}, 2, "", "negative"},
		{[]string{"-wrong", good}, 2, "", "usage"},
		{[]string{"-help"}, 0, "", "usage"},
	} {
		var out, errOut bytes.Buffer
		code := run(c.args, &out, &errOut)
		if code != c.code || !strings.Contains(out.String(), c.out) || !strings.Contains(errOut.String(), c.err) {
			t.Errorf("%q: exit %d, expected %d\n%s%s", c.args, code, c.code, out.String(), errOut.String())
		}
	}
}

func TestJSON(t *testing.T) {
	dir, public := trail(t, false)
	var out, errOut bytes.Buffer
	if code := run([]string{"-json", "-key", public, dir}, &out, &errOut); code != 0 {
		t.Fatalf("exit %d: %s", code, errOut.String())
	}
	var r verify.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || !r.OK || r.Good != 5 || r.Segments != 1 || r.GoodTime == "" {
		t.Errorf("%v: %s", err, out.String())
	}
}
