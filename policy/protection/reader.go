package protection

import (
	"fmt"
	"strings"
)

// Way is the kind of way by which somebody reads.
type Way uint8

// The ways, most direct first.
const (
	// BySuperuser needs no right.
	BySuperuser Way = iota
	// ByGrant is SELECT on the relation or some columns, granted to the
	// reader, to a role whose rights it has, or to PUBLIC.
	ByGrant
	// ByReadAllData is pg_read_all_data.
	ByReadAllData
	// ByOwner is a change that the owner may make.
	ByOwner
	// ByTrigger is the privilege TRIGGER: code of one's own sees new rows.
	ByTrigger
	// ByView and ByMaterializedView read with the rights of their owner.
	ByView
	ByMaterializedView
	// ByFunction is a SECURITY DEFINER function that names the relation;
	// ByPossibleFunction is one whose owner could read it.
	ByFunction
	ByPossibleFunction
	// ByPublication sends rows to subscribers.
	ByPublication
	// ByReplication is the attribute REPLICATION.
	ByReplication
	// ByServerFiles is a predefined role, a function or a language that
	// reaches files or programs of the server.
	ByServerFiles
)

// Kin says where rows are read that are also those of the relation asked about.
type Kin uint8

// The relation itself, one that it inherits from, one that inherits from it.
const (
	Itself Kin = iota
	Ancestor
	Descendant
)

// Path is how a reader reads.
type Path struct {
	Way Way
	// Kin says whether Relation is the relation asked about.
	Kin Kin
	// Relation is what rights are to: a table or view, as SQL writes it.
	Relation string
	// Object is what stands between: a function with the types of its
	// arguments, a publication, a role of PostgreSQL. Empty if there is none.
	Object string
	// Grantee holds the right; it may be PUBLIC. Empty if no right is needed.
	Grantee string
	// ByColumn says that the right is to single columns.
	ByColumn bool
}

// Reader is one way in which one role reads columns of a relation.
type Reader struct {
	// Role can log in; or it is PUBLIC, which is every role that exists or
	// will; or it is a group whose members are only made when needed.
	Role string
	// As is the role whose rights are used, empty if it is Role itself.
	As string
	// Columns are those of the relation asked about, in its order.
	Columns []string
	Effort  Effort
	Path    Path
	// Whole says that what the reader sees of the relation is its rows as they
	// are, limited by row security alone; otherwise it may be more or less than
	// can be told: parts of it, code in between, changed rows only.
	Whole bool
	// Latent says that another right is lacking today: PUBLIC or a group
	// without CONNECT.
	Latent bool

	rows  rows
	group bool
	at    []int
}

// Unknown is something that cannot be told from the catalogs.
type Unknown struct {
	// Code says what sort of thing it is, Object which one, as SQL writes it.
	Code   string `json:"code"`
	Object string `json:"object"`
	// Text is a sentence for people.
	Text string `json:"-"`
}

// The codes of what is unknown.
const (
	UnknownTrigger       = "trigger"
	UnknownRule          = "rule"
	UnknownForeignTable  = "foreign-table"
	UnknownForeignServer = "foreign-server"
	UnknownDblink        = "dblink"
	UnknownEntry         = "entry"
)

// Rows says in words which rows the reader sees.
func (r *Reader) Rows() string {
	switch {
	case r.Path.Way == ByTrigger:
		return "new and changed rows"
	case r.Path.Way == ByOwner || r.Path.Way == ByReplication || r.Path.Way == ByServerFiles:
		return allRows.words()
	case r.Path.Kin == Descendant && r.rows.extent == AllRows:
		return "the rows of " + r.Path.Relation
	case !r.Whole && r.Path.Way != ByPublication:
		return "whatever it shows"
	}
	return r.rows.words()
}

// String says the reader in one line: who, how, what.
func (r *Reader) String() string {
	who := quoted(r.Role)
	if r.Role == anyoneName {
		who = "everybody"
	}
	if r.As != "" {
		who += " as " + quoted(r.As)
	}
	return fmt.Sprintf("%s reads %s (%s): %s%s", who, strings.Join(quotedAll(r.Columns), ", "), r.Rows(), r.Path.words(r.Effort), r.Effort.words())
}

// words says in a phrase how hard it is.
func (e Effort) words() string {
	switch e {
	case PlainQuery:
		return ""
	case AfterSetRole:
		return ", after SET ROLE"
	case AfterChange:
		return ", after a change that it may make itself"
	}
	return ", beneath SQL"
}

func quotedAll(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = quoted(name)
	}
	return out
}

// anyoneName is PUBLIC as a role's name; no role can be called so.
const anyoneName = "PUBLIC"

// words says in a phrase what the path is.
func (p Path) words(effort Effort) string {
	to := p.Grantee
	if to != anyoneName && to != "" {
		to = quoted(to)
	}
	on := p.Relation
	switch p.Kin {
	case Ancestor:
		on += ", which it is a part of,"
	case Descendant:
		on += ", which is a part of it,"
	}
	switch p.Way {
	case BySuperuser:
		return "it is a superuser"
	case ByGrant:
		return fmt.Sprintf("SELECT on %s is granted to %s", on, to)
	case ByReadAllData:
		return "it has the rights of pg_read_all_data"
	case ByOwner:
		return fmt.Sprintf("%s owns %s and can grant itself SELECT or switch row security off", to, on)
	case ByTrigger:
		return fmt.Sprintf("TRIGGER on %s is granted to %s, so its own code can see rows as they come", on, to)
	case ByView:
		return fmt.Sprintf("SELECT on the view %s is granted to %s, and it reads with its owner's rights", p.Relation, to)
	case ByMaterializedView:
		return fmt.Sprintf("SELECT on the materialized view %s, which is a copy, is granted to %s", p.Relation, to)
	case ByFunction:
		return fmt.Sprintf("EXECUTE on %s is granted to %s, and that reads with its owner's rights", p.Object, to)
	case ByPossibleFunction:
		return fmt.Sprintf("EXECUTE on %s is granted to %s, and that runs as somebody who can read it", p.Object, to)
	case ByPublication:
		return fmt.Sprintf("the publication %s sends it to subscribers", p.Object)
	case ByReplication:
		return "it has the attribute REPLICATION"
	}
	if effort == BeneathSQL && p.Grantee != "" {
		return fmt.Sprintf("EXECUTE on %s is granted to %s, which reaches the server's files", p.Object, to)
	}
	return fmt.Sprintf("it has the rights of %s, which reaches the server's files", p.Object)
}
