package doctor

import (
	"context"
	"strings"

	"github.com/sluice-pg/sluice/proxy/identity"
)

const providerKeys = "oidc.keys"

// lookAtProvider asks an OpenID provider for its keys, as a login by token does.
func lookAtProvider(ctx context.Context, f *findings, issuer identity.Issuer) {
	all, err := identity.OpenProviders([]identity.Issuer{issuer}, nil)
	if err != nil {
		f.problem(providerKeys, "Put the file there, with the certificate of who signed the provider's.", "%v", err)
		return
	}
	defer all.Close()
	ask := "curl "
	if issuer.CA != "" {
		ask += "--cacert " + issuer.CA + " "
	}
	ask += strings.TrimSuffix(issuer.URL, "/") + "/.well-known/openid-configuration"
	switch n, err := all.Named(issuer.Name).Keys(ctx); {
	case err != nil:
		f.problem(providerKeys, ask+"\nUntil it answers, nobody can log in with its tokens. A proxy that runs has keys for an hour at most.", "%v", err)
	case n == 0:
		f.problem(providerKeys, "Add the algorithm that the provider signs with to oidc[].algorithms.",
			"none of its keys is for %s", strings.Join(issuer.Algorithms, ", "))
	default:
		f.ok(providerKeys, "%s shows %s", issuer.URL, counted(n, "key"))
	}
}
