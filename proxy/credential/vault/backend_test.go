package vault

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/credential/vault/vaulttest"
)

// backendStage is a fake whose roles are on a real server.
type backendStage struct {
	fake   *vaulttest.Server
	roles  *roles
	config Config
	client *Client
	issuer *Issuer
}

func newStage(t *testing.T, options vaulttest.Options) *backendStage {
	t.Helper()
	b := &backendStage{roles: newRoles(t)}
	options.Database = b.roles
	b.fake = newFake(options)
	b.config = config(t, b.fake)
	b.client = open(t, b.config)
	b.issuer = issuer(t, b.client, withControl(t))
	if err := seen(b.client.Begin(t.Context())); err != nil {
		t.Fatal(err)
	}
	return b
}

// over closes the client and checks that nothing is left anywhere.
func (b *backendStage) over(t *testing.T) {
	t.Helper()
	closed(t, b.client)
	nothing(t, b.fake)
	if left := rolesLeft(t); left != "" {
		t.Errorf("roles %s are left", left)
	}
}

func TestEndTerminatesBackends(t *testing.T) {
	b := newStage(t, vaulttest.Options{})
	lease, other := issue(t, b.issuer, "session-1"), issue(t, b.issuer, "session-2")
	if !lease.EndsBackends {
		t.Error("the lease does not say that its backends are ended")
	}
	first, second, stays := work(t, lease), work(t, lease), work(t, other)
	end(t, b.issuer, lease)
	if alive(t, first) || alive(t, second) {
		t.Error("a backend is alive after End")
	}
	if !alive(t, stays) {
		t.Error("another session's backend was ended")
	}
	if strings.Contains(rolesLeft(t), lease.User) {
		t.Error("the role is still there")
	}
	end(t, b.issuer, lease)
	b.over(t)
	if alive(t, stays) {
		t.Error("a backend is alive after Close")
	}
}

// Somebody revokes the lease in Vault: its role is gone, and the session goes
// on with an open cursor. That is noticed within five seconds, and End finds
// the backend by the oid that is left of the role.
func TestRevokedInVaultWithASession(t *testing.T) {
	b := newStage(t, vaulttest.Options{})
	lease := issue(t, b.issuer, "session-1")
	conn := work(t, lease)
	_, changed := lease.Life.Term()
	at := time.Now()
	if err := b.fake.RevokeLease(lease.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "FETCH 5 FROM c").ReadAll(); err != nil {
		t.Fatalf("this tests nothing, the session has ended: %v", err)
	}
	select {
	case <-changed:
	case <-time.After(10 * time.Second):
		t.Fatal("not noticed")
	}
	took := time.Since(at)
	t.Logf("noticed after %s", took)
	if took > 5*time.Second || !errors.Is(termOf(lease).Last, errRevoked) {
		t.Errorf("noticed after %s: %v", took, termOf(lease).Last)
	}
	end(t, b.issuer, lease)
	if alive(t, conn) {
		t.Error("the backend is alive after End")
	}
	b.over(t)
}

// Nobody could look up the role's oid before it was dropped: its backends are
// found by the process ids that the lease was told.
func TestDroppedBeforeAnybodyLooked(t *testing.T) {
	b := newStage(t, vaulttest.Options{})
	lease, stays := issue(t, b.issuer, "session-1"), issue(t, b.issuer, "session-2")
	conn, other := work(t, lease), work(t, stays)
	b.client.mu.Lock()
	for h := range b.client.held {
		if h.id == lease.ID {
			h.oid = ""
		}
	}
	b.client.mu.Unlock()
	if err := b.fake.RevokeLease(lease.ID); err != nil {
		t.Fatal(err)
	}
	end(t, b.issuer, lease)
	if alive(t, conn) || !alive(t, other) {
		t.Error("not just this session's backend was ended")
	}
	b.over(t)
}

// A role that may not log in any more is a revocation as well.
func TestRoleMayNotLogIn(t *testing.T) {
	b := newStage(t, vaulttest.Options{})
	lease := issue(t, b.issuer, "session-1")
	_, changed := lease.Life.Term()
	if err := b.roles.exec(fmt.Sprintf(`ALTER ROLE "%s" NOLOGIN`, lease.User)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
	case <-time.After(5 * time.Second):
		t.Error("not noticed")
	}
	end(t, b.issuer, lease)
	b.over(t)
}

