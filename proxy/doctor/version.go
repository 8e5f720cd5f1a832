package doctor

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/policy/statement"
)

// lookAtVersion judges a server's version: what the parser knows of it, how
// long it is cared for, and which holes it is known to have.
func lookAtVersion(ctx context.Context, f *findings, server asker, now time.Time) {
	rows, err := server.ask(ctx, `SELECT current_setting('server_version_num')`)
	if err != nil {
		f.unknown("database.version", seeLogin, "%v", err)
		return
	}
	number, err := strconv.Atoi(rows[0][0])
	if err != nil {
		f.unknown("database.version", "Report this as a bug.", "the server's version %q is no number", rows[0][0])
		return
	}
	judgeVersion(f, version{number / 10000, number % 10000}, knownHoles(), now)
}

// version is a release of PostgreSQL since 10.
type version struct{ major, minor int }

func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

const oldest = 13

func judgeVersion(f *findings, v version, known *holes, now time.Time) {
	switch {
	case v.major < oldest:
		f.problem("database.version", "Upgrade the server to a version that is cared for.",
			"PostgreSQL %s; Sluice is made for %d and later", v, oldest)
	case v.major > statement.Grammar:
		f.warning("database.version", "Nothing to type: statements with the new syntax are refused, all others work.",
			"PostgreSQL %s; the parser knows the grammar of %d, and refuses syntax that came later", v, statement.Grammar)
	default:
		f.ok("database.version", "PostgreSQL %s; the parser knows its grammar", v)
	}
	judgeHoles(f, v, known, now)
}

func judgeHoles(f *findings, v version, known *holes, now time.Time) {
	const name = "database.holes"
	open, fixedIn := known.openIn(v)
	if end, ok := known.ends[v.major]; ok && now.After(end) {
		f.problem("database.support", "Upgrade to a major version that is cared for.",
			"PostgreSQL %d has had no fixes since %s", v.major, end.Format(time.DateOnly))
	}
	if len(open) == 0 {
		f.ok(name, "none known in %s as of %s", v, known.asOf.Format(time.DateOnly))
		return
	}
	const most = 5
	var words []string
	for _, h := range open[:min(most, len(open))] {
		words = append(words, h.id+": "+h.what)
	}
	if len(open) > most {
		words = append(words, fmt.Sprintf("and %d more", len(open)-most))
	}
	fix := fmt.Sprintf("Install PostgreSQL %s or later of that major version.", fixedIn)
	if fixedIn == (version{}) {
		fix = "No fixed version exists: upgrade to a major version that is cared for."
	}
	f.problem(name, fix, "PostgreSQL %s has holes that any login can use, known as of %s:\n%s",
		v, known.asOf.Format(time.DateOnly), strings.Join(words, "\n"))
}
