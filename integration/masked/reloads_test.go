package masked

import "testing"

// addresses are rows of which one column has a class.
const addresses = "SELECT id, email, country FROM crm.people ORDER BY id"

// reloads changes the policy while statements are on their way: what comes after
// it is what the new policy lets out.
func (s *stage) reloads(t *testing.T) {
	waiters := s.waiters(t)
	t.Run("nothing changes", func(t *testing.T) {
		defer s.under(t, allowing)()
		for _, o := range waiters.interrupted(t, addresses, func() {}) {
			if o.after == "" {
				t.Errorf("%s\n  no canary comes under the policy that lets it out: %s", o.pause, words(o.rows))
			}
		}
	})
	for name, before := range map[string]string{"a rule masks instead of allowing": allowing, "a column gets its class": forgetful} {
		t.Run(name, func(t *testing.T) {
			defer s.under(t, before)()
			for _, o := range waiters.interrupted(t, addresses, func() { s.enforce(t, policy) }) {
				o.hidden(t)
			}
		})
	}
	for name, after := range map[string]string{"a rule allows instead of masking": allowing, "a column loses its class": forgetful} {
		t.Run(name, func(t *testing.T) {
			defer s.under(t, policy)()
			for _, o := range waiters.interrupted(t, addresses, func() { s.enforce(t, after) }) {
				if o.before != "" {
					t.Errorf("%s\n  what comes before it brings %s", o.pause, o.before)
				}
				o.clear(t)
			}
		})
	}
}
