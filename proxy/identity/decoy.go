package identity

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"slices"
	"strconv"
)

// shape is what a stranger sees of a verifier before proving anything: the
// iteration count and the length of the salt.
type shape struct {
	iterations int
	saltLength int
}

// shapesOf lists the shapes in use, each once, in a fixed order.
func shapesOf(users map[string]verifier) []shape {
	seen := make(map[shape]bool)
	for _, v := range users {
		seen[shape{v.iterations, len(v.salt)}] = true
	}
	if len(seen) == 0 {
		seen[shape{DefaultIterations, saltLength}] = true
	}
	shapes := make([]shape, 0, len(seen))
	for s := range seen {
		shapes = append(shapes, s)
	}
	slices.SortFunc(shapes, func(a, b shape) int {
		return cmp.Or(cmp.Compare(a.iterations, b.iterations), cmp.Compare(a.saltLength, b.saltLength))
	})
	return shapes
}

// lookup returns the verifier of user, or a decoy that looks like one and
// fits no password. The decoy is made in either case, so that both take the
// same time.
func (set *verifierSet) lookup(user string) (v verifier, known bool) {
	decoy := set.decoy(user)
	if v, known = set.users[user]; known {
		return v, true
	}
	return decoy, false
}

// decoy derives from the name what a real user's verifier would show. The
// shape is the one with the highest keyed score for the name: a name keeps
// its shape while the file keeps its shapes, and names spread over all of
// them, so an unusual iteration count does not mark a real user.
func (set *verifierSet) decoy(user string) verifier {
	var chosen shape
	var best []byte
	for _, s := range set.shapes {
		score := set.derive("shape", strconv.Itoa(s.iterations), strconv.Itoa(s.saltLength), user)
		if best == nil || bytes.Compare(score, best) > 0 {
			chosen, best = s, score
		}
	}
	salt := append(set.derive("salt", user), set.derive("more salt", user)...)
	return verifier{
		iterations: chosen.iterations,
		salt:       salt[:chosen.saltLength],
		storedKey:  set.derive("stored", user),
		serverKey:  set.derive("server", user),
	}
}

func (set *verifierSet) derive(parts ...string) []byte {
	mac := hmac.New(sha256.New, set.decoyKey)
	for _, part := range parts {
		mac.Write([]byte(strconv.Itoa(len(part))))
		mac.Write([]byte{':'})
		mac.Write([]byte(part))
	}
	return mac.Sum(nil)
}
