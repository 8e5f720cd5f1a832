package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// Kinds of secrets, as they are named where one was found.
const (
	Password    = "a password"
	VaultToken  = "a token of Vault"
	SecretID    = "a secret id"
	IdentityJWT = "a token of an OpenID provider"
	PrivateKey  = "a private key"
	SCRAMSecret = "a SCRAM secret"
	UnsealKey   = "a key that unseals Vault"
)

// Kinds are those of which a run of all suites learns some.
var Kinds = []string{Password, VaultToken, SecretID, IdentityJWT, PrivateKey, SCRAMSecret, UnsealKey}

// secret is a line of the registry.
type secret struct {
	Kind  string `json:"kind"`
	Value []byte `json:"value"`
}

var learned struct {
	sync.Mutex
	known map[string]bool
}

// LongEnough says whether a text can be looked for: a shorter one would be found
// by chance.
func LongEnough(value string) bool { return len(value) >= head }

// Learn takes note of something that must never appear.
func Learn(kind, value string) {
	folder := os.Getenv(FolderVariable)
	if folder == "" {
		return
	}
	if !LongEnough(value) {
		must(fmt.Errorf("%s of %d bytes is too short to be looked for", kind, len(value)))
	}
	learned.Lock()
	defer learned.Unlock()
	key := folder + "\x00" + value
	if learned.known[key] {
		return
	}
	if learned.known == nil {
		learned.known = map[string]bool{}
	}
	learned.known[key] = true
	must(write(folder, secret{kind, []byte(value)}))
}

// write appends to the registry; every process has a file of its own.
func write(folder string, s secret) error {
	if err := os.MkdirAll(registryFolder(folder), 0o700); err != nil {
		return err
	}
	path := filepath.Join(registryFolder(folder), fmt.Sprintf("%s-%d", suite(), os.Getpid()))
	line, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return appendTo(path, append(line, '\n'))
}

// LearnJWT takes note of a signed token: of its whole, its claims and its
// signature. Its header is the same in many.
func LearnJWT(token string) {
	parts := strings.Split(token, ".")
	for i, text := range append([]string{token}, parts[1:]...) {
		if i == 0 || LongEnough(text) {
			Learn(IdentityJWT, text)
		}
	}
}

// LearnGiven takes note of what a client gives as its password, which may be a
// token.
func LearnGiven(password string) {
	switch {
	case strings.Count(password, ".") == 2 && strings.HasPrefix(password, "eyJ"):
		LearnJWT(password)
	case LongEnough(password):
		Learn(Password, password)
	}
}

// verifier is what PostgreSQL and Sluice hold of a password: the salt, and the
// two keys, each of which is as good as the password for one end of a login.
var verifier = regexp.MustCompile(`SCRAM-SHA-256\$\d+:[A-Za-z0-9+/=]+\$([A-Za-z0-9+/=]{44}):([A-Za-z0-9+/=]{44})`)

// LearnVerifiers takes note of the SCRAM secrets in a text.
func LearnVerifiers(text []byte) {
	for _, found := range verifier.FindAllSubmatch(text, -1) {
		for _, encoded := range found[1:] {
			if key, err := base64.StdEncoding.DecodeString(string(encoded)); err == nil {
				Learn(SCRAMSecret, string(key))
			}
		}
	}
}

// LearnVerifiersOf is LearnVerifiers for a file, if it is there. It may be the
// log of a server, and large.
func LearnVerifiersOf(path string) {
	if !Keeping() {
		return
	}
	file, err := os.Open(path)
	if os.IsNotExist(err) {
		return
	}
	must(err)
	defer file.Close()
	// As long as a verifier, which begins in one part and ends in the next.
	const overlap = 256
	buffer := make([]byte, 1<<20)
	for kept := 0; ; {
		n, err := io.ReadFull(file, buffer[kept:])
		LearnVerifiers(buffer[:kept+n])
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return
		}
		must(err)
		kept = copy(buffer, buffer[len(buffer)-overlap:])
	}
}

// LearnWords takes note of the members of a message of Vault's, in JSON, that
// are secret by their names.
func LearnWords(message []byte) {
	if !Keeping() {
		return
	}
	var value any
	decoder := json.NewDecoder(bytes.NewReader(message))
	if decoder.Decode(&value) == nil {
		learnIn("", value)
	}
}

// members are those of Vault's messages that are secret.
var members = map[string]string{
	"client_token": VaultToken, "token": VaultToken, "root_token": VaultToken,
	"password": Password, "secret_id": SecretID,
	"keys": UnsealKey, "keys_base64": UnsealKey,
}

func learnIn(name string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for inner, value := range v {
			learnIn(inner, value)
		}
	case []any:
		for _, value := range v {
			learnIn(name, value)
		}
	case string:
		if kind := members[name]; kind != "" && isSecret(kind, v) {
			Learn(kind, v)
		}
	}
}

// isSecret leaves out what has the name of a secret and is none: keys are also
// those that a list consists of.
func isSecret(kind, value string) bool {
	return LongEnough(value) && (kind != UnsealKey || unsealKey.MatchString(value))
}

var unsealKey = regexp.MustCompile(`^([0-9a-f]{64,}|[A-Za-z0-9+/]{43,}={0,2})$`)
