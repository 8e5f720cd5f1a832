package harness

import (
	_ "embed" // for Target.java
	"os"
	"path/filepath"
	"testing"
)

// jdbcJar is Debian's JDBC driver.
const jdbcJar = "/usr/share/java/postgresql.jar"

// javaTarget is the class Target, by which the programs log in.
//
//go:embed Target.java
var javaTarget []byte

// CompileJava compiles a program in testdata, with the class Target, and returns the class
// path that runs it with the JDBC driver.
func CompileJava(t testing.TB, file string) string {
	t.Helper()
	if _, err := os.Stat(jdbcJar); err != nil {
		t.Fatalf("the JDBC driver is missing, run ./integration/test or: apt-get install libpostgresql-jdbc-java: %v", err)
	}
	source, err := filepath.Abs(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	classes := t.TempDir()
	target := filepath.Join(classes, "Target.java")
	if err := os.WriteFile(target, javaTarget, 0o600); err != nil {
		t.Fatal(err)
	}
	MustRun(t, Target{Name: "build"}, Command{Program: "javac", Args: []string{"-cp", jdbcJar, "-d", classes, source, target}, Dir: classes})
	return jdbcJar + ":" + classes
}
