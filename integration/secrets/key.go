package secrets

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// LearnKeys takes note of the private keys in the files of a folder that are
// named *.key.
func LearnKeys(folder string) {
	if !Keeping() {
		return
	}
	must(filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) || os.IsPermission(err) {
			return nil // a server at work removes files, and its data are its own
		}
		if err != nil || !entry.Type().IsRegular() || !strings.HasSuffix(path, ".key") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return learnKey(text)
	}))
}

// trailKey is the form of the key that signs a trail. Behind the last plus are a
// byte for the algorithm and the seed.
const trailKey = "PRIVATE+KEY+"

// learnKey takes note of the number that a key is, and of the lines of the file
// that it is in. The rest of the file is public.
func learnKey(text []byte) error {
	if bytes.HasPrefix(text, []byte(trailKey)) {
		fields := strings.SplitN(strings.TrimSpace(string(text)), "+", 5)
		data, err := base64.StdEncoding.DecodeString(fields[len(fields)-1])
		if err != nil || len(data) < 1+ed25519.SeedSize {
			return nil // one that a test has broken
		}
		Learn(PrivateKey, string(data[1:]))
		return nil
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil // a key of another program's, in its own form
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return fmt.Errorf("a private key: %w", err)
	}
	elliptic, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return fmt.Errorf("a private key of type %T, which nobody here makes", key)
	}
	number, err := elliptic.Bytes()
	if err != nil {
		return fmt.Errorf("a private key: %w", err)
	}
	Learn(PrivateKey, string(number))
	for _, line := range secretLines(block.Bytes, number) {
		Learn(PrivateKey, line)
	}
	return nil
}

// secretLines are the lines of a PEM file that hold a part of the number.
func secretLines(der, number []byte) []string {
	const inLine = 48 // bytes in a line of 64 characters
	at := strings.Index(string(der), string(number))
	var lines []string
	for from := at / inLine * inLine; at >= 0 && from < at+len(number); from += inLine {
		lines = append(lines, base64.StdEncoding.EncodeToString(der[from:min(from+inLine, len(der))]))
	}
	return lines
}
