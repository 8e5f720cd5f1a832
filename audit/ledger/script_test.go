package ledger_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/audit/record"
)

// A script is a trail in lines of the form
//
//	DD HH:MM:SS[.mmm] WORD [COPY|PLACE] [key=value]...
//
// for December 2026. WORD is the last word of a type of events; a copy is a
// letter, of which its id is made; values with blanks stand in quotation marks.
// "raw TYPE BODY" is a record with any body. Questions begin with "?".

// id makes the id of a copy of a letter.
func id(letter string) string { return strings.Repeat(letter, 26)[:26] }

// event is one line of a script.
type event struct {
	at   time.Time
	body ledger.Body
	raw  record.Record
}

// line is a line taken apart.
type line struct {
	words   []string
	options map[string]string
}

func (l line) option(name, otherwise string) string {
	if v, ok := l.options[name]; ok {
		return v
	}
	return otherwise
}

func (l line) list(name, otherwise string) []string {
	v := l.option(name, otherwise)
	if v == "" {
		return nil
	}
	return strings.Split(v, ",")
}

func (l line) letters(name string) (ids []string) {
	for _, letter := range l.list(name, "") {
		ids = append(ids, id(letter))
	}
	return ids
}

// readLine splits a line at blanks outside of quotation marks.
func readLine(t testing.TB, text string) line {
	t.Helper()
	l := line{options: map[string]string{}}
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		end := strings.IndexByte(text, ' ')
		quote := strings.Index(text, `="`)
		if quote >= 0 && (end < 0 || quote < end) {
			quoted, err := strconv.QuotedPrefix(text[quote+1:])
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			value, err := strconv.Unquote(quoted)
			if err != nil {
				t.Fatal(err)
			}
			l.options[text[:quote]] = value
			text = text[quote+1+len(quoted):]
			continue
		}
		if end < 0 {
			end = len(text)
		}
		if name, value, ok := strings.Cut(text[:end], "="); ok {
			l.options[name] = value
		} else {
			l.words = append(l.words, text[:end])
		}
		text = text[end:]
	}
	return l
}

