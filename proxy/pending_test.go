package proxy

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sluice-pg/sluice/policy/statement"
)

// queue returns the types of the messages that wait for an answer.
func (p *pending) queueTypes() string {
	var b strings.Builder
	for _, t := range p.queue {
		b.WriteByte(t.typ)
	}
	return b.String()
}

func pushAll(t interface{ Fatal(...any) }, p *pending, types string, log *strings.Builder) {
	for i := range len(types) {
		typ := types[i]
		err := p.push(&ticket{typ: typ, done: func(ok bool) {
			if ok {
				log.WriteByte(typ)
			} else {
				log.WriteByte(typ | 0x20)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestErrorSkipsToSync(t *testing.T) {
	var log strings.Builder
	p := newPending('I', time.Now())
	pushAll(t, p, "PBESPBES", &log)
	if err := p.answered('P', true); err != nil {
		t.Fatal(err)
	}
	if err := p.failed("22012"); err != nil {
		t.Fatal(err)
	}
	pushAll(t, p, "Q", &log)
	if _, err := p.ready('I', time.Now()); err != nil {
		t.Fatal(err)
	}
	if log.String() != "PbeS" || p.queueTypes() != "PBESQ" {
		t.Errorf("done %q, waiting %q", log.String(), p.queueTypes())
	}
}

// What the server reads past is not remembered.
func TestSkippedTakesNoRoom(t *testing.T) {
	var log strings.Builder
	p := newPending('I', time.Now())
	pushAll(t, p, "PBE", &log)
	if err := p.failed("42601"); err != nil {
		t.Fatal(err)
	}
	pushAll(t, p, "PBEQDC", &log)
	if log.String() != "pbepbeqdc" || len(p.queue) != 0 {
		t.Errorf("done %q, waiting %q", log.String(), p.queueTypes())
	}
	pushAll(t, p, "SP", &log)
	if _, err := p.ready('I', time.Now()); err != nil {
		t.Fatal(err)
	}
	if p.queueTypes() != "P" {
		t.Errorf("waiting %q", p.queueTypes())
	}
}

// A server before 14 swallows a Query inside a COPY.
func TestSwallowedQuery(t *testing.T) {
	p := newPending('I', time.Now())
	for range 2 {
		if err := p.push(&ticket{typ: 'Q', copyStarts: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.copyStarted(); err != nil {
		t.Fatal(err)
	}
	if err := p.failed("08P01"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.ready('I', time.Now()); err == nil {
		t.Error("the session goes on, one answer short")
	}
}

// A Sync inside COPY data is sent only if the COPY fails before more data
// follows it.
func TestSyncInsideCopy(t *testing.T) {
	for name, c := range map[string]struct {
		then     func(p *pending)
		sqlstate string
		owed     int
		ends     bool
	}{
		"fails at once":       {func(*pending) {}, "P0001", 2, false},
		"fails on data":       {func(p *pending) { p.copyGoes(false) }, "22P02", 0, false},
		"fails after its end": {func(p *pending) { p.copyGoes(true) }, "23505", 0, false},
		"cancelled":           {func(*pending) {}, "57014", 0, true},
	} {
		p := newPending('I', time.Now())
		if err := p.push(&ticket{typ: 'E', copyStarts: true}); err != nil {
			t.Fatal(err)
		}
		if err := p.copyStarted(); err != nil {
			t.Fatal(err)
		}
		p.hold()
		p.hold()
		if n := p.owed(); n != 0 {
			t.Errorf("%s: %d Syncs are sent while the COPY goes on", name, n)
		}
		c.then(p)
		if err := p.failed(c.sqlstate); (err != nil) != c.ends {
			t.Errorf("%s: got %v", name, err)
		}
		if n := p.owed(); n != c.owed && !c.ends {
			t.Errorf("%s: %d Syncs sent, want %d", name, n, c.owed)
		}
	}
}

func TestAnswersMustFit(t *testing.T) {
	p := newPending('I', time.Now())
	if _, err := p.ready('I', time.Now()); err == nil {
		t.Error("ReadyForQuery without a question")
	}
	if err := p.answered('P', true); err == nil {
		t.Error("ParseComplete without a Parse")
	}
	if err := p.copyStarted(); err == nil {
		t.Error("CopyInResponse without a COPY")
	}
	var log strings.Builder
	pushAll(t, p, "B", &log)
	if err := p.answered('P', true); err == nil {
		t.Error("ParseComplete for a Bind")
	}
}

// A closing session takes no more messages.
func TestCloseIfIdle(t *testing.T) {
	var log strings.Builder
	p := newPending('I', time.Now())
	pushAll(t, p, "Q", &log)
	if p.closeIfIdle() {
		t.Error("closed with a statement under way")
	}
	if _, err := p.ready('T', time.Now()); err != nil {
		t.Fatal(err)
	}
	if p.closeIfIdle() {
		t.Error("closed inside a transaction")
	}
	pushAll(t, p, "Q", &log)
	if _, err := p.ready('I', time.Now()); err != nil {
		t.Fatal(err)
	}
	if !p.closeIfIdle() {
		t.Error("not closed when idle")
	}
	if err := p.push(&ticket{typ: 'Q'}); err != errClosed {
		t.Errorf("push into a closed queue: %v", err)
	}
}

// Whatever a client sends and wherever errors strike, every message is done
// exactly once and in order, and the queue is empty at the end.
func TestQueueKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		types := rapid.StringOfN(rapid.RuneFrom([]rune("PBDECSQ")), 0, 40, -1).Draw(t, "types") + "S"
		var log strings.Builder
		p := newPending('I', time.Now())
		pushAll(t, p, types, &log)
		for len(p.queue) > 0 {
			typ := p.head().typ
			fails := rapid.Bool().Draw(t, "fails")
			switch {
			case typ == 'S' || typ == 'Q' || p.skipping:
				if typ != 'S' && fails && !p.skipping {
					if err := p.failed("22012"); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := p.ready('I', time.Now()); err != nil {
					t.Fatal(err)
				}
			case fails:
				if err := p.failed("22012"); err != nil {
					t.Fatal(err)
				}
			default:
				if err := p.answered(typ, true); err != nil {
					t.Fatal(err)
				}
			}
		}
		if !strings.EqualFold(log.String(), types) {
			t.Fatalf("sent %q, done %q", types, log.String())
		}
	})
}

// While a cancel request is under way nothing joins the queue that it could
// meet, not even what was about to.
func TestPushWaitsForCancel(t *testing.T) {
	p := newPending('I', time.Now())
	p.cancelling = 1
	pushed := make(chan error, 1)
	go func() { pushed <- p.push(&ticket{typ: 'Q'}) }()
	select {
	case err := <-pushed:
		t.Fatalf("pushed into a cancel request: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	p.mu.Lock()
	p.cancelling = 0
	p.mu.Unlock()
	p.changed.Broadcast()
	if err := <-pushed; err != nil || len(p.queue) != 1 {
		t.Errorf("afterwards: %v, %d in the queue", err, len(p.queue))
	}
}

// Nothing is known of functions from a message that may change one up to the
// end of its transaction.
func TestCodeInDoubt(t *testing.T) {
	p := newPending('I', time.Now())
	push := func(typ byte, changes bool) {
		t.Helper()
		if err := p.push(&ticket{typ: typ, changesCode: changes}); err != nil {
			t.Fatal(err)
		}
	}
	ready := func(status byte) {
		t.Helper()
		if _, err := p.ready(status, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	is := func(what string, want bool) {
		t.Helper()
		if got := p.codeInDoubt(); got != want {
			t.Errorf("%s: in doubt %v", what, got)
		}
	}
	push('Q', false)
	is("after a read", false)
	push('Q', true)
	is("a change under way", true)
	ready('I')
	is("what came before it has ended", true)
	ready('I')
	is("it has ended", false)
	push('Q', true)
	ready('T')
	is("its transaction is open", true)
	push('Q', false)
	ready('E')
	is("its transaction has failed", true)
	push('Q', false)
	push('Q', true)
	ready('I')
	is("its transaction has ended, and another change is under way", true)
	ready('I')
	is("all has ended", false)
	// What is skipped counts up to the Sync.
	push('P', false)
	if err := p.failed("42601"); err != nil {
		t.Fatal(err)
	}
	push('E', true)
	is("skipped", true)
	push('S', false)
	ready('I')
	is("after the Sync", false)
}

// A Bind behind a Sync belongs to what comes after: its portal stays though the server
// says that the transaction has ended before the Bind is sent.
func TestPortalBehindSyncStays(t *testing.T) {
	p := newPending('I', time.Now())
	s := &session{pending: p}
	if err := p.push(&ticket{typ: 'S'}); err != nil {
		t.Fatal(err)
	}
	bind := &ticket{typ: 'B'}
	bind.defines = definition{space: p.portals}
	one := means(st(statement.OrdinaryRead))
	if r := s.propose(&bind.defines, only(&one)); r != nil {
		t.Fatal(r)
	}
	if _, err := p.ready('I', time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := p.push(bind); err != nil {
		t.Fatal(err)
	}
	if len(p.portals.meant("", p.segment)) != 1 {
		t.Error("nobody knows what the Execute of it runs")
	}
	if err := p.answered('B', true); err != nil {
		t.Fatal(err)
	}
	if err := p.push(&ticket{typ: 'S'}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.ready('I', time.Now()); err != nil {
		t.Fatal(err)
	}
	if len(p.portals.lookup("")) != 0 {
		t.Error("it outlives its transaction")
	}
}

// What a session makes is told to others each time some of it can be seen, also while
// more is on its way behind it.
func TestShows(t *testing.T) {
	p := newPending('I', time.Now())
	s := &session{pending: p}
	push := func(makes bool) {
		t.Helper()
		if makes {
			s.nextMade()
		}
		if err := p.push(&ticket{typ: 'Q'}); err != nil {
			t.Fatal(err)
		}
	}
	ready := func(status byte, want bool) {
		t.Helper()
		if _, err := p.ready(status, time.Now()); err != nil {
			t.Fatal(err)
		}
		if got := p.shows(); got != want {
			t.Errorf("behind message %d, %c: shows %v", p.settled, status, got)
		}
	}
	push(false)
	ready('I', false)
	push(true)
	push(true)
	push(false)
	ready('I', true)
	if p.made == 0 {
		t.Error("what is still on its way is forgotten")
	}
	ready('T', false)
	ready('I', true)
	if p.made != 0 {
		t.Error("what everybody sees is still being made")
	}
	push(false)
	ready('I', false)
}
