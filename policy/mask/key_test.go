package mask

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestKeyPrintsNothing(t *testing.T) {
	const secret = "0123456789abcdef0123456789ABCDEF"
	key, err := NewKey([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	m := Mask{Kind: Pseudonym, Domain: "email", Key: key}
	column := Column{Name: "a", Type: Type{OID: 25}, Mask: m}
	c, err := NewCopy([]Column{column}, DefaultOptions(Text))
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	for _, v := range []any{key, &key, m, &m, column, []Column{column}, c, *c, c.frame, fmt.Errorf("with %v: %w", key, errors.New("x"))} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d"} {
			_, _ = fmt.Fprintf(&log, verb, v)
		}
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		if encoded, err := stdjson.Marshal(v); err == nil {
			log.Write(encoded)
		}
	}
	for _, form := range []string{secret, secret[:8], fmt.Sprintf("%x", secret[:4]), fmt.Sprint([]byte(secret[:4]))[1:10], "48, 49, 50"} {
		if strings.Contains(strings.ToLower(log.String()), strings.ToLower(form)) {
			t.Errorf("the key is in what was printed as %s", form)
		}
	}
}

func TestKeysAreLongEnough(t *testing.T) {
	if _, err := NewKey(make([]byte, 31)); err == nil {
		t.Error("a key of 31 bytes was taken")
	}
}

// Domains, uses and keys have nothing to do with each other.
func TestKeysAreApart(t *testing.T) {
	a, b := testKey(t), Key{}
	if b, _ = NewKey(make([]byte, 32)); a.same(b) || !a.same(testKey(t)) || a.same(Key{}) || !(Key{}).same(Key{}) {
		t.Error("keys are not told apart")
	}
	seen := map[string]bool{}
	for _, key := range []Key{a, b} {
		for _, use := range []string{useText, useUUID} {
			for _, domain := range []string{"email", "e", ""} {
				seen[string(key.derive(use, domain))] = true
			}
		}
	}
	if len(seen) != 12 {
		t.Errorf("only %d keys of 12 differ", len(seen))
	}
}

func TestForSecret(t *testing.T) {
	for kind := range kindNames {
		if got := (Mask{Kind: kind}).ForSecret(); got != (kind == Null || kind == Constant) {
			t.Errorf("%s for secrets: %v", kind, got)
		}
	}
	if (Mask{}).ForSecret() || (Mask{}).Valid() == nil {
		t.Error("no mask is good enough")
	}
}
