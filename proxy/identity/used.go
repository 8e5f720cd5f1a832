package identity

import (
	"crypto/sha256"
	"sync"
	"time"
)

// maxUsed is how many tokens are remembered as used. Each costs about 100
// bytes, until it expires.
const maxUsed = 50_000

// usedTokens remembers single-use tokens. What is forgotten could be used
// again, so nothing is before it has expired: when all places are taken, logins
// are refused. The zero value is ready.
type usedTokens struct {
	mu    sync.Mutex
	until map[[sha256.Size]byte]time.Time
}

// take marks a token as used, once. It counts by its id (claim jti), or by what
// its signature is about: a signature can be written in several ways.
func (u *usedTokens) take(t *jwt, until, now time.Time) error {
	name, there, err := t.claims.text("jti")
	if err != nil || !there || name == "" {
		name = t.signed
	}
	key := sha256.Sum256([]byte(name))
	u.mu.Lock()
	defer u.mu.Unlock()
	if at, used := u.until[key]; used && now.Before(at) {
		return ErrReplayed
	}
	if len(u.until) >= maxUsed {
		for old, at := range u.until {
			if !now.Before(at) {
				delete(u.until, old)
			}
		}
	}
	if len(u.until) >= maxUsed {
		return ErrUsedFull
	}
	if u.until == nil {
		u.until = make(map[[sha256.Size]byte]time.Time)
	}
	u.until[key] = until
	return nil
}
