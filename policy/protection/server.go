package protection

import (
	"cmp"
	"slices"

	"github.com/sluice-pg/sluice/policy/quote"
)

// oid is the OID of an object.
type oid uint32

// Server is what the catalogs of one database say about who can read what. It
// never changes, so several may ask it at once.
type Server struct {
	// Version is server_version_num / 10000.
	Version int
	// Database is the name of the database.
	Database string

	owner        oid
	rights       rights
	roles        []*role
	byOID        map[oid]*role
	byName       map[string]*role
	anyone       *role
	schemas      map[oid]*schema
	relations    map[oid]*Relation
	named        map[relationName]*Relation
	functions    []*function
	publications []*publication
	defaults     []defaultRights
	servers      []foreignServer
}

// role is a role, or PUBLIC, which is like a role that is new and a member of
// nothing.
type role struct {
	oid  oid
	name string

	super, inherit, createRole, login, replication, bypassRLS bool

	members []membership // roles that this one is a direct member of

	// privileges are the roles whose rights this one has without SET ROLE,
	// itself among them: has_privs_of_role.
	privileges map[*role]bool
	// reaches are the roles it can become, itself first.
	reaches []reach
}

// membership is a row of pg_auth_members seen from the member.
type membership struct {
	of                  *role
	admin, inherit, set bool
}

// reach is a role that can be become, with the effort.
type reach struct {
	role   *role
	effort Effort
}

type schema struct {
	oid    oid
	name   string
	owner  oid
	rights rights
}

// Relation is a table, partitioned table, view, materialized view or foreign
// table, which may be planned only.
type Relation struct {
	Schema, Name string
	// Kind is relkind: r, p, v, m or f.
	Kind byte
	// Columns are the names of its columns, in order.
	Columns []string

	oid             oid
	in              *schema
	owner           oid
	rowSecurity     bool
	forced          bool
	invoker         bool
	rights          rights
	numbers         []int16
	columnRights    []columnRights
	policies        []policy
	parents         []*Relation
	children        []*Relation
	usedBy          []use
	rules, triggers []string
}

// OID is pg_class.oid, 0 for a relation that does not exist yet.
func (r *Relation) OID() uint32 { return uint32(r.oid) }

// columnRights are the rights to one column, by its place in Columns.
type columnRights struct {
	column int
	list   []right
}

// use is that a rule of one relation names columns of another.
type use struct {
	by   *Relation
	rule string
	// view says that the rule is what makes by a view.
	view bool
	// columns are numbers; 0 stands for all of them.
	columns []int16
}

type function struct {
	oid       oid
	in        *schema
	name      string
	arguments string
	owner     oid
	definer   bool
	language  string
	trusted   bool
	rights    rights
	// referred says that something calls it, so that it runs also for those
	// who may not use its schema.
	referred bool
	source   string
	// atomic says that the body is SQL whose dependencies are recorded and
	// that it calls nothing that could read more than those.
	atomic bool
	uses   []functionUse
}

// functionUse is that a body of SQL names columns of a relation.
type functionUse struct {
	relation *Relation
	columns  []int16
}

type publication struct {
	name    string
	all     bool
	schemas map[oid]bool
	// tables are those that are named.
	tables map[oid]published
}

// published is how a table is published: its columns (nil for all) and the
// condition on rows ("" for none).
type published struct {
	columns []int16
	filter  string
}

// defaultRights is a row of pg_default_acl.
type defaultRights struct {
	role, schema oid
	kind         byte
	list         []right
	// empty says that it gives nothing at all, also no right that is not
	// looked at here.
	empty bool
}

type foreignServer struct {
	name, wrapper string
	mappings      int
}

// Relation finds a relation by its name.
func (s *Server) Relation(schema, name string) (*Relation, bool) {
	r, found := s.named[relationName{schema, name}]
	return r, found
}

// Relations lists the relations in the order of their names.
func (s *Server) Relations() []*Relation {
	list := make([]*Relation, 0, len(s.relations))
	for _, r := range s.relations {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *Relation) int {
		return cmp.Or(cmp.Compare(a.Schema, b.Schema), cmp.Compare(a.Name, b.Name), cmp.Compare(a.oid, b.oid))
	})
	return list
}

// relationName is how a relation is asked for.
type relationName struct{ schema, name string }

// String is the relation's name as SQL writes it.
func (r *Relation) String() string { return quoted(r.Schema, r.Name) }

// signature is the function's name with the types of its arguments, as
// REVOKE wants it.
func (f *function) signature() string {
	return quoted(f.in.name, f.name) + "(" + quote.Short(f.arguments, maxArguments) + ")"
}

// at finds a column by its number, -1 if there is none.
func (r *Relation) at(number int16) int {
	i, found := slices.BinarySearch(r.numbers, number)
	if !found {
		return -1
	}
	return i
}
