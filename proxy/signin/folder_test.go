package signin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func entry(name string) Entry {
	return Entry{Name: name, Host: "db.example.net", Port: "6432", Database: "shop", User: "anna", RootCert: "system"}
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
	}
	return string(data)
}

func TestSave(t *testing.T) {
	folder := Folder(filepath.Join(t.TempDir(), "sluice", "login"))
	if folder.Has("shop") {
		t.Error("there is an entry before it was saved")
	}
	save := func(e Entry, token string) {
		t.Helper()
		if err := folder.Save(e, token); err != nil {
			t.Fatal(err)
		}
	}
	save(entry("shop"), "a.b.c")
	odd := entry("odd")
	odd.Host, odd.User = "::1", `a\b`
	save(odd, "d.e.f")
	moved := entry("shop")
	moved.Port = "7000"
	save(moved, "g.h.i")
	if got := content(t, folder.passFile("shop")); got != "db.example.net:7000:shop:anna:g.h.i\n" {
		t.Errorf("passfile: %q", got)
	}
	if got := content(t, folder.passFile("odd")); got != `\:\:1:6432:shop:a\\b:d.e.f`+"\n" {
		t.Errorf("passfile: %q", got)
	}
	section := func(name, host, port, user string) string {
		return "[" + name + "]\nhost=" + host + "\nport=" + port + "\ndbname=shop\nuser=" + user +
			"\nsslmode=verify-full\nsslrootcert=system\npassfile=" + folder.passFile(name) + "\n"
	}
	if want, got := section("shop", "db.example.net", "7000", "anna")+section("odd", "::1", "6432", `a\b`), content(t, folder.ServiceFile()); got != want {
		t.Errorf("service file:\n%s", got)
	}
	if left, err := os.ReadDir(string(folder)); err != nil || len(left) != 3 {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
	if !folder.Has("shop") || folder.Has("other") || folder.Has("../login/shop") {
		t.Error("the folder does not know its entries")
	}
}

// What a person wrote into the file stays.
func TestOtherSectionsStay(t *testing.T) {
	const old = "# mine\n[a]\nhost=x\n[shop]\nhost=old\n# old\n[b]\nhost=y"
	if got := withSection(old, "shop", "[shop]\nhost=new\n"); got != "# mine\n[a]\nhost=x\n[shop]\nhost=new\n[b]\nhost=y" {
		t.Errorf("%q", got)
	}
	if got := withSection(old, "sho", "[sho]\n"); got != old+"\n[sho]\n" {
		t.Errorf("%q", got)
	}
	// As libpq reads it, which the person may have written.
	if got := withSection("  [shop] # mine\nhost=old\n\t[b]\nhost=y\n", "shop", "[shop]\nhost=new\n"); got != "[shop]\nhost=new\n\t[b]\nhost=y\n" {
		t.Errorf("%q", got)
	}
	if got := withSection("[a]\nx=1\n[a]\nx=2\n", "a", "[a]\nx=3\n"); got != "[a]\nx=3\n" {
		t.Errorf("%q", got)
	}
}

func TestEntriesThatCannotStand(t *testing.T) {
	for name, change := range map[string]func(*Entry){
		"no name":                  func(e *Entry) { e.Name = "" },
		"a path":                   func(e *Entry) { e.Name = "../x" },
		"a bracket":                func(e *Entry) { e.Name = "a]" },
		"no host":                  func(e *Entry) { e.Host = "" },
		"a line break":             func(e *Entry) { e.Host = "x\nsslmode=disable" },
		"a carriage":               func(e *Entry) { e.User = "x\r" },
		"a name with a line break": func(e *Entry) { e.Name = "a\n" },
		"a name of dots":           func(e *Entry) { e.Name = ".." },
		"two hosts":                func(e *Entry) { e.Host = "a,b" },
		"a socket":                 func(e *Entry) { e.Host = "/run/sluice" },
		"space at the end":         func(e *Entry) { e.Database = "shop " },
	} {
		e := entry("shop")
		change(&e)
		folder := Folder(t.TempDir())
		if err := folder.Save(e, "a.b.c"); err == nil || strings.Contains(err.Error(), "a.b.c") {
			t.Errorf("%s: %v", name, err)
		}
		if left, err := os.ReadDir(string(folder)); err != nil || len(left) != 0 {
			t.Errorf("%s: left in the folder: %v, %v", name, left, err)
		}
	}
}
