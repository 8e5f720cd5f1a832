package proxy

import (
	"context"
	"encoding/binary"
	"testing"
)

func TestCancelKeys(t *testing.T) {
	keys := newCancelKeys()
	var cancelled string
	session := func(name string) func(context.Context) error {
		return func(context.Context) error { cancelled = name; return nil }
	}
	request := func(pid uint32, key []byte) []byte { return append(binary.BigEndian.AppendUint32(nil, pid), key...) }
	pid1, key1 := keys.add(42, shortKey, session("first"))
	pid2, key2 := keys.add(42, longKey, session("second"))
	if pid1 != 42 || pid2 == 42 || len(key1) != shortKey || len(key2) != longKey {
		t.Fatalf("pids %d and %d, keys of %d and %d bytes", pid1, pid2, len(key1), len(key2))
	}
	for _, c := range []struct {
		body []byte
		want string
	}{
		{request(pid1, key1), "first"},
		{request(pid2, key2), "second"},
		{request(pid1, key2), ""},
		{request(pid2, key2[:shortKey]), ""},
		{request(pid2+1, key2), ""},
		{request(pid1, nil), ""},
		{nil, ""},
	} {
		cancelled = ""
		if act := keys.find(c.body); act != nil {
			if err := act(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if cancelled != c.want {
			t.Errorf("%x cancelled %q, want %q", c.body, cancelled, c.want)
		}
	}
	keys.remove(pid1)
	if keys.find(request(pid1, key1)) != nil {
		t.Error("the key of a session that ended still works")
	}
}