func moment(t testing.TB, day, clock string) time.Time {
	t.Helper()
	layout := "2006-01-02 15:04:05"
	at, err := time.Parse(layout, "2026-12-"+day+" "+clock)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// stamp reads DDTHH:MM:SS.
func stamp(t testing.TB, s string) time.Time {
	t.Helper()
	day, clock, _ := strings.Cut(s, "T")
	return moment(t, day, clock)
}

// readScript reads the lines of a script that are events, and its questions.
func readScript(t testing.TB, text string) (events []event, questions []string) {
	t.Helper()
	for row := range strings.Lines(text) {
		row = strings.TrimSpace(row)
		if question, ok := strings.CutPrefix(row, "?"); ok {
			questions = append(questions, strings.TrimSpace(question))
			continue
		}
		if row == "" || strings.HasPrefix(row, "#") {
			continue
		}
		day, rest, _ := strings.Cut(row, " ")
		clock, rest, _ := strings.Cut(rest, " ")
		ev := event{at: moment(t, day, clock)}
		ev.raw = record.Record{Index: int64(len(events)), Time: ev.at}
		if raw, ok := strings.CutPrefix(rest, "raw "); ok {
			typ, body, _ := strings.Cut(raw, " ")
			ev.raw.Type, ev.raw.Body = typ, []byte(body)
			events = append(events, ev)
			continue
		}
		l := readLine(t, rest)
		ev.raw.ID, ev.raw.Session = l.option("request", ""), l.option("session", "")
		ev.body = bodyOf(t, l, ev.at)
		ev.raw.Type = ev.body.EventType()
		made, err := ledger.Event(ev.at, cmpOr(ev.raw.ID, "r"), ev.raw.Session, ev.body)
		if err != nil {
			t.Fatalf("%s: %v", row, err)
		}
		if ev.raw.Body, err = audit.Canonical(made.Body); err != nil {
			t.Fatalf("%s: %v", row, err)
		}
		events = append(events, ev)
	}
	return events, questions
}

func cmpOr(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

var sums = strings.Repeat("0123456789abcdef", 4)

// bodyOf makes a body of a line; what it does not say is something plausible.
func bodyOf(t testing.TB, l line, at time.Time) ledger.Body {
	t.Helper()
	copyID, why := "", l.option("why", "a test")
	if len(l.words) > 1 {
		copyID = id(l.words[1])
	}
	lastGood := at.Add(-2 * time.Second)
	if s := l.option("good", ""); s != "" {
		lastGood = stamp(t, s)
	}
	expires := func(name string) ledger.Moment { return ledger.At(stamp(t, l.option(name, "31T00:00:00"))) }
	seen := []ledger.Evidence{{At: ledger.At(at), How: ledger.HowCatalog, What: l.option("seen", "looked")}}
	verified := seen
	if l.option("left", "") != "" {
		verified = nil
	}
	switch word := l.words[0]; word {
	case "begun":
		return begunOf(t, l, copyID)
	case "published":
		return publishedOf(t, l, copyID)
	case "failed":
		return &ledger.Failed{
			Copy: copyID, Left: ledger.Left(l.option("left", "nothing")), Side: ledger.Side(l.option("side", "source")),
			Step: l.option("step", "load"), Problem: why,
		}
	case "renewed":
		return &ledger.Renewed{By: l.option("by", "carol"), Copy: copyID, Was: expires("was"), Expires: expires("until"), Why: why}
	case "reminded":
		return &ledger.Reminded{Copy: copyID, Expires: expires("until"), To: l.list("to", "bob")}
	case "expired":
		return &ledger.Expired{Copy: copyID, Expires: expires("until")}
	case "drifted":
		return &ledger.Drifted{
			By: l.option("by", ""), Copy: copyID, Severity: ledger.Severity(l.option("severity", "object")), Evidence: seen,
			LastGood: ledger.At(lastGood), Deficits: []ledger.Deficit{{Code: "public-reader", What: l.option("what", "PUBLIC may read it"), Columns: l.list("columns", "")}},
		}
	case "recovered":
		return &ledger.Recovered{Copy: copyID, Evidence: seen}
	case "frozen":
		return &ledger.Frozen{By: l.option("by", ""), Copy: copyID, Steps: []string{"revoke"}, Left: l.list("left", ""), Verified: verified, Why: why}
	case "thawed":
		return &ledger.Thawed{By: l.option("by", "carol"), Copy: copyID, Verified: seen, Why: why}
	case "purged":
		return &ledger.Purged{By: l.option("by", ""), Copy: copyID, Steps: []string{"truncate"}, Left: l.list("left", ""), Verified: verified, Why: why}
	case "removed":
		return &ledger.Removed{By: l.option("by", ""), Copy: copyID, Verified: seen, Why: why}
	case "lost":
		return &ledger.Lost{Copy: copyID, Evidence: seen, Relations: l.list("relations", "public.users")}
	case "measured":
		m := &ledger.Measured{
			Address: "10.0.0.5:5432", Database: "copy", Place: l.words[1], Outside: sums, Unknown: l.list("unknown", ""),
			LastGood: ledger.At(lastGood),
		}
		for _, d := range l.list("deficits", "") {
			m.Deficits = append(m.Deficits, ledger.Deficit{Code: "open-door", What: d})
		}
		return m
	case "changed":
		return &ledger.Changed{Place: l.words[1], Evidence: seen, Changes: []ledger.Change{{What: "address", Was: "a:1", Is: "b:2"}}}
	default:
		t.Fatalf("no event is called %s", word)
		return nil
	}
}

// place splits PLACE[@SYSTEM]:SCHEMA.NAME[#OID],...
func relationsOf(t testing.TB, s string) (place, system string, relations []ledger.OriginRelation) {
	t.Helper()
	place, names, ok := strings.Cut(s, ":")
	if !ok {
		t.Fatalf("%s is not PLACE:SCHEMA.NAME", s)
	}
	place, system, ok = strings.Cut(place, "@")
	if !ok {
		system = map[string]string{"shop": "7001", "analytics": "7002", "sandbox": "7003"}[place]
	}
	for name := range strings.SplitSeq(names, ",") {
		name, number, _ := strings.Cut(name, "#")
		oid, _ := strconv.ParseUint(cmpOr(number, "0"), 10, 32)
		schema, name, _ := strings.Cut(name, ".")
		relations = append(relations, ledger.OriginRelation{Schema: schema, Name: name, OID: uint32(oid)})
	}
	return place, system, relations
}

// begunOf makes the beginning of a copy; columns are NAME:CLASS[:MASK],... of
// the first target, or "-" for one without.
func begunOf(t testing.TB, l line, copyID string) *ledger.Begun {
	t.Helper()
	from, fromSystem, origin := relationsOf(t, l.option("from", "shop:public.users"))
	to, toSystem, targets := relationsOf(t, l.option("to", "analytics:public.users"))
	b := &ledger.Begun{
		Copy: copyID, Owner: l.option("owner", "bob"), Person: l.option("person", "alice"), Role: "app_ro",
		Reason: l.option("reason", ""), Ticket: l.option("ticket", ""), Parents: l.letters("parents"),
		Expires:     ledger.At(stamp(t, l.option("until", "31T00:00:00"))),
		Destination: ledger.Destination{Address: "10.0.0.5:5432", CertificateKey: sums, Database: to, Place: to, System: toSystem},
		Origin: ledger.Origin{
			Database: from, Place: from, System: fromSystem, Relations: origin, Snapshot: "00000003-0000001B-1",
			Facts: ledger.Facts{Count: 1, Inline: json.RawMessage(`[{"subject":"` + from + `"}]`), Sum: sums},
		},
	}
	for i, target := range targets {
		one := ledger.Target{Schema: target.Schema, Name: target.Name, Mode: ledger.ModeNew, From: []int{min(i, len(origin)-1)}, Rest: []string{"id"}}
		if i == 0 {
			for _, column := range l.list("columns", "email:contact.email:pseudonym") {
				parts := strings.SplitN(column+"::", ":", 4)
				if parts[0] != "-" {
					one.Columns = append(one.Columns, ledger.Column{Name: parts[0], Classes: []string{parts[1]}, Mask: parts[2]})
				}
			}
		}
		b.Targets = append(b.Targets, one)
	}
	return b
}

func publishedOf(t testing.TB, l line, copyID string) *ledger.Published {
	t.Helper()
	p := &ledger.Published{Copy: copyID, Warnings: l.list("warnings", "")}
	rows, err := strconv.ParseInt(l.option("rows", "100"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	_, _, relations := relationsOf(t, "x:"+l.option("relations", "public.users#20001"))
	for _, r := range relations {
		p.Relations = append(p.Relations, ledger.Receipt{
			Schema: r.Schema, Name: r.Name, OID: max(r.OID, 1), Rows: rows, Bytes: rows * 10, Read: "sha256:ab", Held: "sha256:ab",
		})
	}
	return p
}

// fold makes a ledger of events.
func fold(events []event, until time.Time) *ledger.Ledger {
	l := ledger.New(0)
	for _, ev := range events {
		if until.IsZero() || !ev.at.After(until) {
			l.Add(ev.raw)
		}
	}
	return l
}

// answer answers one question.
func answer(t testing.TB, events []event, question string) string {
	t.Helper()
	q := readLine(t, question)
	at := stamp(t, q.option("at", "20T00:00:00"))
	l := fold(events, at)
	proof := ledger.Proof{Checked: true, OK: true, Good: 1000, GoodTime: "2026-12-20T00:00:00.000000Z", Key: "test+01234567"}
	if good := q.option("good", ""); good != "" {
		n, err := strconv.ParseInt(good, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		proof.Good, proof.Unsigned = n, int64(len(events))-n
	}
	var b strings.Builder
	options := ledger.TextOptions{Color: q.option("color", "") != "", Quiet: q.option("loud", "") == ""}
	switch word := q.words[0]; word {
	case "list":
		query := ledger.Query{
			Class: q.option("class", ""), Place: q.option("place", ""), Owner: q.option("owner", ""),
			All: slices.Contains(q.words, "all"), Unhealthy: slices.Contains(q.words, "unhealthy"),
		}
		for _, s := range q.list("state", "") {
			query.States = append(query.States, ledger.State(s))
		}
		if s := q.option("before", ""); s != "" {
			query.ExpiresBefore = stamp(t, s)
		}
		if s := q.option("origin", ""); s != "" {
			place, _, relations := relationsOf(t, s)
			query.Origin = ledger.Relation{Place: place, Schema: relations[0].Schema, Name: relations[0].Name}
		}
		if err := l.List(query, at, proof).Text(&b, options); err != nil {
			t.Fatal(err)
		}
	case "show":
		if err := l.Tell(id(q.words[1]), at, proof).Text(&b, options); err != nil {
			t.Fatal(err)
		}
	case "chain":
		for _, link := range l.Chain(id(q.words[1])) {
			fmt.Fprintf(&b, "%+d %s\n", link.Depth, link.ID[:1])
		}
	case "held":
		_, system, relations := relationsOf(t, q.words[1])
		for _, c := range l.Held(system, q.option("database", strings.Split(q.words[1], ":")[0]), relations[0]) {
			facts, _ := l.OriginFacts(c.ID)
			fmt.Fprintf(&b, "%s %s\n", c.ID[:1], facts.Inline)
		}
	case "sweep":
		for _, c := range l.Sweep() {
			fmt.Fprintf(&b, "%s %s\n", c.ID[:1], c.State())
		}
	case "open":
		o := l.Exposed(id(q.words[1]), at)
		fmt.Fprintf(&b, "at least %v, at most %v, times %d, now %v\n", o.Least, o.Most, o.Times, o.Now)
	case "places":
		for _, p := range l.Places() {
			o := p.Exposed(at)
			fmt.Fprintf(&b, "%s %q: open at least %v, at most %v, times %d, now %v\n", p.Name, p.Severity, o.Least, o.Most, o.Times, o.Now)
		}
	default:
		t.Fatalf("no question is called %s", word)
	}
	return b.String()
}

// Events in, answers out.
func TestLedger(t *testing.T) {
	runData(t, "testdata/ledger.txt", func(directive, input string) string {
		events, questions := readScript(t, input)
		var b strings.Builder
		for _, q := range questions {
			fmt.Fprintf(&b, "? %s\n%s", q, answer(t, events, q))
		}
		if len(questions) == 0 {
			t.Fatalf("%s asks nothing", directive)
		}
		return b.String()
	})
}

// A body of each type with something wrong, or nothing, and what is said of it.
func TestBodies(t *testing.T) {
	runData(t, "testdata/bodies.txt", func(directive, input string) string {
		body, err := ledger.Decode(directive, []byte(input))
		if err != nil {
			return err.Error()
		}
		if body == nil {
			return "not of this package"
		}
		return "good"
	})
}
