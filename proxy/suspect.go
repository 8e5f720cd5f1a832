package proxy

import (
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy"
	shared "github.com/sluice-pg/sluice/policy/budget"
	"github.com/sluice-pg/sluice/policy/classify"
	"github.com/sluice-pg/sluice/proxy/wire"
)

// What leaves in a column that has no class may be what a class is for: nobody has
// labelled it yet, or somebody has put tokens into a column for notes. So a few of
// the rows of larger results are looked at on their way, and what columns seem to
// hold goes on record, once for each session. No class follows from that; a person
// has to give it.

// typeSuspected: a column without a class seems to hold what a class is for.
const typeSuspected = "class.suspected"

const (
	// lookedFrom is the row of a result from which on it is looked at.
	lookedFrom = 32
	// lookedHead is how many rows are then all looked at.
	lookedHead = 128
	// maxLooked bounds what is seen of a row, in bytes.
	maxLooked = 4 << 10
	// maxLookouts is for how many texts a session keeps what was seen, and
	// maxSuspected how many suspicions it remembers.
	maxLookouts  = 16
	maxSuspected = 256
)

// bare are the columns without a class in the result of a text.
type bare struct {
	form    shared.Form
	columns []policy.BareColumn
}

// bareOf finds them, nil if there are none or nobody can tell.
func bareOf(p *policy.Policy, r *policy.Request) *bare {
	facts := r.Facts.Catalog
	if facts == nil || len(r.Statements) != 1 || len(facts.Statements) != 1 {
		return nil
	}
	form, plain := formOf(&r.Statements[0])
	columns := p.BareColumns(&facts.Statements[0])
	if !plain || len(columns) == 0 {
		return nil
	}
	return &bare{form, columns}
}

// layouts are those of samplers, by form.
var layouts = map[shared.Form]classify.Layout{
	shared.Row: classify.Tuples, shared.CopyBinary: classify.Tuples, shared.CopyText: classify.Text, shared.CopyCSV: classify.CSV,
}

// suspects is what a session has seen in columns without a class. Only fromServer
// uses it.
type suspects struct {
	lookouts map[*bare]*lookout
	told     map[suspicion]bool
}

// lookout is what was seen in the results of one text.
type lookout struct {
	*bare
	*classify.Sampler
	// rows and news are what there was when somebody asked what it means.
	rows, news uint64
}

// due reports whether there is enough that is new to ask again.
func (l *lookout) due() bool {
	if l.Rows() < 2*l.rows && l.News() == l.news {
		return false
	}
	l.rows, l.news = l.Rows(), l.News()
	return true
}

type suspicion struct{ column, class string }

// lookout is that of a text's result.
func (s *suspects) lookout(b *bare) *lookout {
	if known := s.lookouts[b]; known != nil {
		return known
	}
	if s.lookouts == nil || len(s.lookouts) >= maxLookouts {
		s.lookouts = map[*bare]*lookout{}
	}
	fresh := &lookout{bare: b, Sampler: classify.NewSampler(classify.SamplerOptions{Layout: layouts[b.form], Head: lookedHead, Wires: classify.OneWire})}
	s.lookouts[b] = fresh
	return fresh
}

// lookAt has a row looked at, which lies at the upstream connection, if it is time.
func (s *session) lookAt(t *ticket, h wire.Header) error {
	b, w := t.terms.bare, t.work
	if b == nil || w == nil || w.rows < lookedFrom || (h.Type == 'D') != (b.form == shared.Row) {
		return nil
	}
	if w.looked == nil {
		w.looked = s.suspects.lookout(b)
	}
	row, err := s.upstream.conn.Prefix(min(h.Len, maxLooked))
	if err == nil {
		w.looked.Row(row)
	}
	return err
}

// suspect puts on record what the columns of a result seem to hold, if that is new.
func (s *session) suspect(w *work) error {
	if w.looked == nil || !w.looked.due() {
		return nil
	}
	names := make([]classify.Column, w.looked.columns[len(w.looked.columns)-1].Output+1)
	at := make([]*policy.BareColumn, len(names))
	for i := range w.looked.columns {
		c := &w.looked.columns[i]
		names[c.Output], at[c.Output] = classify.Column{Schema: c.Schema, Relation: c.Relation, Name: c.Name, Type: c.Type}, c
	}
	var news suspectedRecord
	for _, f := range w.looked.Findings(names) {
		if f.Column >= len(at) || at[f.Column] == nil {
			continue
		}
		if one, new := s.suspects.see(at[f.Column], &f.Suggestions[0]); new {
			news.Columns = append(news.Columns, one)
		}
	}
	if len(news.Columns) == 0 {
		return nil
	}
	for _, one := range news.Columns {
		s.log.Warn("a column without a class seems to hold what a class is for", "column", one.Column, "class", one.Class, "evidence", one.Evidence)
	}
	return s.enqueue(s.event(typeSuspected, w.decision, &news))
}

// see notes a suggestion about a column; new is true if it is to be told. What
// somebody has looked at is believed, unless it holds credentials.
func (s *suspects) see(c *policy.BareColumn, found *classify.Suggestion) (one suspectedColumn, new bool) {
	at := slices.IndexFunc(found.Evidence, func(e classify.Evidence) bool { return e.Source == "values" })
	if found.Strength < classify.Likely || at < 0 || c.Looked && !strings.HasPrefix(found.Class, "secret.") {
		return suspectedColumn{}, false
	}
	one = suspectedColumn{Column: c.Schema + "." + c.Relation + "." + c.Name, Class: found.Class, Evidence: found.Evidence[at].Text}
	key := suspicion{one.Column, one.Class}
	if s.told[key] || len(s.told) >= maxSuspected {
		return one, false
	}
	if s.told == nil {
		s.told = map[suspicion]bool{}
	}
	s.told[key] = true
	return one, true
}

// suspectedRecord is the body of a class.suspected event. Its id is that of the
// decision by which the rows left.
type suspectedRecord struct {
	Columns []suspectedColumn `json:"columns"`
}

type suspectedColumn struct {
	// Class is what sluice classify would suggest, Column schema.table.column.
	Class  string `json:"class"`
	Column string `json:"column"`
	// Evidence says in words what was seen in the sampled rows, without a value.
	Evidence string `json:"evidence"`
}
