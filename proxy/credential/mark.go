package credential

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// markKind tells a lease's comment from every other comment.
const markKind = "sluice lease"

// mark is the comment on a lease's role: whose it is, for the sweep, and what
// for, for the administrator who finds it. Everybody who can log in can read
// comments on roles, so it holds names only.
type mark struct {
	Kind     string `json:"kind"`
	Instance string `json:"instance"`
	// Run is the run of the proxy that made it; empty in marks of old.
	Run     string    `json:"run,omitempty"`
	Session string    `json:"session"`
	Subject string    `json:"subject"`
	Expires time.Time `json:"expires"`
}

func (m mark) String() string {
	text, err := json.Marshal(m)
	if err != nil {
		// Strings and a time cannot fail to encode unless the year is
		// beyond 9999; NewBuiltin bounds it.
		return markKind
	}
	return string(text)
}

// parseMark reads a comment; ok is false when it is no lease's.
func parseMark(comment string) (m mark, ok bool) {
	if json.Unmarshal([]byte(comment), &m) != nil {
		return mark{}, false
	}
	return m, m.Kind == markKind && m.Instance != ""
}

// checkInstance accepts the ids that can be compared and read without doubt.
func checkInstance(instance string) error {
	if instance == "" || len(instance) > 64 {
		return fmt.Errorf("instance %q must have 1 to 64 characters", instance)
	}
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
	if strings.Trim(instance, allowed) != "" {
		return fmt.Errorf("instance %q must be letters, digits, '-', '_' and '.'", instance)
	}
	return nil
}
