package egress

import (
	"fmt"
	"slices"
	"strings"
)

// Need is something that the server wants of a role before it lets it take a
// road, or that has to be there for the road to lead anywhere. Of is what it is about; its form depends on Kind.
type Need struct {
	Kind string
	Of   string
}

// The kinds of needs, with what Of is.
const (
	Select         = "select"          // a relation
	Insert         = "insert"          // a relation
	Update         = "update"          // a relation or a sequence
	Delete         = "delete"          // a relation
	Truncate       = "truncate"        // a relation
	Trigger        = "trigger"         // a relation
	Maintain       = "maintain"        // a relation; only its owner, before 17
	Owner          = "owner"           // a relation
	Commented      = "commented"       // table.column: its comment gives it a class
	Create         = "create"          // a schema
	Usage          = "usage"           // a schema or a foreign server
	UsageWrapper   = "usage-wrapper"   // a foreign-data wrapper
	OwnerServer    = "owner-server"    // a foreign server
	Execute        = "execute"         // a function, as regprocedure reads it, or the name of a built-in one
	Language       = "language"        // a language
	Extension      = "extension"       // an extension, installed
	Blob           = "blob"            // a large object, to read
	BlobWrite      = "blob-write"      // a large object, to write
	Member         = "member"          // a role
	Temp           = "temp"            // nothing: TEMPORARY on the database
	CreateDatabase = "create-database" // nothing: CREATE on the database
	OwnerDatabase  = "owner-database"  // nothing
	CreateDB       = "createdb"        // nothing
	CreateRole     = "createrole"      // nothing
	Superuser      = "superuser"       // nothing
	Replication    = "replication"     // nothing
	Impossible     = "impossible"      // nothing: no server lets anybody
)

// withObject and withoutObject are the kinds by whether Of is given.
var (
	withObject = []string{
		Select, Insert, Update, Delete, Truncate, Trigger, Maintain, Owner, Commented, Create, Usage, UsageWrapper, OwnerServer,
		Execute, Language, Extension, Blob, BlobWrite, Member,
	}
	withoutObject = []string{Temp, CreateDatabase, OwnerDatabase, CreateDB, CreateRole, Superuser, Replication, Impossible}
)

func parseNeed(text string) (Need, error) {
	kind, of, found := strings.Cut(text, " ")
	switch {
	case found && slices.Contains(withObject, kind), !found && slices.Contains(withoutObject, kind):
		return Need{Kind: kind, Of: of}, nil
	case slices.Contains(withObject, kind):
		return Need{}, fmt.Errorf("need %s does not say of what", kind)
	case slices.Contains(withoutObject, kind):
		return Need{}, fmt.Errorf("need %s is about nothing else", kind)
	}
	return Need{}, fmt.Errorf("%q is no need", kind)
}
