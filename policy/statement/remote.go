package statement

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// remoteStatement judges statements that reach other servers: foreign data,
// publications and subscriptions.
func (w *walker) remoteStatement(node *pg.Node) bool {
	switch n := node.Node.(type) {
	case *pg.Node_CreateForeignServerStmt:
		s := n.CreateForeignServerStmt
		w.foreign("CREATE SERVER", s.Servername, s.Options)
		w.children(s)
	case *pg.Node_AlterForeignServerStmt:
		s := n.AlterForeignServerStmt
		w.foreign("ALTER SERVER", s.Servername, s.Options)
		w.children(s)
	case *pg.Node_CreateUserMappingStmt:
		w.foreign("CREATE USER MAPPING", n.CreateUserMappingStmt.Servername, n.CreateUserMappingStmt.Options)
	case *pg.Node_AlterUserMappingStmt:
		w.foreign("ALTER USER MAPPING", n.AlterUserMappingStmt.Servername, n.AlterUserMappingStmt.Options)
	case *pg.Node_CreateFdwStmt:
		w.foreign("CREATE FOREIGN DATA WRAPPER", "", n.CreateFdwStmt.Options)
		w.children(n.CreateFdwStmt)
	case *pg.Node_AlterFdwStmt:
		w.foreign("ALTER FOREIGN DATA WRAPPER", "", n.AlterFdwStmt.Options)
		w.children(n.AlterFdwStmt)
	case *pg.Node_CreateForeignTableStmt:
		s := n.CreateForeignTableStmt
		w.mark(s.GetBaseStmt().GetRelation(), Create)
		w.foreign("CREATE FOREIGN TABLE", s.Servername, s.Options)
		w.over(s.GetBaseStmt().GetRelation(), func() { w.children(s) })
	case *pg.Node_ImportForeignSchemaStmt:
		s := n.ImportForeignSchemaStmt
		w.markAll(s.TableList, Create)
		w.foreign("IMPORT FOREIGN SCHEMA", s.ServerName, s.Options)
		w.children(s)
	case *pg.Node_CreateSubscriptionStmt:
		s := n.CreateSubscriptionStmt
		w.options(s.Options)
		w.subscription("CREATE SUBSCRIPTION", s.Subname, s.Conninfo, s.Publication, int(s.ConninfoLocation))
	case *pg.Node_AlterSubscriptionStmt:
		s := n.AlterSubscriptionStmt
		w.options(s.Options)
		w.subscription("ALTER SUBSCRIPTION", s.Subname, s.Conninfo, s.Publication, int(s.ConninfoLocation))
	default:
		return false
	}
	return true
}

// foreign judges the options of foreign objects. server is the name of the
// foreign server they belong to, if there is one.
func (w *walker) foreign(what, server string, options []*pg.Node) {
	at := w.st.Start
	w.effect(ExportRemote, what, at)
	w.literalsMatter()
	p := parameters{}
	for _, o := range options {
		e := o.GetDefElem()
		value := e.GetArg().GetString_().GetSval()
		switch name := strings.ToLower(e.GetDefname()); {
		case name == "filename":
			w.effect(ServerRead, what+" over a file of the server", at)
			w.destination(fileDestination(value, at))
		case name == "program":
			w.effect(ExportToProgram, what+" over a program", at)
			w.destination(Destination{Type: ToProgram, Path: firstWord(value), Position: at})
		case strings.Contains(value, "://"):
			w.destination(urlDestination(value, at))
		default:
			p[name] = value
		}
	}
	d := p.destination(at)
	d.Name = clip(server)
	if d != (Destination{Type: ToServer, Position: at}) {
		w.destination(d)
	}
}

func (w *walker) subscription(what, name, conninfo string, publications []*pg.Node, at int) {
	w.effectHere(Replication, what)
	w.literalsMatter()
	d := Destination{Type: ToServer, Position: w.st.Start}
	if conninfo != "" {
		d = serverDestination(conninfo, at)
	}
	d.Name = clip(name)
	d.Publications = clip(strings.Join(strs(publications), ", "))
	w.destination(d)
}
