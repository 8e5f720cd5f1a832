package gate

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/audit/read"
	"github.com/sluice-pg/sluice/audit/record"
	"github.com/sluice-pg/sluice/policy"
)

// everyday and not: what a session may be asked to do.
var replayed = []string{
	"SELECT 1", "SELECT relname FROM pg_class WHERE relname = 'a literal that must not be stored'", "BEGIN; SELECT 2; COMMIT",
	"COPY pg_class TO STDOUT", "COPY pg_catalog.pg_class TO '/x'", "GRANT SELECT ON pg_class TO PUBLIC", "SELEC 1",
	"SELECT dblink('host=198.51.100.7 password=hunter2hunter2', 'x')", "SET client_encoding = 'SJIS'", "DO $$ BEGIN END $$",
	"PREPARE p AS SELECT 1; EXECUTE p", "EXECUTE nobody_saw_it", "FETCH nobody_saw_it_either",
}

// Every decision can be taken again from the trail alone, and comes out the
// same. No literal is on record.
func TestDecisionsCanBeTakenAgain(t *testing.T) {
	const text = "version: 1\nrules:\n  - {id: some, effect: allow, kinds: [export_to_client], relations: [public.products]}\n"
	// Many relations make a request that is kept by its digest.
	many := "SELECT 1 FROM a"
	for i := range 400 {
		many += fmt.Sprintf(", public.t%d", i)
	}
	if !takeAgain(t, text, append(slices.Clone(replayed), many)) {
		t.Error("no request was kept by its digest")
	}
}

// replayedMasked: what a policy with masks decides hangs on what names mean, which is on record
// with the decision.
var replayedMasked = []string{
	"SELECT mail, note FROM replayed", "SELECT note FROM public.replayed_view WHERE mail = 'a literal that must not be stored'", "COPY replayed TO STDOUT",
	"COPY (SELECT note || 'a literal that must not be stored', mail FROM replayed) TO STDOUT (FORMAT csv, DELIMITER 'd', NULL 'hunter2hunter2')",
	"UPDATE replayed SET note = mail", "UPDATE replayed SET note = 'hunter2hunter2' RETURNING mail", "PREPARE q AS SELECT mail FROM replayed; EXECUTE q",
	"SELECT mail FROM replayed_nowhere", "SELECT lower(mail) FROM replayed; SELECT count(*) FROM replayed", "INSERT INTO replayed VALUES ('hunter2hunter2', 'x')",
	"ALTER TABLE replayed ALTER COLUMN note TYPE text USING mail || 'hunter2hunter2'", "SELECT most_common_vals FROM pg_stats",
}

func TestMaskedDecisionsCanBeTakenAgain(t *testing.T) {
	onServerExec(t, "DROP TABLE IF EXISTS public.replayed CASCADE; CREATE TABLE public.replayed (mail text DEFAULT 'hunter2hunter2', note text CHECK (note <> 'a literal that must not be stored')); "+
		"COMMENT ON COLUMN public.replayed.mail IS 'class:contact.email'; CREATE VIEW public.replayed_view AS SELECT mail, note FROM public.replayed WHERE note <> 'hunter2hunter2'; "+
		"ALTER TABLE public.replayed OWNER TO "+group+"; ALTER VIEW public.replayed_view OWNER TO "+group)
	takeAgain(t, masking, replayedMasked)
}

// takeAgain runs statements under a policy, and decides them anew from the trail.
// It reports whether a request was kept by its digest.
func takeAgain(t *testing.T, text string, statements []string) (stored bool) {
	t.Helper()
	p := startPlace(t, setup{policy: text})
	c := p.connect(t, "")
	for _, s := range statements {
		if err := run(t, c, s); err != nil && (code(err) == "" || code(err) == "58000") {
			t.Errorf("%s: %v", s, err)
		}
	}
	c.Close(t.Context())
	trail := filepath.Join(p.dir, "trail")
	var requests int
	p2, err := policy.Parse("policy.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records(t, trail) {
		if strings.Contains(string(r.Raw), "a literal that must not") || strings.Contains(string(r.Raw), "hunter2") {
			t.Errorf("a literal is on record: %s", r.Raw)
		}
		if r.Type != "decision" {
			continue
		}
		var body struct {
			Request       json.RawMessage `json:"request"`
			RequestDigest string          `json:"request_digest"`
			Decision      policy.Decision `json:"decision"`
		}
		if err := json.Unmarshal(r.Body, &body); err != nil {
			t.Fatal(err)
		}
		if body.RequestDigest != "" {
			stored = true
			if body.Request, err = p.trail.Get(body.RequestDigest); err != nil {
				t.Fatal(err)
			}
		}
		var request policy.Request
		if err := json.Unmarshal(body.Request, &request); err != nil {
			t.Fatal(err)
		}
		requests++
		again := p2.Decide(&request)
		again.Volatile, again.ChangesCode, again.Discreet, again.Reticent = false, false, false, false // what may be kept and said is not recorded
		if diff := cmp.Diff(body.Decision, again); diff != "" {
			t.Errorf("record %d is decided differently now:\n%s", r.Index, diff)
		}
	}
	if requests < len(statements) {
		t.Errorf("%d decisions on record", requests)
	}
	return stored
}

// records reads the trail once it holds the end of the session, which is
// recorded after everything else of it.
func records(t *testing.T, trail string) []record.Record {
	t.Helper()
	var text strings.Builder
	for range 200 {
		text.Reset()
		if err := read.Show(&text, trail, read.Filter{}, read.NDJSON); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text.String(), `"type":"session.close"`) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	var out []record.Record
	for line := range strings.Lines(text.String()) {
		r, err := record.Parse([]byte(strings.TrimSuffix(line, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}
