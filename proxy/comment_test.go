package proxy

import (
	"strings"
	"testing"
)

const knownParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestTraceparent(t *testing.T) {
	good := []string{
		"SELECT 1 /*traceparent='" + knownParent + "'*/",
		"SELECT 1 /*traceparent='" + knownParent + "'*/ ;\n",
		"SELECT 1 /* action='run', traceparent='" + knownParent + "', tracestate='a=b' */",
		"/*traceparent='" + knownParent + "'*/ SELECT 1",
		"/*traceparent='" + knownParent + "'*/ SELECT 1 /* other */",
	}
	for _, text := range good {
		if got := traceparent(text); got != knownParent {
			t.Errorf("%s: %q", text, got)
		}
	}
	bad := []string{
		"", "SELECT 1", "/*", "*/", "/*/", "SELECT 1 /**/",
		"SELECT '/*traceparent=''" + knownParent + "''*/'",
		"SELECT 1 /*traceparent='" + knownParent + "'*/ + 2",
		"SELECT 1 /*traceparent=" + knownParent + "*/",
		"SELECT 1 /*parent='" + knownParent + "'*/",
		"SELECT 1 /*traceparent='01" + knownParent[2:] + "'*/",
		"SELECT 1 /*traceparent='" + strings.ToUpper(knownParent) + "'*/",
		"SELECT 1 /*traceparent='" + strings.ReplaceAll(knownParent, "b7ad6b7169203331", "0000000000000000") + "'*/",
		"SELECT 1 /*traceparent='" + strings.ReplaceAll(knownParent, "0af7651916cd43dd8448eb211c80319c", strings.Repeat("0", 32)) + "'*/",
	}
	for _, text := range bad {
		if got := traceparent(text); got != "" {
			t.Errorf("%s: %q", text, got)
		}
	}
}

// What is found in a text is part of it, and is well-formed.
func FuzzTraceparent(f *testing.F) {
	f.Add("SELECT 1 /*traceparent='" + knownParent + "'*/")
	f.Add("/*traceparent='" + knownParent + "',*/;/*/")
	f.Fuzz(func(t *testing.T, text string) {
		found := traceparent(text)
		if found != "" && (!strings.Contains(text, "traceparent='"+found+"'") || len(found) != len(knownParent)) {
			t.Errorf("%q in %q", found, text)
		}
	})
}
