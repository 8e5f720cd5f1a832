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
		w.foreign("CREATE SERVER", s.Options, true)
		w.children(s)
	case *pg.Node_AlterForeignServerStmt:
		s := n.AlterForeignServerStmt
		w.foreign("ALTER SERVER", s.Options, len(s.Options) > 0)
		w.children(s)
	case *pg.Node_CreateForeignTableStmt:
		s := n.CreateForeignTableStmt
		w.mark(s.GetBaseStmt().GetRelation(), Create)
		w.foreign("CREATE FOREIGN TABLE", s.Options, false)
		w.children(s)
	case *pg.Node_ImportForeignSchemaStmt:
		s := n.ImportForeignSchemaStmt
		w.markAll(s.TableList, Create)
		w.foreign("IMPORT FOREIGN SCHEMA", s.Options, false)
		w.children(s)
	case *pg.Node_CreateSubscriptionStmt:
		w.subscription("CREATE SUBSCRIPTION", n.CreateSubscriptionStmt.Conninfo, int(n.CreateSubscriptionStmt.ConninfoLocation))
	case *pg.Node_AlterSubscriptionStmt:
		w.subscription("ALTER SUBSCRIPTION", n.AlterSubscriptionStmt.Conninfo, int(n.AlterSubscriptionStmt.ConninfoLocation))
	default:
		return false
	}
	return true
}

// foreign judges the options of foreign objects. server says that they
// describe a connection.
func (w *walker) foreign(what string, options []*pg.Node, server bool) {
	at := w.st.Start
	w.effect(ExportRemote, what, at)
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
	if d := p.destination(at); server && d != (Destination{Type: ToServer, Position: at}) {
		w.destination(d)
	}
}

func (w *walker) subscription(what, conninfo string, at int) {
	w.effectHere(Replication, what)
	if conninfo != "" {
		w.destination(serverDestination(conninfo, at))
	}
}

// functionDestination notes the places that constant arguments of remote and
// file functions name.
func (w *walker) functionDestination(name string, call *pg.FuncCall, at int) {
	switch name {
	case "dblink", "dblink_exec", "dblink_connect", "dblink_connect_u", "dblink_send_query", "dblink_open":
		w.dblinkDestination(name, call.Args, at)
	case "lo_export":
		w.pathArgument(call.Args, 1, at)
	case "lo_import", "pg_read_file", "pg_read_binary_file", "pg_ls_dir", "pg_stat_file",
		"pg_file_write", "pg_file_unlink", "pg_file_rename", "pg_file_read", "pg_file_sync":
		w.pathArgument(call.Args, 0, at)
	case "lo_get", "loread":
		w.destination(Destination{Type: ToClient, Position: at})
	case "http_get", "http_post", "http_put", "http_patch", "http_delete", "http_head":
		w.pathArgument(call.Args, 0, at)
	}
}

// dblinkDestination: the connection is the last of one argument for the
// connect functions, the first of two for the others.
func (w *walker) dblinkDestination(name string, args []*pg.Node, at int) {
	which := 0
	if strings.HasPrefix(name, "dblink_connect") {
		which = len(args) - 1
	}
	if which < 0 || which >= len(args) {
		return
	}
	if conninfo, ok := w.constant(args[which]); ok {
		w.destination(serverDestination(conninfo, at))
	}
}

func (w *walker) pathArgument(args []*pg.Node, which, at int) {
	if which >= len(args) {
		return
	}
	if path, ok := w.constant(args[which]); ok {
		w.destination(fileDestination(path, at))
	}
}
