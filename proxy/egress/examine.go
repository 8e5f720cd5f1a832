package egress

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/cases"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/egress"
	"github.com/sluice-pg/sluice/policy/follow"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/doctor"
)

// timeout bounds the whole look.
const timeout = 2 * time.Minute

// maxAbout is how many columns are asked about: one for each class.
const maxAbout = 20

// look is one look at a database.
type look struct {
	conn *pgconn.PgConn
	role string
	// Who is asked, by what, about whom.
	policy   *policy.Policy
	analyzer proxy.Analyzer
	question cases.Question
	// meaning says what names mean in the database.
	meaning cases.Meaning
	// path is the search_path of the session that is thought of.
	path []string
	// version is the major version of the server, release how it calls itself.
	version int
	release string
	// relations are those with classified columns.
	relations []classified
	met       map[egress.Need]meeting
}

// classified is a relation with a column that has a class, or, where no column has
// one, the relation that stands for all.
type classified struct {
	oid, name string
	column    string
	class     string
	readable  bool
}

// Examine says of every road what becomes of the person of a question who takes it
// in a database of the configuration under a policy. It logs in and writes nothing.
func Examine(ctx context.Context, config *proxy.Config, database proxy.Database, p *policy.Policy, a proxy.Analyzer, q cases.Question) (_ *Report, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	role, err := roleOf(p, database, q)
	if err != nil {
		return nil, err
	}
	conn, end, err := doctor.Connect(ctx, config, database)
	if err != nil {
		return nil, fmt.Errorf("logging in to %s: %w", database.Name, err)
	}
	defer func() { err = errors.Join(err, end()) }()
	l := &look{conn: conn, role: role, policy: p, analyzer: a, question: q, met: map[egress.Need]meeting{}}
	if err := l.begin(ctx); err != nil {
		return nil, fmt.Errorf("looking at %s: %w", database.Name, err)
	}
	r := &Report{
		SchemaVersion: SchemaVersion, Time: time.Now().UTC().Truncate(time.Second), Database: database.Name,
		User: q.Identity.User, Role: role, Server: l.release,
	}
	if err := l.judgeAll(ctx, r); err != nil {
		return nil, fmt.Errorf("looking at %s: %w", database.Name, err)
	}
	return r, nil
}

// roleOf is the role that the person's session works as.
func roleOf(p *policy.Policy, d proxy.Database, q cases.Question) (string, error) {
	if d.Credential.Vault == nil {
		return d.Credential.Builtin.Group, nil
	}
	terms, err := p.Lease(q.Identity, q.Session)
	if err != nil {
		return "", err
	}
	return terms.Group, nil
}

// ask asks the catalog.
func (l *look) ask(ctx context.Context, sql string, parameters ...string) ([][]string, error) {
	return credential.Query(ctx, l.conn, sql, parameters...)
}

// begin finds out what server it is, whether the role exists, and what is there to
// protect.
func (l *look) begin(ctx context.Context) error {
	rows, err := l.ask(ctx, `SELECT current_setting('server_version'), current_setting('server_version_num')::int / 10000,
EXISTS (SELECT FROM pg_roles WHERE rolname = $1::name)`, l.role)
	if err != nil {
		return err
	}
	l.release = rows[0][0]
	if l.version, err = strconv.Atoi(rows[0][1]); err != nil {
		return err
	}
	if rows[0][2] != "t" {
		return fmt.Errorf("the role %s, as which sessions work, does not exist", l.role)
	}
	if err := l.readCatalog(ctx); err != nil {
		return err
	}
	return l.findClassified(ctx)
}

// readCatalog reads what names mean, if the policy looks at it, as the session of
// the person would have it at its beginning.
func (l *look) readCatalog(ctx context.Context) error {
	if !l.policy.NeedsCatalog() {
		return nil
	}
	snapshot, err := catalog.Load(ctx, querier{l.conn})
	if err != nil {
		return err
	}
	snapshot.ReadWith(l.analyzer)
	book := policy.NewBook(snapshot)
	code := catalog.NewCode(snapshot, l.analyzer, l.policy.Stated)
	l.meaning = func(r *policy.Request) {
		reach := func(f catalog.OID) *catalog.Reached { return code.Reach(ctx, f, l.path) }
		seen := catalog.Sight{Snapshot: snapshot, Path: l.path}
		f := follow.Follower{Sight: seen, Code: code, Policy: l.policy, Book: book}
		r.Facts.Catalog = l.policy.CatalogFact(book, seen, reach, r.Statements)
		r.Facts.Calls, r.Facts.Runs = f.Calls(ctx, r.Statements), f.Runs(ctx, r.Statements)
		for i := range r.Statements {
			for _, set := range r.Statements[i].Settings {
				if set.Name == "search_path" && set.Value != "" {
					l.path = pathOf(set.Value)
				}
			}
		}
	}
	return nil
}

// pathOf are the schemas of a search_path, with the one that is always searched.
func pathOf(value string) []string {
	var path []string
	for schema := range strings.SplitSeq(value, ",") {
		path = append(path, strings.Trim(strings.TrimSpace(schema), `"`))
	}
	if !slices.Contains(path, "pg_catalog") {
		path = append([]string{"pg_catalog"}, path...)
	}
	return path
}

