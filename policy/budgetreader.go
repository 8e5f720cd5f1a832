package policy

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// Bounds of budgets: every account takes memory, and a start reads as much of
// the trail as the longest window has.
const (
	maxBudgets      = 100
	maxSubjects     = 10_000
	minBudgetWindow = time.Minute
	maxBudgetWindow = 90 * 24 * time.Hour
)

// budgets reads how much people may be given within a time. The rules were
// read before: an id in a refusal is to name one thing.
func (r *reader) budgets(entries []budgetEntry, rules []*rule) []*budgetRule {
	if len(entries) > maxBudgets {
		r.errs.Addf(entries[maxBudgets].Position, "more than %d budgets: one budget can have several classes and people", maxBudgets)
		return nil
	}
	budgets := make([]*budgetRule, 0, len(entries))
	lines := map[string]int{}
	for _, one := range rules {
		lines[one.id] = one.place.Line
	}
	for i := range entries {
		entry := &entries[i]
		one := r.budget(entry)
		if line, double := lines[one.who.id]; double && one.who.id != "" {
			r.errs.Addf(entry.ID.Position, "the id %q is taken on line %d", one.who.id, line)
		} else {
			lines[one.who.id] = entry.Line
		}
		budgets = append(budgets, one)
	}
	return budgets
}

func (r *reader) budget(entry *budgetEntry) *budgetRule {
	out := &budgetRule{who: rule{
		id: entry.ID.Value, place: entry.Position, position: r.source.At(entry.Position), effect: Deny,
		databases: r.names(entry.Databases, "database"), users: r.names(entry.Users, "user"), groups: r.names(entry.Groups, "group"),
		methods: r.methods(entry.Methods), addresses: r.addresses(entry.Addresses),
		owner: strings.TrimSpace(entry.Owner.Value), message: strings.TrimSpace(entry.Message.Value), link: entry.Link.Value,
	}}
	if !identifier.MatchString(out.who.id) {
		r.errs.Addf(orElse(entry.ID.Position, entry.Position), "a budget needs an id made of %s", identifierWords)
	}
	r.declared(entry.Databases)
	r.budgetClasses(entry, out)
	out.window = r.budgetWindow(entry)
	r.budgetLimits(entry, &out.limits)
	for _, list := range []struct {
		name  string
		texts []strictyaml.Text
	}{
		{"databases", entry.Databases}, {"users", entry.Users}, {"groups", entry.Groups},
		{"addresses", entry.Addresses}, {"methods", entry.Methods},
	} {
		r.emptyList(entry.Position, list.name, list.texts)
	}
	r.words(&ruleEntry{Message: entry.Message, Owner: entry.Owner, Link: entry.Link})
	return out
}

func (r *reader) budgetClasses(entry *budgetEntry, out *budgetRule) {
	if len(entry.Classes) == 0 {
		r.errs.Addf(entry.Position, "a budget names its classes: family.name, family.*, * or %s", Unclassified)
	}
	var named []strictyaml.Text
	for _, text := range entry.Classes {
		switch {
		case text.Value != Unclassified:
			named = append(named, text)
		case out.unclassified:
			r.errs.Addf(text.Position, "%s stands twice in this list", text.Value)
		default:
			out.unclassified = true
		}
	}
	out.classes = r.classPatterns(named)
}

func (r *reader) budgetWindow(entry *budgetEntry) time.Duration {
	at := orElse(entry.Window.Position, entry.Position)
	window, err := parseSpan(entry.Window.Value)
	switch {
	case entry.Window.IsZero():
		r.errs.Addf(at, "a budget needs a window: the time it is for, such as 24h")
	case err != nil:
		r.errs.Addf(at, "window is a time span such as 1h or 24h, not %q", entry.Window.Value)
	case window < minBudgetWindow || window > maxBudgetWindow:
		r.errs.Addf(at, "window is from %s to %s, not %s", DurationWords(minBudgetWindow), DurationWords(maxBudgetWindow), entry.Window.Value)
	}
	return window
}

// budgetLimits reads how much there is. Bytes are never left open unsaid:
// rows, and the subjects in them, can be put together in one value.
func (r *reader) budgetLimits(entry *budgetEntry, out *BudgetLimits) {
	const whole = "a whole number or " + unlimited
	rows := readLimit(r, entry.Rows, "rows", whole, parseCount)
	bytes := readLimit(r, entry.Bytes, "bytes", "a number of bytes such as 65536, 64KiB, 8MiB or 1GiB, or "+unlimited, parseBytes)
	subjects := readLimit(r, entry.Subjects, "subjects", whole, parseCount)
	if entry.Bytes.IsZero() {
		r.errs.Addf(entry.Position, "a budget says how many bytes there are, because many rows can be put together in one value; write %s to leave that open", unlimited)
		return
	}
	*out = BudgetLimits{Rows: given(rows, 0), Bytes: given(bytes, 0), Subjects: given(subjects, 0)}
	if *out == (BudgetLimits{}) && r.errs.Err() == nil {
		r.errs.Addf(entry.Position, "a budget limits rows, bytes or subjects")
	}
}

// subjects reads which columns say whose rows those of their relations are.
func (r *reader) subjects(entries map[string]strictyaml.Text) []Subject {
	subjects := make([]Subject, 0, len(entries))
	for relation, column := range entries {
		name, err := parsePattern(relation)
		switch {
		case err != nil:
			r.errs.Addf(column.Position, "%q is not the name of a relation: %v", relation, err)
			continue
		case name.bare || name.anySchema || name.anyName:
			r.errs.Addf(column.Position, "%q: subjects names each relation in full, as schema.name", relation)
			continue
		}
		of, rest, err := parsePart(column.Value)
		switch {
		case err != nil:
			r.errs.Addf(column.Position, "%q is not the name of a column: %v", column.Value, err)
		case of.any || rest != "":
			r.errs.Addf(column.Position, "%q: a relation has one subject, in one column, written by its name alone", column.Value)
		default:
			subjects = append(subjects, Subject{name.schema, name.name, of.name})
		}
	}
	if len(subjects) > maxSubjects {
		r.errs.Addf(strictyaml.Position{}, "more than %d subjects", maxSubjects)
	}
	slices.SortFunc(subjects, func(a, b Subject) int { return cmp.Or(a.compareRelation(b), cmp.Compare(a.Column, b.Column)) })
	for i := 1; i < len(subjects); i++ {
		if a := subjects[i-1]; a.compareRelation(subjects[i]) == 0 {
			r.errs.Addf(strictyaml.Position{}, "%s.%s has two subjects: columns %s and %s", a.Schema, a.Relation, a.Column, subjects[i].Column)
		}
	}
	return subjects
}
