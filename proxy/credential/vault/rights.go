package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// right is what a policy has to allow.
type right struct{ path, capability string }

// rights are those that the login token cannot do without, whoever works.
func (c *Client) rights() []right {
	needed := []right{
		{"auth/token/create", "update"},
		{"auth/token/revoke-accessor", "update"},
		{"sys/leases/renew", "update"},
		{"sys/leases/revoke", "update"},
	}
	for _, i := range c.issuersNow() {
		if !i.config.Apart {
			needed = append(needed, i.rights()...)
		}
	}
	return needed
}

// rights are those without which nothing can be issued.
func (i *Issuer) rights() (needed []right) {
	kinds := map[Engine]string{Dynamic: "/creds/", Static: "/static-creds/", KV: "/data/"}
	for _, role := range i.config.Roles {
		needed = append(needed, right{i.config.Mount + kinds[i.config.Engine] + role, "read"})
	}
	if i.control != nil {
		needed = append(needed, right{i.config.controlMount() + "/creds/" + i.config.ControlRole, "read"})
	}
	return needed
}

// checkRights says which of some rights the login token lacks, before somebody
// waits for what needs them. A token that may not even ask is let through:
// what it lacks shows when it is needed.
func (c *Client) checkRights(ctx context.Context, needed []right) error {
	var paths []string
	for _, r := range needed {
		paths = append(paths, r.path)
	}
	got, err := c.asLogin(ctx, question{
		doing: "ask what the login token may do", path: "sys/capabilities-self", body: map[string]any{"paths": paths},
	})
	if errors.Is(err, ErrDenied) {
		c.log.Debug("the login token may not ask for its rights (update on sys/capabilities-self)")
		return nil
	}
	if err != nil {
		return err
	}
	if got.Secret == nil {
		return errors.New("ask what the login token may do: Vault does not say")
	}
	var missing []string
	for _, r := range needed {
		if !may(got.Data[r.path], r.capability) {
			missing = append(missing, r.capability+" on "+r.path)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return fmt.Errorf("the policies of the login token lack %s: %w", strings.Join(slices.Compact(missing), ", "), ErrDenied)
}

// may reads a list of capabilities.
func may(list any, capability string) bool {
	values, _ := list.([]any)
	return slices.Contains(values, any(capability)) || slices.Contains(values, any("root"))
}
