package tenant

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sluice-pg/sluice/proxy/credential"
)

// tokenVariable is where Vault's own tools look first.
const tokenVariable = "VAULT_TOKEN"

// TakeToken finds the token where Vault's own tools find it: in the variable
// VAULT_TOKEN, or in the file .vault-token of the home folder. The variable is
// taken out of the environment, because no program that this one starts needs
// it. from says where the token was.
func TakeToken() (token credential.Secret, from string, err error) {
	if value := strings.TrimSpace(os.Getenv(tokenVariable)); value != "" {
		if err := os.Unsetenv(tokenVariable); err != nil {
			return credential.Secret{}, "", fmt.Errorf("taking %s out of the environment: %w", tokenVariable, err)
		}
		return credential.NewSecret(value), tokenVariable, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return credential.Secret{}, "", fmt.Errorf("%s is not set, and there is no home folder with a .vault-token: %w", tokenVariable, err)
	}
	path := filepath.Join(home, ".vault-token")
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return credential.Secret{}, "", fmt.Errorf("the token for Vault: %w", err)
	}
	value := strings.TrimSpace(string(text))
	if value == "" {
		return credential.Secret{}, "", fmt.Errorf("no token for Vault: set %s, or log in with: vault login (which writes %s)", tokenVariable, path)
	}
	return credential.NewSecret(value), path, nil
}
