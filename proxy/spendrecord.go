package proxy

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/sluice-pg/sluice/audit"
	shared "github.com/sluice-pg/sluice/policy/budget"
)

// The events about budgets.
const (
	// typeCharged: what was charged since the last record of the session, where
	// that does not stand in the result of a statement.
	typeCharged = "budget.charged"
	// typeReserved: how much of an account is outstanding from here on.
	typeReserved = "budget.reserved"
	// typeRefused: a statement was not run, because its budget is spent.
	typeRefused = "budget.refused"
)

const (
	// maxTabSubjects is how many subjects a record of charges has, and maxTabAge
	// how long it may wait.
	maxTabSubjects = 512
	maxTabAge      = time.Minute
	// tabLook is for how many messages in a row the clock is not read.
	tabLook = 32
)

// chargedRecord says what was charged to one holder's accounts.
type chargedRecord struct {
	Holder string `json:"holder"`
	// Level says how subjects were sampled (shared.Taking).
	Level uint8 `json:"level"`
	// Seen are the subjects that were seen, their hashes as eight bytes each,
	// big-endian, in base64. They count for every account that has rows.
	Seen string      `json:"seen,omitempty"`
	To   []chargedTo `json:"to"`
}

// chargedTo is one account's part.
type chargedTo struct {
	// Aside is true if only errors and the like were charged: subjects seen are
	// none of its own.
	Aside  bool   `json:"aside,omitempty"`
	Budget string `json:"budget"`
	Bytes  int64  `json:"bytes"`
	Class  string `json:"class"`
	// Fresh is how many of the subjects seen are new to it.
	Fresh int64 `json:"fresh,omitempty"`
	Rows  int64 `json:"rows"`
	// Subjects counts rows of which nobody knows whose they are.
	Subjects int64 `json:"subjects,omitempty"`
}

// AppendCanonical implements audit.Canonicalizer.
func (r *chargedRecord) AppendCanonical(dst []byte) []byte {
	dst = audit.AppendString(append(dst, `{"holder":`...), r.Holder)
	dst = strconv.AppendInt(append(dst, `,"level":`...), int64(r.Level), 10)
	if r.Seen != "" {
		dst = audit.AppendString(append(dst, `,"seen":`...), r.Seen)
	}
	dst = append(dst, `,"to":[`...)
	for i := range r.To {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = r.To[i].append(dst)
	}
	return append(dst, "]}"...)
}

func (c *chargedTo) append(dst []byte) []byte {
	number := func(name string, n int64) { dst = strconv.AppendInt(append(dst, name...), n, 10) }
	dst = append(dst, '{')
	if c.Aside {
		dst = append(dst, `"aside":true,`...)
	}
	dst = audit.AppendString(append(dst, `"budget":`...), c.Budget)
	number(`,"bytes":`, c.Bytes)
	dst = audit.AppendString(append(dst, `,"class":`...), c.Class)
	if c.Fresh != 0 {
		number(`,"fresh":`, c.Fresh)
	}
	number(`,"rows":`, c.Rows)
	if c.Subjects != 0 {
		number(`,"subjects":`, c.Subjects)
	}
	return append(dst, '}')
}

// subjects reads Seen.
func (r *chargedRecord) subjects() ([]uint64, error) {
	data, err := base64.StdEncoding.DecodeString(r.Seen)
	if err != nil || len(data)%8 != 0 {
		return nil, fmt.Errorf("the subjects of a record of charges cannot be read")
	}
	all := make([]uint64, 0, len(data)/8)
	for ; len(data) > 0; data = data[8:] {
		all = append(all, binary.BigEndian.Uint64(data))
	}
	return all, nil
}

// reservedRecord is the body of a budget.reserved event.
type reservedRecord struct {
	Holder string `json:"holder"`
	Budget string `json:"budget"`
	Class  string `json:"class"`
	// What may have been taken and stands on no record before this one.
	Rows     int64 `json:"rows"`
	Bytes    int64 `json:"bytes"`
	Subjects int64 `json:"subjects"`
}

func reservedOf(key shared.Key, a shared.Amounts) reservedRecord {
	return reservedRecord{key.Holder, key.Budget, key.Class, a.Rows, a.Bytes, a.Subjects}
}

func (r *reservedRecord) key() shared.Key {
	return shared.Key{Holder: r.Holder, Budget: r.Budget, Class: r.Class}
}

// refusedRecord is the body of a budget.refused event.
type refusedRecord struct {
	Holder string `json:"holder"`
	Rule   string `json:"rule"`
	// Position is the budget's file:line:column.
	Position string `json:"position"`
	Class    string `json:"class"`
	Limit    string `json:"limit"`
	Used     string `json:"used"`
	// Room is when there is room again, RFC 3339 in UTC; empty for never.
	Room string `json:"room,omitempty"`
}