// beginPath is the path that a session begins with on a road.
func (l *look) beginPath(road *egress.Road, names egress.Names) error {
	l.path = []string{"pg_catalog", "public"}
	for _, parameter := range road.Startup {
		filled, err := names.Fill(parameter)
		if err != nil {
			return err
		}
		if _, value, found := strings.Cut(strings.Trim(filled, `"`), "search_path="); found {
			l.path = pathOf(value)
		}
	}
	return nil
}

// querier asks for package catalog.
type querier struct{ conn *pgconn.PgConn }

// Query implements catalog.Querier.
func (q querier) Query(ctx context.Context, sql string, row func(values [][]byte) error) error {
	return credential.EachRow(ctx, q.conn, sql, row)
}

// classOf is the first class of a column, by policy or comment.
func (l *look) classOf(schema, relation, column string, marks policy.Marks) string {
	classes, _, _ := l.policy.ClassesWith(schema, relation, column, marks)
	if len(classes) == 0 {
		return ""
	}
	return classes[0].Class
}

// findClassified finds the columns that have a class. Without any the largest table
// stands for all.
func (l *look) findClassified(ctx context.Context) error {
	rows, err := l.ask(ctx, `SELECT c.oid, c.oid::regclass::text, n.nspname, c.relname, quote_ident(a.attname), a.attname,
  has_schema_privilege($1, n.oid, 'USAGE') AND has_column_privilege($1, c.oid, a.attnum, 'SELECT'),
  coalesce(col_description(c.oid, a.attnum), '')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384 AND NOT c.relispartition AND n.nspname !~ '^(pg_|information_schema$)'
ORDER BY c.reltuples DESC, c.oid, a.attnum`, l.role)
	if err != nil {
		return err
	}
	var others []classified
	for _, row := range rows {
		class := l.classOf(row[2], row[3], row[5], policy.Marks{Comment: row[7]})
		r := classified{oid: row[0], name: row[1], column: row[4], class: class, readable: row[6] == "t"}
		if class == "" {
			others = append(others, r)
			continue
		}
		l.relations = append(l.relations, r)
	}
	if len(l.relations) == 0 && len(others) > 0 {
		l.relations = others[:1]
	}
	return nil
}

// about chooses a column for each class, one that the role can read if there is
// any.
func (l *look) about() []classified {
	var chosen []classified
	for _, r := range l.relations {
		at := slices.IndexFunc(chosen, func(c classified) bool { return c.class == r.class })
		switch {
		case at < 0 && len(chosen) < maxAbout:
			chosen = append(chosen, r)
		case at >= 0 && r.readable && !chosen[at].readable:
			chosen[at] = r
		}
	}
	return chosen
}

// judgeAll fills in the report.
func (l *look) judgeAll(ctx context.Context, r *Report) error {
	names, err := l.find(ctx)
	if err != nil {
		return err
	}
	about := l.about()
	for _, c := range about {
		r.About = append(r.About, About{Class: c.class, Relation: c.name, Column: c.column})
	}
	for _, road := range egress.Roads() {
		if !road.On(l.version) {
			continue
		}
		out := Road{ID: road.ID, Section: road.Section, What: road.What, Leaves: road.Leaves}
		each := about
		if !slices.Contains(road.Names(), "table") {
			each = about[:min(len(about), 1)]
		}
		for _, c := range each {
			names["table"], names["column"] = c.name, c.column
			answer, err := l.judge(ctx, &road, names, c.class)
			if err != nil {
				return err
			}
			if !slices.Contains(road.Names(), "table") {
				answer.Class = ""
			}
			out.Answers = append(out.Answers, answer)
		}
		if len(each) == 0 {
			continue
		}
		out.State = worst(out.Answers)
		r.Roads = append(r.Roads, out)
	}
	return nil
}

// judge says what becomes of one road for one class. The server's own word counts
// first: what it does not let the role do, no policy has to.
func (l *look) judge(ctx context.Context, road *egress.Road, names egress.Names, class string) (Answer, error) {
	for _, name := range road.Names() {
		if _, found := names[name]; !found {
			return Answer{Class: class, State: egress.Absent, Why: "the database has nothing to take it by"}, nil
		}
	}
	if err := l.beginPath(road, names); err != nil {
		return Answer{}, err
	}
	judged, err := egress.Judge(ctx, l.policy, l.analyzer, l.question, l.meaning, road, names, class)
	if err != nil {
		return Answer{}, err
	}
	answer := Answer{
		Class: class, State: judged.State, Why: judged.Why, Rule: judged.Rule,
		Rows: judged.Limits.Rows, Bytes: judged.Limits.Bytes, Policy: judged.State,
	}
	for _, need := range road.Needs {
		if need.Of, err = names.Fill(need.Of); err != nil {
			return Answer{}, err
		}
		missing, absent, err := l.meets(ctx, need)
		if err != nil {
			return Answer{}, err
		}
		if missing == "" {
			continue
		}
		if answer.State, answer.Why = egress.ByPrivileges, missing; absent {
			answer.State = egress.Absent
		}
		break
	}
	return answer, nil
}

// worst is the state that asks for most attention.
func worst(answers []Answer) egress.State {
	states := egress.States()
	at := len(states) - 1
	for _, a := range answers {
		at = min(at, slices.Index(states, a.State))
	}
	return states[at]
}
