package proxy

import (
	"context"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/proxy/credential"
)

// named issues logins of one name.
type named string

func (n named) Issue(context.Context, credential.Request) (*credential.Lease, error) {
	return &credential.Lease{User: string(n)}, nil
}
func (named) End(context.Context, *credential.Lease) error { return nil }
func (named) EndLeft(context.Context) (int, error)         { return 0, nil }

func TestLoginsOfOneServerAreKnownInAllItsDestinations(t *testing.T) {
	s := &Server{now: time.Now, destinations: map[string]*destination{}}
	for _, name := range []string{"books", "crm", "elsewhere"} {
		s.destinations[name] = &destination{
			server: s, credentials: named("sluice_" + name), ours: map[string]bool{}, ended: map[string]time.Time{},
			issuing: map[uint64]time.Time{}, made: map[uint64]chan struct{}{},
		}
	}
	books, crm, elsewhere := s.destinations["books"], s.destinations["crm"], s.destinations["elsewhere"]
	lease, err := books.Issue(t.Context(), credential.Request{})
	if err != nil {
		t.Fatal(err)
	}
	is := func(what string, d *destination, want bool) {
		t.Helper()
		if got := d.isOurs("sluice_books"); got != want || d.logins("").Live["sluice_books"] != want {
			t.Errorf("%s: the login is the proxy's own: %t, want %t", what, got, want)
		}
	}
	is("where it was issued, before anybody asked which server that is", books, true)
	is("before anybody knows that it is the same server", crm, false)
	books.found("7001")
	elsewhere.found("7002")
	crm.found("7001")
	is("in another database of the server", crm, true)
	is("at another server", elsewhere, false)
	crm.found("") // it could not be asked this time
	is("in another database of a server that is away", crm, true)
	if err := books.End(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	is("a moment after its end", crm, true)

	books.issuing[1], books.made[1] = time.Unix(1, 0), make(chan struct{})
	if l := crm.logins(""); !l.Pending.Equal(time.Unix(1, 0)) {
		t.Errorf("a login that is being issued for another database began at %s", l.Pending)
	}
	waiting, cancel := context.WithCancel(t.Context())
	cancel()
	if err := crm.settle(waiting); err == nil {
		t.Error("nobody waited for the name of a login that is being made for another database")
	}
	if err := elsewhere.settle(waiting); err != nil {
		t.Errorf("another server waited for it: %v", err)
	}
}
