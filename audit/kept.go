package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Keeper keeps the private key of a trail somewhere else than in a file.
type Keeper interface {
	// Load returns what is kept. Its error is an fs.ErrNotExist if there was
	// never anything, and for no other reason.
	Load(context.Context) (private string, err error)
	// Create keeps a key where there is none. If there is one by now, it stays,
	// and the error is an fs.ErrExist.
	Create(ctx context.Context, private string) error
	// String says where that is.
	fmt.Stringer
}

// LoadOrCreateKept is LoadOrCreateKey for a key that a keeper has: of several
// processes that make one at once, all get the same. The verifier key is kept at
// the path public; if it is there and the keeper has no key, none is made, since
// the one that was there signed a trail.
func LoadOrCreateKept(ctx context.Context, keeper Keeper, public string) (*Key, error) {
	key, err := LoadKept(ctx, keeper)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = createKept(ctx, keeper, public)
	}
	if err != nil {
		return nil, err
	}
	return key, key.publish(public)
}

// LoadKept returns the key that a keeper has, and makes and changes nothing.
func LoadKept(ctx context.Context, keeper Keeper) (*Key, error) {
	private, err := keeper.Load(ctx)
	switch {
	case errors.Is(err, ErrKey):
		return nil, fmt.Errorf("audit: %w", err)
	case err != nil:
		return nil, fmt.Errorf("audit: the trail's key: %w", err)
	}
	key, err := parseKeyText(private)
	if err != nil {
		return nil, fmt.Errorf("%w in %s", err, keeper)
	}
	return key, nil
}

// CheckPublic tells whether the verifier key at a path is that of the key: one
// that is not there is an fs.ErrNotExist, that of another key an ErrKey.
func (k *Key) CheckPublic(path string) error {
	have, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("audit: reading the verifier key: %w", err)
	}
	if string(have) != k.public+"\n" {
		return fmt.Errorf("audit: %w: %s belongs to another key; move it away if the key was replaced on purpose", ErrKey, path)
	}
	return nil
}

func createKept(ctx context.Context, keeper Keeper, public string) (*Key, error) {
	switch _, err := os.Stat(public); {
	case err == nil:
		return nil, fmt.Errorf("audit: %w: %s has none, and %s is of the one that was there; put it back, or begin a new trail in another folder", ErrKey, keeper, public)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("audit: looking for the verifier key: %w", err)
	}
	key, private, err := generateKey()
	if err != nil {
		return nil, err
	}
	err = keeper.Create(ctx, private)
	if errors.Is(err, fs.ErrExist) {
		// Another process was faster; its key is the key.
		return LoadKept(ctx, keeper)
	}
	if err != nil {
		return nil, fmt.Errorf("audit: keeping the trail's new key: %w", err)
	}
	return key, nil
}
