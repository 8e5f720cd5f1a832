package ledger_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/audit/record"
)

// Bodies that are drawn.

func someOf[T any](rt *rapid.T, what string, n int, draw func() T) []T {
	var list []T
	for range rapid.IntRange(0, n).Draw(rt, what) {
		list = append(list, draw())
	}
	return list
}

// aName is a name as PostgreSQL may have it, or any other text.
func aName(rt *rapid.T) string {
	return rapid.OneOf(rapid.StringMatching(`[a-z_]{1,8}`), rapid.StringN(1, 6, 24).Filter(func(s string) bool {
		return !strings.Contains(s, "\x00")
	})).Draw(rt, "name")
}

func maybe(rt *rapid.T) string {
	if rapid.Bool().Draw(rt, "there") {
		return aName(rt)
	}
	return ""
}

func anID(rt *rapid.T) string {
	return id(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(rt, "copy"))
}

func aMoment(rt *rapid.T) ledger.Moment {
	return ledger.At(time.UnixMicro(rapid.Int64Range(1_764_000_000_000_000, 1_800_000_000_000_000).Draw(rt, "time")))
}

func aSum(rt *rapid.T) string {
	return strings.Repeat(rapid.SampledFrom([]string{"0", "7", "f"}).Draw(rt, "sum"), 64)
}

func someEvidence(rt *rapid.T) []ledger.Evidence {
	list := someOf(rt, "evidence", 2, func() ledger.Evidence {
		how := rapid.SampledFrom([]ledger.How{ledger.HowCatalog, ledger.HowInside, ledger.HowOutside, ledger.HowAttested, ledger.HowReported})
		return ledger.Evidence{At: aMoment(rt), How: how.Draw(rt, "how"), Vantage: maybe(rt), What: aName(rt)}
	})
	return append(list, ledger.Evidence{At: aMoment(rt), How: ledger.HowCatalog, What: aName(rt)})
}

func someDeficits(rt *rapid.T) []ledger.Deficit {
	list := someOf(rt, "deficits", 2, func() ledger.Deficit {
		return ledger.Deficit{
			Code: aName(rt), What: aName(rt), Columns: someOf(rt, "columns", 2, func() string { return aName(rt) }),
			Instead: maybe(rt), Path: maybe(rt), Relation: maybe(rt), Subject: maybe(rt),
		}
	})
	return append(list, ledger.Deficit{Code: aName(rt), What: aName(rt)})
}

func aBegun(rt *rapid.T) *ledger.Begun {
	systems := rapid.SampledFrom([]string{"7001", "7002", "18446744073709551615"})
	names := rapid.SampledFrom([]string{"users", "orders", "pets"})
	b := &ledger.Begun{
		Approval: maybe(rt), Copy: anID(rt), Expires: aMoment(rt), Owner: aName(rt), Person: aName(rt), Role: aName(rt), Reason: maybe(rt), Ticket: maybe(rt),
		Destination: ledger.Destination{Address: "h:1", CertificateKey: aSum(rt), Database: "d", Place: aName(rt), System: systems.Draw(rt, "system")},
		Origin:      ledger.Origin{Database: "d", Place: aName(rt), Snapshot: maybe(rt), System: systems.Draw(rt, "system"), Facts: ledger.Facts{Sum: aSum(rt)}},
	}
	if rapid.Bool().Draw(rt, "stored") {
		b.Origin.Facts.Stored = aSum(rt)
	} else {
		b.Origin.Facts.Inline = json.RawMessage(`["` + rapid.StringMatching(`[a-z]{1,3}`).Draw(rt, "fact") + `"]`)
	}
	for _, p := range []string{"a", "b"} {
		if rapid.Bool().Draw(rt, "parent") && id(p) != b.Copy {
			b.Parents = append(b.Parents, id(p))
		}
	}
	taken := map[string]bool{}
	for range rapid.IntRange(1, 3).Draw(rt, "relations") {
		name := names.Draw(rt, "relation")
		b.Origin.Relations = append(b.Origin.Relations, ledger.OriginRelation{Schema: "public", Name: name, OID: rapid.Uint32Range(0, 3).Draw(rt, "oid")})
		if target := names.Draw(rt, "target"); !taken[target] {
			taken[target] = true
			b.Targets = append(b.Targets, ledger.Target{
				Schema: "public", Name: target, From: []int{0}, Mode: ledger.ModeSwap, Partial: rapid.Bool().Draw(rt, "partial"), Rest: []string{"the rest"},
				Columns: []ledger.Column{{Name: "email", Classes: []string{"contact.email"}, Mask: maybe(rt), From: []ledger.Source{{Column: aName(rt), Relation: 0}}}},
			})
		}
	}
	return b
}

