package proxy

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/mask"
	"github.com/sluice-pg/sluice/proxy/credential/vault"
)

// MaskKey is a key that pseudonyms are made with. Whoever has it can tell for
// any guess whether a pseudonym stands for it, so it is a secret as the data is.
type MaskKey struct {
	// Name is how masks of the policy name it; those that name none use the
	// one named default.
	Name string `yaml:"name"`
	// File has it as 64 or more hex digits, as openssl rand -hex 32 writes
	// them.
	File string `yaml:"file"`
	// Vault has it kept in Vault in the place of a file, in the engine KV
	// version 2.
	Vault *VaultKey `yaml:"vault"`
}

func (k *MaskKey) fill() {
	if k.Vault != nil {
		k.Vault.fill()
	}
}

func (c *Config) validateMaskKeys(wrong func(string, ...any)) {
	names := map[string]bool{}
	for i := range c.MaskKeys {
		k := &c.MaskKeys[i]
		switch {
		case k.Name == "":
			wrong("mask_keys[%d].name: is needed, such as default", i)
		case names[k.Name]:
			wrong("mask_keys[%d].name: %q is there twice", i, k.Name)
		}
		names[k.Name] = true
		switch {
		case (k.File == "") == (k.Vault == nil):
			wrong("mask_keys[%d]: needs file or vault, one of them", i)
		case k.Vault != nil && c.Vault == nil:
			wrong("mask_keys[%d].vault: needs the section vault", i)
		case k.Vault != nil && k.Vault.Path == "":
			wrong("mask_keys[%d].vault.path: is needed, such as sluice/masks", i)
		case k.Vault != nil:
			if err := k.Vault.Place().Validate(); err != nil {
				wrong("mask_keys[%d].vault: %w", i, err)
			}
		}
	}
}

// keptInVault reports whether a key is kept in Vault.
func (c *Config) keptInVault() bool {
	for i := range c.MaskKeys {
		if c.MaskKeys[i].Vault != nil {
			return true
		}
	}
	return false
}

// OpenMaskKeys reads the keys of pseudonyms, by name. The client may be nil if
// none is kept in Vault. No error quotes a key.
func (c *Config) OpenMaskKeys(ctx context.Context, client *vault.Client) (map[string]mask.Key, error) {
	keys := map[string]mask.Key{}
	for i := range c.MaskKeys {
		k := &c.MaskKeys[i]
		key, err := k.open(ctx, client)
		if err != nil {
			return nil, fmt.Errorf("mask key %s: %w", k.Name, err)
		}
		keys[k.Name] = key
	}
	return keys, nil
}

// CheckFile says what is wrong with a key that is kept in a file; nil for one in
// Vault.
func (k *MaskKey) CheckFile() error {
	if k.Vault != nil {
		return nil
	}
	_, err := k.open(context.Background(), nil)
	return err
}

func (k *MaskKey) open(ctx context.Context, client *vault.Client) (mask.Key, error) {
	if k.Vault != nil {
		kept, err := client.ReadKept(ctx, k.Vault.Place())
		if err != nil {
			return mask.Key{}, err
		}
		return readMaskKey(kept.Reveal())
	}
	text, err := os.ReadFile(k.File)
	if err != nil {
		return mask.Key{}, fmt.Errorf("%w; make one with: (umask 077; openssl rand -hex 32 >%s)", err, k.File)
	}
	return readMaskKey(string(text))
}

// readMaskKey reads a key as openssl rand -hex 32 writes it.
func readMaskKey(digits string) (mask.Key, error) {
	secret, err := hex.DecodeString(strings.TrimSpace(digits))
	if err != nil {
		return mask.Key{}, errMaskKey
	}
	key, err := mask.NewKey(secret)
	clear(secret)
	if err != nil {
		return mask.Key{}, errMaskKey
	}
	return key, nil
}

var errMaskKey = fmt.Errorf("it is not what openssl rand -hex 32 writes: 64 or more hex digits")

// MissingMaskKeys lists the keys that a policy needs and that there are not.
func MissingMaskKeys(p *policy.Policy, keys map[string]mask.Key) []string {
	var missing []string
	for _, name := range p.MaskKeys() {
		if _, have := keys[name]; !have {
			missing = append(missing, name)
		}
	}
	return missing
}
