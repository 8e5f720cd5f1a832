package tenant

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// tries is how often something is removed before it is given up, with pause
// between them: Vault may just be coming back.
const (
	tries = 3
	pause = time.Second
)

// belonging is something in Vault to remove.
type belonging struct {
	path string
	by   string // the command that removes it
	// leases is where its leases are given up if they cannot be revoked: their
	// database goes with the demo anyway.
	leases string
}

// note remembers something that is about to be made.
func (t *Tenant) note(b belonging) { t.belongs = append(t.belongs, b) }

// LeftBehind says what could not be removed from Vault.
type LeftBehind struct {
	// Remove are the commands that do.
	Remove []string
	cause  error
}

func (l *LeftBehind) Error() string {
	return fmt.Sprintf("the demo could not remove everything that it had made in Vault; do it with\n  %s\nbecause: %v",
		strings.Join(l.Remove, "\n  "), l.cause)
}

func (l *LeftBehind) Unwrap() error { return l.cause }

// Leave removes everything that was made, whatever has become of the demo; the
// database must still be there, because Vault drops its logins. The error is a
// LeftBehind. A second call does nothing.
func (t *Tenant) Leave() error {
	if t.left {
		return nil
	}
	t.left = true
	ctx := context.Background()
	var behind LeftBehind
	err := t.forget(ctx)
	if err != nil {
		behind.Remove = append(behind.Remove, fmt.Sprintf("vault delete %s$(vault write -field=id %s alias_name=%s alias_mount_accessor=%s)",
			entityByID, entityLookup, t.RoleID, t.accessor))
	}
	errs := []error{err}
	for _, one := range t.belongs {
		if err := t.takeAway(ctx, one); err != nil {
			errs = append(errs, err)
			behind.Remove = append(behind.Remove, one.by)
		}
	}
	if behind.cause = errors.Join(errs...); behind.cause != nil {
		return &behind
	}
	return nil
}

// takeAway removes one thing, and tries again.
func (t *Tenant) takeAway(ctx context.Context, one belonging) (err error) {
	for try := range tries {
		if try > 0 {
			time.Sleep(pause)
		}
		if try == tries-1 && one.leases != "" {
			_, _ = t.write(ctx, one.leases, nil) // the removal tells whether it helped
		}
		if err = t.remove(ctx, one.path); err == nil || status(err) == 403 {
			break
		}
	}
	return t.explain("removing "+one.path, err)
}

// forget removes Vault's note that an AppRole of this name has logged in, which
// stays when the login method goes.
func (t *Tenant) forget(ctx context.Context) error {
	if t.accessor == "" {
		return nil // nobody can have logged in
	}
	answer, err := t.write(ctx, entityLookup, map[string]any{"alias_name": t.RoleID, "alias_mount_accessor": t.accessor})
	if err != nil {
		return t.explain("looking for the note of Sluice's login", err)
	}
	if answer == nil {
		return nil
	}
	id, _ := answer.Data["id"].(string)
	if id == "" {
		return errors.New("Vault does not name its note of Sluice's login")
	}
	return t.takeAway(ctx, belonging{path: entityByID + id})
}
