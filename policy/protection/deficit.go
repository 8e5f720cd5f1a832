package protection

import (
	"fmt"
	"slices"
	"strings"
)

// Cause is why a fact of a destination is a deficit. The greater of those from
// MayNotRead to TravelsOpener, the nearer the source came to allowing it.
type Cause uint8

// The causes.
const (
	// MayNotRead is that nobody of the subject reads the column at the source.
	MayNotRead Cause = iota
	// ReadByAnyone is that PUBLIC reads it at the destination only.
	ReadByAnyone
	// SentOn is that a publication sends it on.
	SentOn
	// SeesMoreRows, NeedsLess, EntersEasier and TravelsOpener are that they
	// read it at the source too, but fewer rows, with more effort, a stronger
	// login, a better transport; SoftCondition, that only a setting keeps them
	// to as few rows.
	SeesMoreRows
	SoftCondition
	NeedsLess
	EntersEasier
	TravelsOpener
	// NoSubject is a reader whom the policy does not know.
	NoSubject
	// BelowFloor and BelowTransport are entries that are too weak whatever the
	// source has.
	BelowFloor
	BelowTransport

	matched Cause = 255
)

var causeNames = map[Cause]string{
	MayNotRead: "may-not-read", ReadByAnyone: "read-by-anyone", SentOn: "sent-on", SeesMoreRows: "sees-more-rows", NeedsLess: "needs-less",
	EntersEasier: "enters-easier", TravelsOpener: "travels-opener", NoSubject: "no-subject", BelowFloor: "below-floor",
	BelowTransport: "below-transport", SoftCondition: "soft-condition",
}

// String is the cause's name in reports.
func (c Cause) String() string { return causeNames[c] }

// rank orders causes for people: what is worst comes first.
func (c Cause) rank() int {
	return slices.Index([]Cause{ReadByAnyone, NoSubject, BelowFloor, BelowTransport, SentOn, MayNotRead, SeesMoreRows, NeedsLess, EntersEasier, TravelsOpener, SoftCondition}, c)
}

// Deficit is one thing that the destination protects less.
type Deficit struct {
	Cause Cause
	// Effort is what reading takes at the destination.
	Effort Effort
	// Subject is empty if it is told for several together, and UNMAPPED for
	// roles that have none.
	Subject string
	// Columns are those of the origin, Roles the roles at the destination.
	Columns, Roles []string
	// Text is a sentence: who can read what there that they cannot here, by
	// which path.
	Text string
	// Fix are SQL statements, or a sentence, that would mend it.
	Fix []string
}

// groupKey is what deficits have in common that are told in one sentence.
type groupKey struct {
	cause   Cause
	subject string
	effort  Effort
	path    Path
	entry   int
	masked  int
}

type group struct {
	key     groupKey
	fact    *Fact
	nearest *Fact
	columns []string
	placed  []string // the columns at the destination
	roles   []string
	ways    []way
}

// deficit adds a fact to the group of its kind.
func (c *comparison) deficit(cause Cause, d, nearest *Fact) {
	key := groupKey{cause: cause, subject: d.Subject, masked: d.Masked}
	switch cause {
	case BelowFloor, BelowTransport:
		key.subject = ""
	case NoSubject:
		key.subject = unmapped
	}
	switch cause {
	case BelowFloor, EntersEasier:
		key.entry = d.Authentication
	case BelowTransport, TravelsOpener:
		key.entry = d.Transport
	default:
		key.effort = d.Effort
		if len(d.ways) > 0 {
			key.path = d.ways[0].reader.Path
		}
	}
	g := c.groups[key]
	if g == nil {
		g = &group{key: key, fact: d, nearest: nearest}
		c.groups[key] = g
		c.order = append(c.order, g)
	}
	g.columns = addNew(g.columns, d.Column)
	for _, w := range d.ways {
		g.placed = addNew(g.placed, w.column)
		g.roles = addNew(g.roles, w.reader.Role)
		if len(g.ways) < mostWays {
			g.ways = append(g.ways, w)
		}
	}
}

// mostListed bounds the lists of a deficit.
const mostListed = 1000

func addNew(list []string, name string) []string {
	if len(list) >= mostListed || slices.Contains(list, name) {
		return list
	}
	return append(list, name)
}

// Bounds of a sentence.
const (
	namedColumns = 8
	namedRoles   = 3
)

func (g *group) deficit() Deficit {
	d := Deficit{Cause: g.key.cause, Effort: g.key.effort, Subject: strings.TrimSuffix(g.key.subject, ":"), Columns: sorted(g.columns), Roles: sorted(g.roles)}
	d.Text, d.Fix = g.text(d.Columns, d.Roles), g.fixes()
	return d
}

