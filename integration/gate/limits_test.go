package gate

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/audit/read"
	"github.com/sluice-pg/sluice/policy"
)

// limited lets nearly everything pass, and little of it.
const limited = `version: 1
defaults:
  limits: {rows: 100, bytes: 64KiB}
rules:
  - {id: streams, effect: allow, kinds: [export_to_client], limits: {rows: 50}}
  - {id: code, effect: allow, kinds: [opaque_code]}
`

// rowsIn counts the rows in what a wireClient saw.
func rowsIn(seen string) int { return strings.Count(" "+seen, " D(") }

// withoutRows leaves the rows out of what a wireClient saw.
func withoutRows(seen string) string {
	words := slices.DeleteFunc(strings.Fields(seen), func(w string) bool {
		return strings.HasPrefix(w, "D(") || w == "RowDescription" || w == "ParseComplete" || w == "BindComplete"
	})
	return strings.Join(words, " ")
}

// A block fails when a statement in it is stopped. One that ran to its end
// before it could be stopped leaves it as it was, which the client is told.
func TestLimits(t *testing.T) {
	p := startPlace(t, setup{policy: limited})
	// What goes through FETCH and EXECUTE is gathered by the server before
	// the first row leaves, so that is less.
	const big, large = "SELECT generate_series(1, 100000000)", "SELECT generate_series(1, 300000)"
	for name, c := range map[string]struct {
		steps []step
		rows  int
		want  string
	}{
		"simple":         {[]step{{msgs(query(big)), 1}}, 100, "E42501 ZI"},
		"at the limit":   {[]step{{msgs(query("SELECT generate_series(1, 100)")), 1}}, 100, "C(SELECT ZI"},
		"in a block":     {[]step{{msgs(query("BEGIN")), 1}, {msgs(query(big)), 1}, {msgs(query("ROLLBACK")), 1}}, 100, "C(BEGIN) ZT | E42501 ZE | C(ROLLBACK) ZI"},
		"extended":       {[]step{{msgs(run1(big), sync_), 1}}, 100, "E42501 ZI"},
		"each of a text": {[]step{{msgs(query("SELECT generate_series(1, 60); SELECT generate_series(1, 60)")), 1}}, 120, "C(SELECT C(SELECT ZI"},
		"second of text": {[]step{{msgs(query("SELECT 1; " + big + "; SELECT 2")), 1}}, 101, "C(SELECT E42501 ZI"},
		"portal in slices": {
			[]step{{msgs(parse("", big), bind("", ""), &pgproto3.Execute{MaxRows: 60}, &pgproto3.Execute{MaxRows: 60}, sync_), 1}},
			100, "PortalSuspended E42501 ZI",
		},
		"cursor in slices": {[]step{
			{msgs(query("BEGIN; DECLARE c CURSOR FOR " + large)), 1},
			{msgs(query("FETCH 60 FROM c")), 1},
			{msgs(query("FETCH ALL FROM c")), 1},
			{msgs(query("ROLLBACK")), 1},
		}, 100, "C(BEGIN) C(DECLARE ZT | C(FETCH ZT | E42501 ZE | C(ROLLBACK) ZI"},
		"cursor over protocol": {[]step{
			{msgs(query("BEGIN; DECLARE c CURSOR FOR " + large)), 1},
			{msgs(query("FETCH 60 FROM c")), 1},
			{msgs(execute("c"), sync_), 1},
			{msgs(query("ROLLBACK")), 1},
		}, 100, "C(BEGIN) C(DECLARE ZT | C(FETCH ZT | E42501 ZE | C(ROLLBACK) ZI"},
		"cursor made and read in one text": {
			[]step{{msgs(query("BEGIN; DECLARE c CURSOR FOR " + large + "; FETCH 60 FROM c; FETCH ALL FROM c")), 1}, {msgs(query("ROLLBACK")), 1}},
			100, "C(BEGIN) C(DECLARE C(FETCH E42501 ZE | C(ROLLBACK) ZI",
		},
		"prepared":        {[]step{{msgs(query("PREPARE q AS " + large)), 1}, {msgs(query("EXECUTE q")), 1}, {msgs(query("EXECUTE q")), 1}}, 200, "C(PREPARE) ZI | E42501 ZI | E42501 ZI"},
		"one large value": {[]step{{msgs(query("SELECT json_agg(x) FROM generate_series(1, 1000000) x")), 1}}, 0, "E42501 ZI"},
		"a long error":    {[]step{{msgs(query("SELECT repeat('x', 100000)::int")), 1}}, 0, "E42501 ZI"},
		"notices":         {[]step{{msgs(query("DO $$ BEGIN FOR i IN 1..100000 LOOP RAISE NOTICE '%', repeat('x', 10000); END LOOP; END $$")), 1}}, 0, "E42501 ZI"},
		"by rule":         {[]step{{msgs(query("COPY (" + big + ") TO STDOUT")), 1}}, 0, "CopyOutResponse" + strings.Repeat(" CopyData", 50) + " E42501 ZI"},
		"COPY, extended":  {[]step{{msgs(run1("COPY ("+big+") TO STDOUT"), sync_), 1}}, 0, "CopyOutResponse" + strings.Repeat(" CopyData", 50) + " E42501 ZI"},
	} {
		t.Run(name, func(t *testing.T) {
			w := speak(t, p.connect(t, ""))
			got := w.play(c.steps)
			if rows := rowsIn(got); rows != c.rows {
				t.Errorf("%d rows, want %d", rows, c.rows)
			}
			if got := withoutRows(got); !like(got, c.want) && !like(got, strings.Replace(c.want, "E42501 ZE", "E42501 ZT", 1)) {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
			if after := w.play([]step{{msgs(run1("SELECT 7"), sync_, query("SELECT 8")), 2}}); rowsIn(after) != 2 {
				t.Errorf("afterwards: %s", after)
			}
		})
	}
	if n := onServer(t, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%100000000%' AND pid <> pg_backend_pid()"); n != 0 {
		t.Errorf("%d statements run on", n)
	}
	p.end(t)()
	var text strings.Builder
	if err := read.Show(&text, filepath.Join(p.dir, "trail"), read.Filter{Type: "result"}, read.NDJSON); err != nil {
		t.Fatal(err)
	}
	if stopped := strings.Count(text.String(), `"limit":"100 rows","limit_rule":"`); stopped < 8 {
		t.Errorf("%d results on record say that a limit was reached", stopped)
	}
}

// like compares words; tags of commands are cut at their first space, which
// splits them in two.
func like(got, want string) bool {
	g := slices.DeleteFunc(strings.Fields(got), func(w string) bool { return strings.HasSuffix(w, ")") && !strings.Contains(w, "(") })
	return strings.Join(g, " ") == want
}

// A statement that is over its limit and done before it can be stopped is an
// error too, and what comes behind it in the pipeline is not hit in its place.
func TestLimitsOfQuickStatements(t *testing.T) {
	onServerExec(t, "DROP TABLE IF EXISTS quick; CREATE TABLE quick (x int); ALTER TABLE quick OWNER TO "+group)
	p := startPlace(t, setup{policy: limited})
	const quick = "SELECT generate_series(1, 101)"
	w := speak(t, p.connect(t, ""))
	ended := 0
	for range 150 {
		if got := w.play([]step{{msgs(query(quick), query("SELECT 1")), 2}}); rowsIn(got) != 101 || strings.Count(got, "E42501 ZI") != 1 || !strings.HasSuffix(got, "D(1) C(SELECT 1) ZI") {
			t.Fatalf("simple: %s", got)
		}
		if got := w.play([]step{{msgs(run1(quick), sync_, run1("SELECT 1"), sync_), 2}}); rowsIn(got) != 101 || strings.Count(got, "E42501 ZI") != 1 || !strings.HasSuffix(got, "D(1) C(SELECT 1) ZI") {
			t.Fatalf("extended: %s", got)
		}
		// What runs before the Sync is skipped, or the session ends: never
		// is there an answer to it behind an error.
		got := w.play([]step{{msgs(run1(quick), run1("SELECT 2"), sync_), 1}})
		switch {
		case rowsIn(got) == 100 && strings.HasSuffix(got, "E42501 ZI"):
		case rowsIn(got) == 100 && strings.HasSuffix(got, "E42501 end"):
			ended++
			w = speak(t, p.connect(t, ""))
		default:
			t.Fatalf("pipeline: %s", got)
		}
	}
	t.Logf("%d of 150 pipelines ran on and ended their session", ended)
	w.play([]step{{msgs(query("INSERT INTO quick SELECT generate_series(1, 101) RETURNING x")), 1}})
	if n := onServer(t, "SELECT count(*) FROM quick"); n != 0 && n != 101 {
		t.Errorf("%d rows were inserted", n)
	}
}

func TestLimitOfTime(t *testing.T) {
	p := startPlace(t, setup{policy: "version: 1\ndefaults: {limits: {duration: 300ms}}\n"})
	w := speak(t, p.connect(t, ""))
	for _, send := range [][]pgproto3.FrontendMessage{
		msgs(query("SELECT pg_sleep(60)")),
		msgs(run1("SELECT pg_sleep(60)"), sync_),
		msgs(query("SELECT 1; SELECT pg_sleep(60)")),
	} {
		began := time.Now()
		if got := w.play([]step{{send, 1}}); !strings.HasSuffix(got, "E42501 ZI") {
			t.Errorf("got %s", got)
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("it took %v", took)
		}
	}
	if got := w.play([]step{{msgs(query("SELECT 1")), 1}}); rowsIn(got) != 1 {
		t.Errorf("afterwards: %s", got)
	}
}

// A cursor's budget follows the policy in force.
func TestLimitsFollowThePolicy(t *testing.T) {
	p := startPlace(t, setup{policy: limited})
	w := speak(t, p.connect(t, ""))
	w.play([]step{{msgs(query("BEGIN; DECLARE c CURSOR FOR SELECT generate_series(1, 1000)")), 1}, {msgs(query("FETCH 90 FROM c")), 1}})
	wide, err := policy.Parse("wide", []byte("version: 1\ndefaults: {limits: {rows: 200}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	p.server.SetPolicy(wide)
	if got := w.play([]step{{msgs(query("FETCH 100 FROM c")), 1}}); rowsIn(got) != 100 {
		t.Errorf("after the limit was raised: %s", withoutRows(got))
	}
	if got := w.play([]step{{msgs(query("FETCH 100 FROM c")), 1}, {msgs(query("ROLLBACK")), 1}}); rowsIn(got) != 10 || !strings.Contains(got, "E42501 Z") {
		t.Errorf("at the new limit: %d rows, %s", rowsIn(got), withoutRows(got))
	}
}

// A rule that warns lets pass, and says so.
func TestWarnings(t *testing.T) {
	p := startPlace(t, setup{policy: `version: 1
rules:
  - {id: no-writes, effect: deny, mode: warn, kinds: [ordinary_write, ddl]}
`})
	onServerExec(t, "DROP TABLE IF EXISTS warned; CREATE TABLE warned (x int); ALTER TABLE warned OWNER TO "+group)
	w := speak(t, p.connect(t, ""))
	for _, send := range [][]pgproto3.FrontendMessage{
		msgs(query("INSERT INTO warned VALUES (1)")),
		msgs(run1("INSERT INTO warned VALUES (1)"), sync_),
	} {
		w.send(send...)
		var warned []string
		for {
			m, err := w.fe.Receive()
			if err != nil {
				t.Fatal(err)
			}
			if n, ok := m.(*pgproto3.NoticeResponse); ok {
				warned = append(warned, fmt.Sprint(n.Severity, " ", n.ConstraintName))
			}
			if _, ok := m.(*pgproto3.ReadyForQuery); ok {
				break
			}
		}
		if !slices.Equal(warned, []string{"WARNING no-writes"}) {
			t.Errorf("warned of %q", warned)
		}
	}
	if n := onServer(t, "SELECT count(*) FROM warned"); n != 2 {
		t.Errorf("%d rows were written, want 2", n)
	}
}
