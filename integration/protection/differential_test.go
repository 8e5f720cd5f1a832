package protection

import (
	"flag"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/protection"
)

var (
	worlds = flag.Int("worlds", 12, "how many random worlds each version is tried with")
	seed   = flag.Uint64("seed", 0, "the seed of the first random world; 0 takes one from the clock")
)

// Who is said to read what is who can: in random worlds, every role, as itself
// and as every other, reads every column that it is said to read at the first
// two efforts, exactly as many rows, and no other. What can be read through
// views, partitions and functions is never more than is said.
func TestReadersAreThoseWhoCanRead(t *testing.T) {
	t.Parallel()
	for _, version := range harness.VersionsOr(t, 15, 18) {
		t.Run(strconv.Itoa(version), func(t *testing.T) {
			t.Parallel()
			server := newServer(t, version)
			first := *seed
			if first == 0 {
				first = uint64(time.Now().UnixNano()) % 1_000_000_000
			}
			t.Logf("PostgreSQL %d: %d worlds from -seed %d", version, *worlds, first)
			d := &differ{t: t, root: root(t, server, database), look: look(t, server, database), version: version}
			for i := range *worlds {
				d.seed = first + uint64(i)
				d.world(newWorld(d.seed, version))
				if t.Failed() {
					return
				}
			}
			t.Logf("PostgreSQL %d: %d reads, of which %d succeeded; %d by another way", version, d.reads, d.facts, d.indirect)
			if d.facts == 0 || d.facts == d.reads || d.indirect == 0 {
				t.Error("the worlds show nothing")
			}
		})
	}
}

// differ compares what is said with what is so.
type differ struct {
	t          *testing.T
	root, look connection
	version    int
	seed       uint64
	// what is said, by relation
	said map[string]*said

	reads, facts, indirect int
}

// said is who is said to read a relation.
type said struct {
	// direct has, by reader, identity and column, the words for the rows.
	direct map[key][]string
	// any has whoever reads a column by any way.
	any map[key]bool
}

type key struct{ role, as, column string }

func (d *differ) world(w *world) {
	d.root.must(d.t, strings.Join(w.make, ";"))
	s := load(d.t, d.look)
	d.said = map[string]*said{}
	for name := range w.columns {
		d.said[name] = sayings(s, relation(d.t, s, name))
	}
	for i := range roles {
		for j := range roles {
			d.identity(w, fmt.Sprintf("r%d", i), fmt.Sprintf("r%d", j))
		}
	}
	d.root.must(d.t, "RESET SESSION AUTHORIZATION")
	d.root.must(d.t, strings.Join(w.unmake(), ";"))
}

func sayings(s *protection.Server, r *protection.Relation) *said {
	out := &said{direct: map[key][]string{}, any: map[key]bool{}}
	readers, _ := s.Readers(r)
	for _, reader := range readers {
		if reader.Effort > protection.AfterSetRole {
			continue
		}
		for _, c := range reader.Columns {
			k := key{reader.Role, reader.As, c}
			out.any[k] = true
			if reader.Whole && reader.Path.Kin == protection.Itself {
				out.direct[k] = append(out.direct[k], reader.Rows())
			}
		}
	}
	return out
}

// identity holds what a role can read as itself or as another against what is said.
func (d *differ) identity(w *world, role, as string) {
	d.root.must(d.t, "RESET SESSION AUTHORIZATION")
	if super, err := d.root.one(d.t, "SELECT rolsuper FROM pg_roles WHERE rolname = '"+role+"'"); err != nil || super == "t" && as != role {
		return // a superuser reads everything as itself already
	}
	d.root.must(d.t, "SET SESSION AUTHORIZATION "+role)
	become := true
	k := key{role: role}
	if as != role {
		become = d.root.try(d.t, "SET ROLE "+as) == nil
		k.as = as
	}
	for name, columns := range w.columns {
		for _, c := range columns {
			k.column = c
			d.direct(name, k, become)
		}
	}
	for _, s := range w.shows {
		if !become {
			continue
		}
		k.column = s.column
		if n, err := d.root.one(d.t, s.query); err == nil && n != "0" && n != "" {
			d.indirect++
			if !d.said[s.relation].any[k] {
				d.differs("%s reads %s.%s as %q by: %s, and is not said to", role, s.relation, s.column, as, s.query)
			}
		}
	}
}

func (d *differ) direct(name string, k key, become bool) {
	d.reads++
	rows := d.said[name].direct[k]
	n, err := "", error(nil)
	if become {
		n, err = d.root.one(d.t, fmt.Sprintf("SELECT count(%s) FROM %s", k.column, name))
	}
	can := become && err == nil && n != "0"
	if can {
		d.facts++
	}
	switch {
	case can && len(rows) == 0:
		d.differs("%s reads %s rows of %s.%s as %q and is not said to", k.role, n, name, k.column, k.as)
	case len(rows) > 0 && (!become || err != nil):
		d.differs("%s is said to read %s.%s as %q (%s) and cannot: become %v, %v", k.role, name, k.column, k.as, rows[0], become, err)
	case len(rows) > 0:
		d.amount(name, k, rows, n)
	}
}

// amount holds the number of rows that are seen against the words for them.
func (d *differ) amount(name string, k key, rows []string, n string) {
	for _, words := range rows {
		where := strings.TrimPrefix(words, "only rows where ")
		if words == "all rows" {
			where = "true"
		}
		d.root.must(d.t, "RESET SESSION AUTHORIZATION")
		want, err := d.root.one(d.t, fmt.Sprintf("SELECT count(%s) FROM %s WHERE %s", k.column, name, where))
		if err != nil || want != n {
			d.differs("%s sees %s rows of %s as %q and is said to see %s: %q %v", k.role, n, name, k.as, want, words, err)
		}
		d.root.must(d.t, "SET SESSION AUTHORIZATION "+k.role)
		if k.as != "" {
			d.root.must(d.t, "SET ROLE "+k.as)
		}
	}
}

func (d *differ) differs(format string, args ...any) {
	d.t.Helper()
	d.t.Errorf("PostgreSQL %d, -worlds 1 -seed %d: "+format, append([]any{d.version, d.seed}, args...)...)
}
