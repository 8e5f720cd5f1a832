package tenant

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"

	"github.com/hashicorp/vault/api"
)

// status is the HTTP status of a refusal of Vault's; 0 if there is none.
func status(err error) int {
	var refusal *api.ResponseError
	if errors.As(err, &refusal) {
		return refusal.StatusCode
	}
	return 0
}

// explain words why something did not work; nil stays nil.
func (v *Vault) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	var unknown x509.UnknownAuthorityError
	switch code := status(err); {
	case errors.As(err, &unknown):
		return fmt.Errorf("%s: nobody known has signed the certificate of Vault at %s; name who did with --vault-ca: %w", doing, v.options.Address, err)
	case code == 0:
		return fmt.Errorf("%s: Vault at %s cannot be reached: %w", doing, v.options.Address, err)
	case code == http.StatusServiceUnavailable:
		return fmt.Errorf("%s: Vault at %s is sealed or not ready; unseal it with: vault operator unseal", doing, v.options.Address)
	case code == http.StatusForbidden:
		return fmt.Errorf("%s: Vault does not allow it: the token of %s is not valid (any more), or its policies do not say so", doing, v.options.TokenFrom)
	case code >= 300 && code < 400, code == 472, code == 473: // what Vault says on standby
		return fmt.Errorf("%s: Vault at %s is a standby; name the active one", doing, v.options.Address)
	default:
		return fmt.Errorf("%s: Vault refuses it with status %d; its log says more", doing, code)
	}
}