func aPublished(rt *rapid.T) *ledger.Published {
	b := &ledger.Published{Copy: anID(rt), Warnings: someOf(rt, "warnings", 2, func() string { return aName(rt) })}
	for _, name := range []string{"users", "orders", "pets"} {
		b.Relations = append(b.Relations, ledger.Receipt{
			Bytes: rapid.Int64Range(0, 1<<53-1).Draw(rt, "bytes"), Rows: rapid.Int64Range(0, 1<<53-1).Draw(rt, "rows"),
			Held: "sha256:0a", Read: "sha256:0a", Schema: "public", Name: name, OID: rapid.Uint32Min(1).Draw(rt, "oid"),
		})
	}
	return b
}

// kinds is how many kinds of bodies bodyOfKind draws.
const kinds = 16

// aBody is a body of any type.
func aBody(rt *rapid.T) ledger.Body {
	return bodyOfKind(rt, rapid.IntRange(0, kinds-1).Draw(rt, "type"))
}

func bodyOfKind(rt *rapid.T, kind int) ledger.Body {
	left := func() []string { return someOf(rt, "left", 1, func() string { return aName(rt) }) }
	switch kind {
	case 0, 1:
		return aBegun(rt)
	case 2:
		return aPublished(rt)
	case 4:
		return &ledger.Failed{
			Copy: anID(rt), Left: rapid.SampledFrom([]ledger.Left{ledger.LeftNothing, ledger.LeftStaging, ledger.LeftUnknown}).Draw(rt, "left"),
			Problem: aName(rt), Side: ledger.SideVault, Step: aName(rt),
		}
	case 5:
		was := aMoment(rt)
		return &ledger.Renewed{Approval: maybe(rt), By: aName(rt), Copy: anID(rt), Was: was, Expires: ledger.At(was.Add(time.Hour)), Why: aName(rt)}
	case 6:
		return &ledger.Reminded{Copy: anID(rt), Expires: aMoment(rt), To: []string{aName(rt)}}
	case 7:
		severity := rapid.SampledFrom([]ledger.Severity{ledger.SeverityLatent, ledger.SeverityObject, ledger.SeverityServer, ledger.SeverityUnknown})
		return &ledger.Drifted{By: maybe(rt), Copy: anID(rt), Deficits: someDeficits(rt), Evidence: someEvidence(rt), LastGood: aMoment(rt), Severity: severity.Draw(rt, "severity")}
	case 9:
		return &ledger.Recovered{Copy: anID(rt), Evidence: someEvidence(rt)}
	case 10:
		return &ledger.Frozen{By: maybe(rt), Copy: anID(rt), Left: left(), Steps: []string{aName(rt)}, Verified: someEvidence(rt), Why: aName(rt)}
	case 11:
		return &ledger.Thawed{By: aName(rt), Copy: anID(rt), Verified: someEvidence(rt), Why: aName(rt)}
	case 12:
		return &ledger.Purged{By: maybe(rt), Copy: anID(rt), Left: left(), Steps: []string{aName(rt)}, Verified: someEvidence(rt), Why: aName(rt)}
	case 13:
		return &ledger.Expired{Copy: anID(rt), Expires: aMoment(rt)}
	case 14:
		return &ledger.Removed{By: maybe(rt), Copy: anID(rt), Verified: someEvidence(rt), Why: aName(rt)}
	case 3:
		return &ledger.Lost{Copy: anID(rt), Evidence: someEvidence(rt), Relations: []string{aName(rt)}}
	}
	place := rapid.SampledFrom([]string{"analytics", "sandbox"}).Draw(rt, "place")
	if kind == kinds-1 {
		return &ledger.Changed{By: maybe(rt), Place: place, Evidence: someEvidence(rt), Changes: []ledger.Change{{What: aName(rt), Was: "1", Is: maybe(rt)}}}
	}
	m := &ledger.Measured{Address: "h:1", Database: "d", Place: place, Outside: aSum(rt), Unknown: left()}
	if rapid.Bool().Draw(rt, "deficits") {
		m.Deficits, m.LastGood = someDeficits(rt), aMoment(rt)
	}
	return m
}

