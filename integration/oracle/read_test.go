package oracle

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/statement"
)

// TestOracle asks every server about every text.
func TestOracle(t *testing.T) {
	all := texts(t)
	analyzer := statement.NewAnalyzer(statement.Options{Worker: harness.Worker(t), Timeout: time.Minute})
	t.Cleanup(func() {
		if err := analyzer.Close(); err != nil {
			t.Error(err)
		}
	})
	analyses := map[string]*statement.Analysis{}
	for _, sql := range all {
		analyses[sql] = analyzer.Analyze(context.Background(), sql)
	}
	for _, version := range harness.VersionsOr(t, 13, 15, 17, 18) {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			t.Parallel()
			server := newServer(t, version)
			o := &oracle{session: newSession(t, server), texts: all, analyses: analyses}
			t.Run("reads", func(t *testing.T) { o.reads(t, version) })
			t.Run("relations", o.relations)
			t.Run("statements", o.statements)
			t.Run("hidden", o.hides)
			t.Run("joined", func(t *testing.T) { o.joined(t, analyzer) })
			t.Run("spoilt", func(t *testing.T) { o.mutated(t, version, analyzer) })
		})
	}
}

// oracle is one server and what is asked of it.
type oracle struct {
	*session
	texts    []string
	analyses map[string]*statement.Analysis
	// ran are the texts that ran without an error in a transaction.
	ran []string
}

// asks reports whether a server's grammar reads a text. It is sent in a failed
// transaction, where nothing runs that does not end it; a text that does end
// it has been read whatever comes next.
func (o *oracle) asks(sql string) (bool, answer) {
	o.t.Helper()
	o.fail()
	a := o.query(sql)
	const inFailedTransaction, noSavepoint = "25P02", "3B001"
	return a.code == "" || a.code == inFailedTransaction || a.code == noSavepoint || o.status != 'E', a
}

func (o *oracle) reads(t *testing.T, version int) {
	o.session.t = t
	list := known(t, version)
	both, neither := 0, 0
	for _, sql := range o.texts {
		read, a := o.asks(sql)
		problem := o.analyses[sql].Problem
		who := ""
		switch {
		case read && problem != nil:
			who = "server"
		case !read && problem == nil:
			who = "sluice"
		case read:
			both++
		default:
			neither++
		}
		if who == list[sql] {
			delete(list, sql)
			continue
		}
		told := a.code + " " + a.message
		if problem != nil {
			told = problem.Message
		}
		t.Errorf("only one reads this, and the list says %q: %s\n%s %s", list[sql], told, who, written(sql))
		delete(list, sql)
	}
	for sql, who := range list {
		t.Errorf("listed and not in the corpus: %s %s", who, written(sql))
	}
	t.Logf("%d texts are read by both, %d by neither, %d by one", both, neither, len(o.texts)-both-neither)
	o.reset()
}

// fewestRun is how many texts run on every server at least; others meet a
// missing relation, extension or right.
const fewestRun = 900

func (o *oracle) statements(t *testing.T) {
	o.session.t = t
	alone := 0
	for _, sql := range o.texts {
		analysis := o.analyses[sql]
		if analysis.Problem != nil {
			continue
		}
		o.reset()
		o.query("BEGIN")
		a := o.query(sql)
		if a.code == "" && analysis.Kind != statement.ParseError {
			o.ran = append(o.ran, sql)
		}
		const noTransactionBlock = "25001"
		if a.code == noTransactionBlock {
			o.reset()
			a = o.query(sql)
			alone++
		}
		o.compare(t, sql, len(analysis.Statements), a)
	}
	if len(o.ran) < fewestRun {
		t.Errorf("only %d texts ran", len(o.ran))
	}
	t.Logf("%d texts ran in a transaction, %d were tried outside of one", len(o.ran), alone)
	o.reset()
}

// compare holds the number of statements against the server's count. After
// an error, at least the failed one is missing.
func (o *oracle) compare(t *testing.T, sql string, statements int, a answer) {
	t.Helper()
	switch {
	case a.code != "" && a.complete < statements:
	case a.code == "" && statements == 0 && a.empty == 1 && a.complete == 0:
	case a.code == "" && statements > 0 && a.complete == statements && a.empty == 0:
	default:
		t.Errorf("the analysis sees %d statements, the server completed %d and found %d empty (%s): %s",
			statements, a.complete, a.empty, a.code, written(sql))
	}
}

// separators join texts; each is a semicolon to the grammar, with company.
var separators = []string{";", " ; ", ";;", ";\n-- ; a comment\n", ";/* ; */", "\n;\r\n"}

// joined runs texts that ran by themselves once more, several in one Query.
func (o *oracle) joined(t *testing.T, analyzer *statement.Analyzer) {
	o.session.t = t
	const most = 8
	complete := 0
	for i := 0; i+most <= len(o.ran); i += most {
		var b strings.Builder
		want := 0
		for j, sql := range o.ran[i : i+most] {
			b.WriteString(sql + "\n" + separators[(i+j)%len(separators)])
			want += len(o.analyses[sql].Statements)
		}
		analysis := analyzer.Analyze(context.Background(), b.String())
		if analysis.Problem != nil || len(analysis.Statements) != want {
			t.Errorf("%d statements became %d, %v: %s", want, len(analysis.Statements), analysis.Problem, written(b.String()))
			continue
		}
		o.reset()
		o.query("BEGIN")
		a := o.query(b.String())
		if a.code == "" {
			complete++
		}
		o.compare(t, b.String(), want, a)
	}
	t.Logf("%d of %d joined texts ran to their end", complete, len(o.ran)/most)
	o.reset()
}