// Vault is away when a session ends: its backend is ended all the same.
func TestVaultIsAwayAtTheEnd(t *testing.T) {
	b := newStage(t, vaulttest.Options{})
	lease := issue(t, b.issuer, "session-1")
	conn := work(t, lease)
	b.fake.Set(vaulttest.Sealed())
	if err := seen(b.issuer.End(t.Context(), lease)); !errors.Is(err, ErrAway) {
		t.Errorf("ended: %v", err)
	}
	if alive(t, conn) {
		t.Error("the backend is alive")
	}
	if n, err := b.issuer.EndLeft(t.Context()); n != 0 || !errors.Is(seen(err), ErrAway) {
		t.Errorf("EndLeft while Vault is away: %d, %v", n, err)
	}
	b.fake.Set()
	if n, err := b.issuer.EndLeft(t.Context()); n != 1 || seen(err) != nil {
		t.Errorf("EndLeft: %d, %v", n, err)
	}
	b.over(t)
}

// The database is away when a session ends: Vault cannot drop the role, and
// nobody can look for backends. Both are done when it is back.
func TestDatabaseIsAwayAtTheEnd(t *testing.T) {
	b := newStage(t, vaulttest.Options{})
	lease := issue(t, b.issuer, "session-1")
	b.roles.setAway(true)
	err := seen(b.issuer.End(t.Context(), lease))
	if err == nil || errors.Is(err, ErrAway) || !strings.Contains(err.Error(), "revoke a lease") {
		t.Errorf("ended: %v", err)
	}
	b.roles.setAway(false)
	if err := seen(b.issuer.End(t.Context(), lease)); err != nil {
		t.Error(err)
	}
	b.over(t)
}

// The process is killed while sessions work; the server does not notice that
// yet. The next start ends their backends, also that of a role which Vault has
// dropped in the meantime.
func TestKilledWithSessions(t *testing.T) {
	b := newStage(t, vaulttest.Options{})
	lease, dropped := issue(t, b.issuer, "session-1"), issue(t, b.issuer, "session-2")
	first, second := work(t, lease), work(t, dropped)
	crash(b.client)
	if err := b.fake.RevokeLease(dropped.ID); err != nil {
		t.Fatal(err)
	}
	if !alive(t, first) || !alive(t, second) {
		t.Fatal("this tests nothing")
	}
	b.client = open(t, b.config)
	b.issuer = issuer(t, b.client, withControl(t))
	if err := seen(b.client.Begin(t.Context())); err != nil {
		t.Fatal(err)
	}
	if alive(t, first) || alive(t, second) {
		t.Error("a backend of the run before is alive")
	}
	if left := b.fake.Leases(); len(left) != 1 || !strings.Contains(left[0], "/control/") {
		t.Errorf("leases %v are left", left)
	}
	b.over(t)
}

// The database is away at the next start: that keeps nobody from the other
// databases, and what is left is ended when it is back.
func TestDatabaseIsAwayAtTheStart(t *testing.T) {
	b := newStage(t, vaulttest.Options{})
	lease := issue(t, b.issuer, "session-1")
	conn := work(t, lease)
	crash(b.client)
	b.roles.setAway(true)
	b.client = open(t, b.config)
	b.issuer = issuer(t, b.client, withControl(t))
	if err := seen(b.client.Begin(t.Context())); err != nil {
		t.Fatal(err)
	}
	if n, err := b.issuer.EndLeft(t.Context()); n != 0 || seen(err) == nil || errors.Is(err, ErrAway) {
		t.Errorf("EndLeft: %d, %v", n, err)
	}
	b.roles.setAway(false)
	eventually(t, "EndLeft succeeds", func() bool {
		_, err := b.issuer.EndLeft(t.Context())
		return seen(err) == nil
	})
	if alive(t, conn) {
		t.Error("a backend of the run before is alive")
	}
	b.over(t)
}

// Nobody calls EndLeft, and what is left is ended all the same.
func TestLeftIsEndedByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFake(vaulttest.Options{})
		c := begin(t, config(t, s))
		i := issuer(t, c, IssuerConfig{})
		lease := issue(t, i, "session-1")
		s.Set(vaulttest.Sealed())
		if err := seen(i.End(t.Context(), lease)); !errors.Is(err, ErrAway) {
			t.Errorf("ended: %v", err)
		}
		time.Sleep(5 * time.Minute)
		s.Set()
		other := issue(t, i, "session-2")
		time.Sleep(2 * leftPoll)
		if left := s.Leases(); len(left) != 1 || left[0] != other.ID {
			t.Errorf("leases %q are left", left)
		}
		closed(t, c)
		nothing(t, s)
	})
}

// Others use the same name: only the session's own backends are ended, whichever
// engine has the password.
func TestSharedUserKeepsOthers(t *testing.T) {
	for engine, role := range map[Engine]string{Static: "reader", KV: "team/shop/reader"} {
		t.Run(engine.String(), func(t *testing.T) { sharedUserKeepsOthers(t, engine, role) })
	}
}