// someRecords are a trail, with things in it that are not of the ledger.
func someRecords(rt *rapid.T) []record.Record {
	var records []record.Record
	at := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for i := range rapid.IntRange(0, 40).Draw(rt, "records") {
		at = at.Add(time.Duration(rapid.IntRange(-10, 100_000).Draw(rt, "later")) * time.Millisecond)
		r := record.Record{Index: int64(i), Time: at, Type: "decision", Body: []byte("{}")}
		switch rapid.IntRange(0, 15).Draw(rt, "kind") {
		case 0:
			r.Type = "trail.open"
		case 1:
			r.Type, r.Body = "copy.removed", []byte(`{"copy":"`+anID(rt)+`"}`)
		case 2:
		default:
			body := aBody(rt)
			text, err := audit.Canonical(body)
			if err != nil {
				rt.Fatal(err)
			}
			r.Type, r.Body, r.ID, r.Session = body.EventType(), text, "request", "session"
		}
		records = append(records, r)
	}
	return records
}

// told is everything that a ledger says, as one text.
func told(t rapid.TB, l *ledger.Ledger) string {
	at := time.Date(2026, 12, 20, 0, 0, 0, 0, time.UTC)
	var b strings.Builder
	write := func(v any) {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(text, '\n'))
	}
	write(l.List(ledger.Query{All: true}, at, ledger.Proof{}))
	for _, c := range l.Copies(ledger.Query{All: true}) {
		write(l.Tell(c.ID, at, ledger.Proof{}))
		facts, _ := l.OriginFacts(c.ID)
		write(facts)
	}
	for _, p := range l.Places() {
		write(p)
	}
	return b.String()
}

// Every body round-trips, in one form only, and what was drawn is good.
func TestBodiesRoundTrip(t *testing.T) {
	seen := map[string]bool{}
	rapid.Check(t, func(rt *rapid.T) {
		for kind := range kinds {
			body := bodyOfKind(rt, kind)
			if err := body.Check(); err != nil {
				rt.Fatal(err)
			}
			seen[body.EventType()] = true
			text, err := audit.Canonical(body)
			if err != nil {
				rt.Fatal(err)
			}
			if err := record.CheckCanonical(text); err != nil {
				rt.Fatal(err)
			}
			again, err := ledger.Decode(body.EventType(), text)
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(body, again); diff != "" {
				rt.Fatal(diff)
			}
		}
	})
	if len(seen) != 15 {
		t.Errorf("%d types of events were drawn: %v", len(seen), seen)
	}
}

