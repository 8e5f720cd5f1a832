package vault

import (
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/hashicorp/vault/api"
)

// environmentTurn keeps two clients from seeing each other's environment.
var environmentTurn sync.Mutex

// newClient makes an API client that nothing in the environment has touched.
// The library reads token, namespace, headers and more from VAULT_ variables
// and has no way to forbid it; whoever sets one of them for the command-line
// client must not redirect the proxy. They are put back right away.
func newClient(config *api.Config) (*api.Client, error) {
	environmentTurn.Lock()
	defer environmentTurn.Unlock()
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, "VAULT_") {
			continue
		}
		if err := os.Unsetenv(name); err != nil {
			return nil, fmt.Errorf("set the variable %s aside: %w", name, err)
		}
		defer func() { _ = os.Setenv(name, value) }()
	}
	client, err := api.NewClient(config)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	// The default one looks at VAULT_WRAP_TTL at each call.
	client.SetWrappingLookupFunc(func(string, string) string { return "" })
	return client, nil
}