// text is the sentence.
func (g *group) text(columns, roles []string) string {
	reads := some(shortNames(columns), namedColumns)
	if g.key.masked > 0 {
		reads = "what the mask leaves of " + reads
	}
	who := g.who(roles)
	path := g.path()
	switch g.key.cause {
	case ReadByAnyone:
		return fmt.Sprintf("everybody who logs in at the destination, now or later, can read %s, which is not so at the source%s", reads, path)
	case NoSubject:
		return fmt.Sprintf("%s can read %s at the destination without being among the readers that the policy names%s", who, reads, path)
	case SentOn:
		return fmt.Sprintf("the destination sends %s on to whoever subscribes, and nothing is known about them%s", reads, path)
	case BelowFloor:
		return fmt.Sprintf("%s can get in at the destination %s, which is below the floor, and read %s", who, authenticationWords(g.fact.Authentication), reads)
	case BelowTransport:
		return fmt.Sprintf("%s can get in at the destination %s, which is below the floor, and read %s", who, transportWords(g.fact.Transport), reads)
	case SoftCondition:
		return fmt.Sprintf("which rows of %s %s sees at the destination is decided by a setting that it can make itself%s", reads, who, path)
	case SeesMoreRows:
		rows := "more"
		if g.fact.Scope.Extent == SomeRows {
			rows = "other"
		}
		return fmt.Sprintf("%s can see %s rows of %s at the destination (%s) than at the source (%s)%s", who, rows, reads, g.seen(), g.allowedRows(), path)
	case NeedsLess:
		return fmt.Sprintf("%s can read %s at the destination %s, and at the source only %s%s", who, reads, g.fact.Effort.phrase(), g.nearest.Effort.phrase(), path)
	case EntersEasier:
		return fmt.Sprintf("%s, who can read %s, gets in at the destination %s, and at the source only %s", who, reads, authenticationWords(g.fact.Authentication), authenticationWords(g.nearest.Authentication))
	case TravelsOpener:
		return fmt.Sprintf("%s, who can read %s, gets in at the destination %s, and at the source only %s", who, reads, transportWords(g.fact.Transport), transportWords(g.nearest.Transport))
	}
	return fmt.Sprintf("%s can read %s at the destination, which it cannot at the source%s", who, reads, path)
}

// who names the subject with the roles behind it.
func (g *group) who(roles []string) string {
	names := some(quotedAll(roles), namedRoles)
	switch {
	case g.key.subject == AnyoneName || slices.Contains(roles, anyoneName):
		return "everybody"
	case g.key.subject == "" || g.key.subject == unmapped:
		return orElse(names, "somebody")
	case len(roles) == 0:
		return g.key.subject
	}
	return fmt.Sprintf("%s (%s)", g.key.subject, names)
}

// path says how, as far as it is known.
func (g *group) path() string {
	if len(g.ways) == 0 {
		return ""
	}
	r := g.ways[0].reader
	as := ""
	if r.As != "" {
		as = "as " + quoted(r.As) + ", "
	}
	if r.Path.Way == ByPublication {
		return ": " + r.Path.words(r.Effort)
	}
	return ": " + as + r.Path.words(r.Effort) + r.Effort.words()
}

func (g *group) seen() string {
	if len(g.ways) > 0 {
		return g.ways[0].reader.Rows()
	}
	return "more"
}

func (g *group) allowedRows() string {
	if g.nearest == nil || len(g.nearest.ways) == 0 {
		return "fewer"
	}
	return g.nearest.ways[0].reader.Rows()
}

// shortNames leaves out schema and relation if all columns have the same.
func shortNames(columns []string) []string {
	short := make([]string, len(columns))
	for i, c := range columns {
		short[i] = quoted(lastPart(c))
		if strings.TrimSuffix(c, short[i]) != strings.TrimSuffix(columns[0], short[0]) {
			return columns
		}
	}
	return short
}

// phrase says an effort as a way to do it.
func (e Effort) phrase() string {
	switch e {
	case PlainQuery:
		return "with a plain query"
	case AfterSetRole:
		return "after SET ROLE"
	case AfterChange:
		return "after a change to rights"
	}
	return "beneath SQL"
}

// authenticationWords say a grade of Entry.Authentication.
func authenticationWords(grade int) string {
	switch {
	case grade >= NoEntry:
		return "not at all"
	case grade >= 50:
		return "with a certificate or GSS"
	case grade >= 40:
		return "with SCRAM"
	case grade >= 30:
		return "with a password that the server sees"
	case grade >= 20:
		return "with MD5"
	case grade >= 10:
		return "with a password in the clear, or by ident"
	}
	return "without a credential"
}

// transportWords say a grade of Entry.Transport.
func transportWords(grade int) string {
	switch {
	case grade >= VerifiedTLS:
		return "over verified TLS"
	case grade > 0:
		return "over TLS that proves nothing about the server"
	}
	return "in plaintext"
}