// A ledger that took a trail in pieces, or some of it twice, or events as the
// proxy applies them, says what one says that took it at once.
func TestFoldInPieces(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		records := someRecords(rt)
		whole, pieces := ledger.New(0), ledger.New(0)
		for _, r := range records {
			whole.Add(r)
		}
		for _, r := range records {
			body, err := ledger.Decode(r.Type, r.Body)
			switch {
			case body == nil || err != nil:
				pieces.Add(r)
			case pieces.Apply(audit.Index(r.Index), audit.Event{Time: r.Time.Add(3), Type: r.Type, ID: r.ID, Session: r.Session, Body: body}) != nil:
				rt.Fatal("an event is not applied")
			case rapid.Bool().Draw(rt, "twice"):
				pieces.Add(r)
			}
			if rapid.Bool().Draw(rt, "asked") {
				told(rt, pieces)
			}
		}
		if want, got := told(rt, whole), told(rt, pieces); want != got {
			rt.Fatal(cmp.Diff(want, got))
		}
	})
}

// What a part of the trail from its beginning shows, the whole shows as well:
// the same copies, and of each what happened until then.
func TestPrefixShowsNoMore(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		records := someRecords(rt)
		part, whole := ledger.New(1000), ledger.New(1000)
		cut := rapid.IntRange(0, len(records)).Draw(rt, "cut")
		for i, r := range records {
			if i < cut {
				part.Add(r)
			}
			whole.Add(r)
		}
		for _, c := range part.Copies(ledger.Query{All: true}) {
			later := whole.Copy(c.ID)
			if later == nil {
				rt.Fatalf("the whole does not have %s", c.ID)
			}
			if diff := cmp.Diff(c.Timeline, later.Timeline[:len(c.Timeline)]); diff != "" {
				rt.Fatal(diff)
			}
			if c.Begun != nil && later.Begun != c.Begun && !cmp.Equal(c.Begun, later.Begun) {
				rt.Fatal("another beginning")
			}
		}
		some, _ := part.Problems()
		all, _ := whole.Problems()
		if diff := cmp.Diff(some, all[:len(some)], cmp.Transformer("list", func(l []ledger.Problem) []ledger.Problem { return append([]ledger.Problem{}, l...) })); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// The order of events about different copies and places does not matter, but for
// problems, which stand in the order in which they are met, and for the ends of a
// writer.
func TestOrderBetweenCopies(t *testing.T) {
	subject := func(r record.Record) string {
		var body struct{ Copy, Place string }
		if json.Unmarshal(r.Body, &body) != nil {
			return ""
		}
		return body.Copy + body.Place
	}
	rapid.Check(t, func(rt *rapid.T) {
		records := slices.DeleteFunc(someRecords(rt), func(r record.Record) bool { return r.Type == "trail.open" })
		queues := map[string][]record.Record{}
		var subjects []string
		one, other := ledger.New(0), ledger.New(0)
		for _, r := range records {
			s := subject(r)
			if queues[s] == nil {
				subjects = append(subjects, s)
			}
			queues[s] = append(queues[s], r)
			one.Add(r)
		}
		for len(subjects) > 0 {
			i := rapid.IntRange(0, len(subjects)-1).Draw(rt, "next")
			s := subjects[i]
			other.Add(queues[s][0])
			if queues[s] = queues[s][1:]; len(queues[s]) == 0 {
				subjects = slices.Delete(subjects, i, i+1)
			}
		}
		if diff := cmp.Diff(states(one), states(other)); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// states are what a ledger says of each copy and place, without its problems.
func states(l *ledger.Ledger) map[string]string {
	at := time.Date(2026, 12, 20, 0, 0, 0, 0, time.UTC)
	out := map[string]string{}
	for _, c := range l.Copies(ledger.Query{All: true}) {
		s := l.Tell(c.ID, at, ledger.Proof{})
		s.Problems = nil
		text, err := json.Marshal(s)
		out[c.ID] = fmt.Sprint(string(text), err)
	}
	for _, p := range l.Places() {
		text, err := json.Marshal(p)
		out[p.Name] = fmt.Sprint(string(text), err)
	}
	return out
}
