package proxy

import (
	"errors"
	"fmt"
	"testing"

	"github.com/sluice-pg/sluice/proxy/credential/vault"
)

// Why there is no session is told apart: what is missing is not what the policy
// refuses, and not the database's fault.
func TestReasonsForNoSession(t *testing.T) {
	for want, err := range map[string]error{
		"no logins for replication":        noReplicationLogin.because(errNotSetUp),
		"no credential":                    explainIssue(vault.ErrAway, "shop").because(fmt.Errorf("%w: %w", errNotIssued, vault.ErrAway)),
		"not recorded":                     noTrail.because(fmt.Errorf("%w: disk full", errNotRecorded)),
		"credential refused by the policy": startupError{sqlstate: "42501"}.because(errNoLease),
		"login upstream failed":            explainUpstream(errors.New("refused"), "shop").because(errors.New("refused")),
	} {
		if got := reasonFor(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
