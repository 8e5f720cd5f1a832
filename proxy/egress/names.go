package egress

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"strings"

	"github.com/sluice-pg/sluice/policy/egress"
)

//go:embed names.txt
var namesText string

// nameQuestion finds what a name of roads means.
type nameQuestion struct{ name, sql string }

// nameQuestions are those of names.txt.
func nameQuestions() ([]nameQuestion, error) {
	var all []nameQuestion
	name := ""
	for line := range strings.Lines(namesText) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case name == "":
			name = line
		default:
			all = append(all, nameQuestion{name, line})
			name = ""
		}
	}
	if name != "" {
		return nil, fmt.Errorf("egress: names.txt has no question for %s", name)
	}
	return all, nil
}

// fixed are names that no catalog has: what a statement would say there makes no
// difference to a decision.
var fixed = egress.Names{
	"dir": "/tmp", "new": "sluice_egress", "port": "5432", "remote": "remote", "secret": "x",
	"prefix": "a", "many": strings.Repeat("SELECT 1; ", 500),
}

// find asks the database what names mean for a role. Names that mean nothing there
// are left out.
func (l *look) find(ctx context.Context) (egress.Names, error) {
	questions, err := nameQuestions()
	if err != nil {
		return nil, err
	}
	names := maps.Clone(fixed)
	for _, q := range questions {
		// Every question has both parameters, whether it looks at them or not.
		sql := "SELECT * FROM (" + q.sql + ") q WHERE $1::name IS NOT NULL AND $2::oid[] IS NOT NULL"
		rows, err := l.ask(ctx, sql, l.role, l.classified())
		if err != nil {
			return nil, fmt.Errorf("looking for {%s}: %w", q.name, err)
		}
		if len(rows) > 0 {
			names[q.name] = rows[0][0]
		}
	}
	return names, nil
}

// classified lists the relations with classified columns, as an array of oid.
func (l *look) classified() string {
	oids := make([]string, 0, len(l.relations))
	for _, r := range l.relations {
		oids = append(oids, r.oid)
	}
	return "{" + strings.Join(oids, ",") + "}"
}