func sharedUserKeepsOthers(t *testing.T, engine Engine, role string) {
	b := newStage(t, vaulttest.Options{})
	config := withControl(t)
	config.Database, config.Engine, config.Roles = "shared", engine, []string{role}
	i := issuer(t, b.client, config)
	issue := func(session string) *credential.Lease {
		r := request(session)
		r.Role = role
		lease, err := i.Issue(t.Context(), r)
		if seen(err) != nil {
			t.Fatal(err)
		}
		return lease
	}
	lease, other := issue("session-1"), issue("session-2")
	if lease.User != other.User || !lease.EndsBackends {
		t.Errorf("users %s, %s", lease.User, other.User)
	}
	conn, stays := work(t, lease), work(t, other)
	end(t, i, lease)
	if alive(t, conn) || !alive(t, stays) {
		t.Error("not just this session's backend was ended")
	}
	end(t, i, other)
	if alive(t, stays) {
		t.Error("the other backend is alive")
	}
	b.over(t)
}

// The control connection's own login is revoked, or comes to its end: there is
// another when it is needed.
func TestControlLoginIsReplaced(t *testing.T) {
	for name, lose := range map[string]func(b *backendStage){
		"revoked": func(b *backendStage) {
			for _, id := range b.fake.Leases() {
				if strings.Contains(id, "/control/") {
					_ = b.fake.RevokeLease(id)
				}
			}
			b.issuer.control.hangUp()
		},
		"at its end": func(b *backendStage) {
			b.client.mu.Lock()
			defer b.client.mu.Unlock()
			h := b.issuer.control.lease
			h.lease.until, h.lease.last = time.Now().Add(time.Minute), errLongest
			b.client.publish(h)
		},
		"cut": func(b *backendStage) { _ = b.issuer.control.conn.Conn().Close() },
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			b := newStage(t, vaulttest.Options{})
			lease := issue(t, b.issuer, "session-1")
			conn := work(t, lease)
			lose(b)
			end(t, b.issuer, lease)
			if alive(t, conn) {
				t.Error("the backend is alive")
			}
			b.over(t)
		})
	}
}

// Its login is revoked when no session needs it: the connection that the server
// lets go on, under no role, does not stay.
func TestControlConnectionOfNoRoleIsClosed(t *testing.T) {
	b := newStage(t, vaulttest.Options{})
	end(t, b.issuer, issue(t, b.issuer, "session-1"))
	k := b.issuer.control
	k.turn <- struct{}{}
	conn, id := k.conn, k.lease.id
	<-k.turn
	if err := b.fake.RevokeLease(id); err != nil {
		t.Fatal(err)
	}
	if !alive(t, conn) {
		t.Fatal("this tests nothing: the connection went with its role")
	}
	eventually(t, "the connection is closed", func() bool {
		time.Sleep(250 * time.Millisecond) // each look takes a connection of its own
		return !alive(t, conn)
	})
	end(t, b.issuer, issue(t, b.issuer, "session-2"))
	b.over(t)
}

func TestControlRoleLacksRights(t *testing.T) {
	b := newStage(t, vaulttest.Options{})
	b.roles.setWeak(true)
	lease := issue(t, b.issuer, "session-1")
	conn := work(t, lease)
	err := seen(b.issuer.End(t.Context(), lease))
	if err == nil || !strings.Contains(err.Error(), "pg_signal_backend") {
		t.Errorf("ended: %v", err)
	}
	if !alive(t, conn) {
		t.Error("this tests nothing")
	}
	// A grant by hand is not enough for a role that is thrown away; the next
	// control login has it.
	b.roles.setWeak(false)
	b.issuer.control.turn <- struct{}{}
	b.issuer.control.retire(t.Context())
	<-b.issuer.control.turn
	end(t, b.issuer, lease)
	if alive(t, conn) {
		t.Error("the backend is alive")
	}
	b.over(t)
}

// Two hundred sessions on a real server: all are issued, watched and ended.
func TestTwoHundredOnAServer(t *testing.T) {
	b := newStage(t, vaulttest.Options{})
	var all sync.WaitGroup
	leases := make([]*credential.Lease, 200)
	for n := range leases {
		all.Go(func() {
			lease, err := b.issuer.Issue(t.Context(), request(fmt.Sprint("session-", n)))
			if seen(err) != nil {
				t.Error(err)
				return
			}
			leases[n] = lease
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	for n := range 20 {
		work(t, leases[n])
	}
	started := time.Now()
	for _, lease := range leases {
		all.Go(func() {
			if err := seen(b.issuer.End(t.Context(), lease)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	t.Logf("200 leases ended in %s", time.Since(started))
	b.over(t)
}
