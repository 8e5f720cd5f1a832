package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/sluice-pg/sluice/proxy/credential"
)

// maxKept bounds a text that is kept in KV, in bytes. Keys are below 200.
const maxKept = 16 << 10

// Place is where a text, such as a key, is kept in Vault's engine KV version 2:
// in one field of one secret.
type Place struct {
	// Mount is where the engine is mounted, Path the path of the secret below
	// it, without the data that Vault's API puts between the two.
	Mount, Path string
	Field       string
}

// Validate says what is wrong with a place.
func (p Place) Validate() error {
	problems := []error{checkPath("mount", p.Mount), checkPath("path", p.Path)}
	if !name.MatchString(p.Field) {
		problems = append(problems, fmt.Errorf("the field %q must be letters, digits, '_', '-', '.' and '@'", p.Field))
	}
	return errors.Join(problems...)
}

// String names the place as Vault's own program does, with the field behind.
func (p Place) String() string { return fmt.Sprintf("%s/%s (field %s)", p.Mount, p.Path, p.Field) }

// data is the path of the secret in Vault's API.
func (p Place) data() string { return p.Mount + "/data/" + p.Path }

// ReadKept returns the text at a place, in its latest version. It logs in if
// nobody is; Begin is not needed. A path where there was never anything is an
// fs.ErrNotExist, and nothing else is: not a mount that is missing, a version
// that is deleted, a field that is not there. ErrDenied and ErrAway are what
// they always are. No error quotes what is kept. Go cannot wipe the text, since
// it is a string from the decoder on.
func (c *Client) ReadKept(ctx context.Context, p Place) (credential.Secret, error) {
	text, err := c.readKept(ctx, p)
	return text, wrap("read "+p.String(), err)
}

func (c *Client) readKept(ctx context.Context, p Place) (credential.Secret, error) {
	if err := c.readyFor(ctx, p); err != nil {
		return credential.Secret{}, err
	}
	got, err := c.asLogin(ctx, question{doing: "GET " + p.data(), read: true, path: p.data()})
	var data map[string]any
	if got.Secret != nil {
		data = got.Data
	}
	switch {
	case errors.Is(err, errNothing) && data["metadata"] != nil:
		return credential.Secret{}, lostVersion(data["metadata"])
	case errors.Is(err, errNothing):
		return credential.Secret{}, fmt.Errorf("there is nothing: %w", fs.ErrNotExist)
	case errors.Is(err, ErrDenied):
		return credential.Secret{}, fmt.Errorf("it takes the right read on %s: %w", p.data(), err)
	case err != nil:
		return credential.Secret{}, err
	case versionOf(data["metadata"]) == "":
		return credential.Secret{}, p.notVersioned()
	}
	return p.field(data["data"])
}

// CreateKept writes a text to a place where there is nothing. Vault itself sees
// to that (check-and-set), so of several who create at once one does, and the
// others get an fs.ErrExist; what there is is never overwritten. The other errors
// are those of ReadKept.
func (c *Client) CreateKept(ctx context.Context, p Place, text credential.Secret) error {
	return wrap("write "+p.String(), c.createKept(ctx, p, text))
}

func (c *Client) createKept(ctx context.Context, p Place, text credential.Secret) error {
	if err := c.readyFor(ctx, p); err != nil {
		return err
	}
	if n := len(text.Reveal()); n == 0 || n > maxKept {
		return fmt.Errorf("a text of %d bytes is not kept; it has to be 1 to %d", n, maxKept)
	}
	got, err := c.asLogin(ctx, question{doing: "PUT " + p.data(), path: p.data(), body: map[string]any{
		"data": map[string]any{p.Field: text.Reveal()}, "options": map[string]any{"cas": 0},
	}})
	switch {
	case errors.Is(err, errTaken), errors.Is(err, ErrDenied) && c.taken(ctx, p):
		return fmt.Errorf("somebody was faster: %w", fs.ErrExist)
	case errors.Is(err, ErrDenied):
		return fmt.Errorf("it takes the right create on %s: %w", p.data(), err)
	case err != nil:
		return err
	case got.Secret == nil || versionNumber(got.Data) == "":
		return p.notVersioned()
	}
	return nil
}

// taken tells whether there is something at a place by now. Who may create and
// not update is not told so when writing, but denied.
func (c *Client) taken(ctx context.Context, p Place) bool {
	_, err := c.readKept(ctx, p)
	return !errors.Is(err, fs.ErrNotExist)
}

// MayCreateKept says whether the token may create what is at a place; nil also
// if it may not ask.
func (c *Client) MayCreateKept(ctx context.Context, p Place) error {
	err := c.readyFor(ctx, p)
	if err == nil {
		err = c.checkRights(ctx, []right{{p.data(), "create"}})
	}
	return wrap("create "+p.String(), err)
}

func (c *Client) readyFor(ctx context.Context, p Place) error {
	if err := p.Validate(); err != nil {
		return err
	}
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return errClosed
	}
	return c.firstLogin(ctx)
}

// field takes the text out of what a secret holds.
func (p Place) field(data any) (credential.Secret, error) {
	fields, _ := data.(map[string]any)
	value, there := fields[p.Field]
	text, is := value.(string)
	switch {
	case !there:
		return credential.Secret{}, fmt.Errorf("the secret is there and has no field %q", p.Field)
	case !is:
		return credential.Secret{}, fmt.Errorf("the field %q is not text", p.Field)
	case strings.TrimSpace(text) == "":
		return credential.Secret{}, fmt.Errorf("the field %q is empty", p.Field)
	case len(text) > maxKept:
		return credential.Secret{}, fmt.Errorf("the field %q has %d bytes, and more than %d are not taken", p.Field, len(text), maxKept)
	}
	return credential.NewSecret(text), nil
}

func (p Place) notVersioned() error {
	return fmt.Errorf("what is mounted at %s is not KV version 2", p.Mount)
}

// lostVersion words the metadata of a version that was taken away.
func lostVersion(metadata any) error {
	fields, _ := metadata.(map[string]any)
	if fields["destroyed"] == true {
		return fmt.Errorf("its latest version, %s, is destroyed", versionOf(metadata))
	}
	return fmt.Errorf("its latest version, %s, is deleted; vault kv undelete brings it back", versionOf(metadata))
}

// versionOf reads the number of a version in metadata; empty if there is none.
func versionOf(metadata any) string {
	fields, _ := metadata.(map[string]any)
	return versionNumber(fields)
}

func versionNumber(fields map[string]any) string {
	number, _ := fields["version"].(json.Number)
	if n, err := number.Int64(); err != nil || n < 1 {
		return ""
	}
	return number.String()
}
