package tenant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/credential/vault"
)

const (
	// requestTime bounds one request. Vault talks to the database in some.
	requestTime = 40 * time.Second
	// leastLeft is what a token must be good for: the story, and cleaning up.
	leastLeft = 5 * time.Minute
)

// Options say where Vault is, and with which token it is set up.
type Options struct {
	Address string
	// CA is a PEM file with the authorities of Vault's certificate; empty means
	// those of the system.
	CA        string
	Namespace string
	Token     credential.Secret
	// TokenFrom says where the token was found.
	TokenFrom string
}

// Vault is a Vault in which the demo may make itself at home.
type Vault struct {
	options Options
	client  *api.Client
	idle    func()
	name    string // of everything that will be made
	// Left is how long the token is good for; 0 means for ever.
	Left time.Duration
}

// Open looks whether Vault answers, and whether the token may make and remove
// what the demo needs. Nothing is made yet. The caller must Close it.
func Open(ctx context.Context, o Options) (*Vault, error) {
	client, idle, err := vault.Administer(vault.Config{Address: o.Address, CA: o.CA, Namespace: o.Namespace, Timeout: requestTime})
	if err != nil {
		return nil, err
	}
	client.SetToken(o.Token.Reveal())
	v := &Vault{options: o, client: client, idle: idle, name: newName()}
	if err := errors.Join(v.checkToken(ctx), ctx.Err()); err != nil {
		v.Close()
		return nil, err
	}
	if err := v.checkRights(ctx); err != nil {
		v.Close()
		return nil, err
	}
	return v, nil
}

// Close lets the connections go. It removes nothing.
func (v *Vault) Close() { v.idle() }

// checkToken asks Vault about the token.
func (v *Vault) checkToken(ctx context.Context) error {
	answer, err := v.read(ctx, "auth/token/lookup-self")
	if err != nil {
		return v.explain("looking at the token of "+v.options.TokenFrom, err)
	}
	if answer == nil {
		return fmt.Errorf("what answers at %s is no Vault", v.options.Address)
	}
	if uses := number(answer.Data["num_uses"]); uses != 0 {
		return fmt.Errorf("the token of %s can be used %d times only, and the demo might not get to cleaning up; take another", v.options.TokenFrom, uses)
	}
	v.Left = time.Duration(number(answer.Data["ttl"])) * time.Second
	if v.Left != 0 && v.Left < leastLeft {
		return fmt.Errorf("the token of %s ends in %s, and the demo needs it for %s to clean up after itself; take another", v.options.TokenFrom, v.Left, leastLeft)
	}
	return nil
}

// number is a number of Vault's answer; 0 if it is none.
func number(value any) int64 {
	n, _ := value.(json.Number)
	i, _ := n.Int64()
	return i
}

// whole gives a request its own time. It does not end with ctx: of a request
// that was cut short nobody would know whether Vault has done it.
func whole(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), requestTime)
}

func (v *Vault) read(ctx context.Context, path string) (*api.Secret, error) {
	ctx, cancel := whole(ctx)
	defer cancel()
	return v.client.Logical().ReadWithContext(ctx, path)
}

func (v *Vault) write(ctx context.Context, path string, body map[string]any) (*api.Secret, error) {
	ctx, cancel := whole(ctx)
	defer cancel()
	return v.client.Logical().WriteWithContext(ctx, path, body)
}

func (v *Vault) remove(ctx context.Context, path string) error {
	ctx, cancel := whole(ctx)
	defer cancel()
	_, err := v.client.Logical().DeleteWithContext(ctx, path)
	return err
}

// Gone reports whether Vault does not know a lease any more.
func (v *Vault) Gone(ctx context.Context, lease string) (bool, error) {
	_, err := v.write(ctx, "sys/leases/lookup", map[string]any{"lease_id": lease})
	if status(err) == 400 { // "invalid lease"
		return true, nil
	}
	return false, v.explain("looking up a lease", err)
}
