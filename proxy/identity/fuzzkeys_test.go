package identity

import (
	"bytes"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// FuzzKeys reads what a provider could show for keys: no key counts for an
// algorithm of another kind, and none without a name for one that is asked for.
func FuzzKeys(f *testing.F) {
	for _, seed := range []string{
		`{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","kid":"k"}]}`,
		`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"k","use":"enc"}]}`,
		`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQ","kid":"k"},{"kty":"oct","k":"eA","kid":"k"}]}`, `{"keys":{}}`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := readKeys(bytes.NewReader(data))
		if (err == nil) != (len(keys) > 0) {
			t.Fatalf("%d keys, %v", len(keys), err)
		}
		k := &keySet{keys: keys, now: time.Now, fetched: time.Now()}
		for _, algorithm := range append([]string{"HS256", "none", ""}, signatureAlgorithms...) {
			for _, key := range k.matching("k", algorithm) {
				if key.KeyID != "k" || !key.IsPublic() || key.Use == "enc" || jose.SignatureAlgorithm(algorithm) == jose.HS256 || algorithm == "none" || algorithm == "" {
					t.Fatalf("%q counts for %s", key.KeyID, algorithm)
				}
			}
		}
	})
}
