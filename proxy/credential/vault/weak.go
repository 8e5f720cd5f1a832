package vault

import (
	"context"
	"fmt"

	"github.com/sluice-pg/sluice/proxy/credential"
)

// share gives out a password that others may know as well. Nothing of it is
// journaled, because there is nothing to revoke.
func (i *Issuer) share(ctx context.Context, request credential.Request) (*credential.Lease, error) {
	kind, doing := "static-creds", "read the static role "+request.Role
	if i.config.Engine == KV {
		kind, doing = "data", "read the secret "+request.Role
	}
	got, err := i.client.asLogin(ctx, question{doing: doing, read: true, path: i.config.Mount + "/" + kind + "/" + request.Role})
	if err != nil {
		return nil, err
	}
	if got.Secret == nil {
		return nil, fmt.Errorf("%s: Vault has nothing there", doing)
	}
	data := got.Data
	if i.config.Engine == KV {
		data, _ = data["data"].(map[string]any)
	}
	user, password, err := userAndPassword(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return &credential.Lease{
		ID:   i.config.Mount + "/" + kind + "/" + request.Role + "#" + request.SessionID,
		User: user, Password: password, Role: request.Group, Expires: i.client.now().Add(longestShared),
		Backends: &credential.Backends{}, EndsBackends: i.control != nil, Weak: true,
	}, nil
}

// endShared ends the backends that logged in with a shared password for this
// lease, and no others of the same user. A process id can belong to somebody
// else once its backend is gone: End has to come when the session ends, and not
// much later.
func (i *Issuer) endShared(ctx context.Context, lease *credential.Lease) error {
	return i.endBackends(ctx, lease, lease.Backends.PIDs())
}

// EndBackends implements credential.BackendEnder: it ends these backends of a
// lease, and no others.
func (i *Issuer) EndBackends(ctx context.Context, lease *credential.Lease, pids []uint32) error {
	return wrap("end a session of a credential", i.endBackends(ctx, lease, pids))
}

func (i *Issuer) endBackends(ctx context.Context, lease *credential.Lease, pids []uint32) error {
	if i.control == nil || len(pids) == 0 {
		return nil
	}
	return i.control.terminate(ctx, backendsOf{user: lease.User, pids: pids, shared: true})
}