func (o *overrun) refusedRecord() refusedRecord {
	a := o.account
	room := ""
	if !a.room.IsZero() {
		room = a.room.UTC().Format(time.RFC3339)
	}
	return refusedRecord{
		Holder: a.holder, Rule: a.terms.Budget, Position: a.terms.Position, Class: a.terms.Class, Limit: o.limit,
		Used: a.usedWords(), Room: room,
	}
}

// tab is what a session has charged and not put on record. Only fromServer uses
// it, and the session's end. Everything in it is used again.
type tab struct {
	of *charges
	// allowances are those of the accounts, which are returned whenever nothing
	// more is there to be charged.
	allowances []shared.Allowance
	taken      []chargedTo
	seen       []uint64
	level      uint8
	began      time.Time
	pending    bool
	// now is the clock as it was read last, left how many messages may go by
	// before it is read again.
	now  time.Time
	left int

	record chargedRecord
}

// turnTo has the tab be about other accounts.
func (t *tab) turnTo(s *session, c *charges) error {
	if t.of == c {
		return nil
	}
	if err := s.recordTab(s.server.now()); err != nil {
		return err
	}
	t.giveBack()
	t.of, t.allowances = c, t.allowances[:0]
	for i := range c.all {
		t.allowances = append(t.allowances, c.all[i].Allow())
	}
	t.reset()
	return nil
}

// giveBack returns what was allowed and is not needed.
func (t *tab) giveBack() {
	for i := range t.allowances {
		t.allowances[i].Return()
	}
}

func (t *tab) reset() {
	t.taken, t.seen, t.level, t.pending = t.taken[:0], t.seen[:0], 0, false
	for i := range t.of.all {
		key := t.of.all[i].Key()
		t.taken = append(t.taken, chargedTo{Budget: key.Budget, Class: key.Class, Aside: t.of.all[i].onlyQuotes()})
	}
}

// look is the time, as of a few messages ago at most.
func (t *tab) look(now func() time.Time) time.Time {
	if t.left--; t.left < 0 {
		return t.lookAgain(now)
	}
	return t.now
}

func (t *tab) lookAgain(now func() time.Time) time.Time {
	t.now, t.left = now(), tabLook
	return t.now
}

// rest says that nothing more is there to be charged at this moment.
func (t *tab) rest() {
	t.left = 0
	t.giveBack()
}

// add notes what was taken from the account at an index.
func (t *tab) add(i int, m shared.Message, taking shared.Taking) {
	if !t.pending {
		t.pending, t.began = true, t.now
	}
	to := &t.taken[i]
	to.Rows, to.Bytes, to.Subjects = to.Rows+m.Rows, to.Bytes+m.Bytes, to.Subjects+taking.Anonymous
	t.level = max(t.level, taking.Level)
	if taking.Fresh {
		to.Fresh++
		if n := len(t.seen); n == 0 || t.seen[n-1] != m.Subject {
			t.seen = append(t.seen, m.Subject)
		}
	}
}

// full reports whether what is in the tab should be put on record.
func (t *tab) full(now time.Time) bool {
	return len(t.seen) >= maxTabSubjects || t.pending && now.Sub(t.began) > maxTabAge
}

// charged is what is in the tab, nil if nothing is.
func (t *tab) charged() *chargedRecord {
	if !t.pending {
		return nil
	}
	t.record = chargedRecord{Holder: t.of.holder, Level: t.level, To: t.record.To[:0]}
	for _, to := range t.taken {
		if to.Rows != 0 || to.Bytes != 0 {
			t.record.To = append(t.record.To, to)
		}
	}
	if len(t.seen) > 0 {
		data := make([]byte, 0, 8*len(t.seen))
		for _, hash := range t.seen {
			data = binary.BigEndian.AppendUint64(data, hash)
		}
		t.record.Seen = base64.StdEncoding.EncodeToString(data)
	}
	return &t.record
}

// isRecorded is after what was in the tab has been put on record.
func (t *tab) isRecorded(now time.Time) {
	if !t.pending {
		return
	}
	for i := range t.taken {
		to := &t.taken[i]
		t.of.all[i].Recorded(now, shared.Amounts{Rows: to.Rows, Bytes: to.Bytes, Subjects: to.Subjects + to.Fresh})
	}
	t.reset()
}

// recordTab puts on record what was charged.
func (s *session) recordTab(now time.Time) error {
	body := s.tab.charged()
	if body == nil {
		return nil
	}
	if err := s.enqueue(s.event(typeCharged, "", body)); err != nil {
		return err
	}
	s.tab.isRecorded(now)
	return nil
}
