package vault

import (
	"errors"
	"fmt"

	"github.com/hashicorp/vault/api"
)

// Administer makes a client for whoever sets a Vault up for Sluice, such as the
// demo. It reaches Vault as Sluice does: over https unless Vault is on the
// loopback, without redirects, and with nothing of the environment. Of config,
// Address, CA, ServerName, Namespace and Timeout count. The caller gives it a
// token; idle lets its connections go.
func Administer(config Config) (client *api.Client, idle func(), err error) {
	problems := []error{config.checkAddress()}
	if config.Timeout <= 0 {
		problems = append(problems, fmt.Errorf("the timeout %s is none", config.Timeout))
	}
	if err := wrap("configuration", errors.Join(problems...)); err != nil {
		return nil, nil, err
	}
	return connect(&config)
}
