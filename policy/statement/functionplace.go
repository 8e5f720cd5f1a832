package statement

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// functionPlaces say where functions that reach out would go, from their
// constant arguments. The keys are names, with a schema where an extension
// has one of its own.
var functionPlaces = map[string]func(w *walker, a arguments, at int){
	"dblink":              dblinkFirst,
	"dblink_exec":         dblinkFirst,
	"dblink_send_query":   dblinkFirst,
	"dblink_open":         dblinkFirst,
	"dblink_fetch":        dblinkFirst,
	"dblink_close":        dblinkFirst,
	"dblink_get_result":   dblinkFirst,
	"dblink_connect":      dblinkLast,
	"dblink_connect_u":    dblinkLast,
	"lo_export":           path(1, ""),
	"lo_import":           path(0, ""),
	"pg_read_file":        path(0, ""),
	"pg_read_binary_file": path(0, ""),
	"pg_ls_dir":           path(0, ""),
	"pg_stat_file":        path(0, ""),
	"pg_file_write":       path(0, ""),
	"pg_file_unlink":      path(0, ""),
	"pg_file_rename":      path(0, ""),
	"pg_file_read":        path(0, ""),
	"pg_file_sync":        path(0, ""),
	"pg_file_length":      path(0, ""),
	"lo_get":              toClient,
	"loread":              toClient,
	"http_get":            path(0, "uri"),
	"http_post":           path(0, "uri"),
	"http_put":            path(0, "uri"),
	"http_patch":          path(0, "uri"),
	"http_delete":         path(0, "uri"),
	"http_head":           path(0, "uri"),
	"read_parquet":        path(0, ""),
	"read_csv":            path(0, ""),
	"read_json":           path(0, ""),

	"net.http_get":    path(0, "url"),
	"net.http_post":   path(0, "url"),
	"net.http_delete": path(0, "url"),

	"aws_s3.query_export_to_s3":   bucket(1),
	"aws_s3.table_import_from_s3": bucket(3),
	"aws_commons.create_s3_uri":   bucket(0),

	"azure_storage.blob_put":  blob,
	"azure_storage.blob_get":  blob,
	"azure_storage.blob_list": blob,

	"cron.schedule_in_database":     scheduled,
	"pglogical.create_node":         node,
	"pglogical.create_subscription": node,
}

// functionPlace notes the places that the constant arguments of a function
// name.
func (w *walker) functionPlace(schema, name string, call *pg.FuncCall, at int) {
	note := functionPlaces[schema+"."+name]
	if note == nil {
		note = functionPlaces[name]
	}
	if note != nil {
		note(w, arguments{w, call.Args}, at)
	}
}

// arguments of a call, some of which may be named.
type arguments struct {
	w    *walker
	args []*pg.Node
}

// text is the constant argument at a position, or of a name.
func (a arguments) text(at int, name string) (string, bool) {
	for i, n := range a.args {
		if named := n.GetNamedArgExpr(); named != nil {
			if name != "" && named.Name == name {
				return a.w.constant(named.Arg)
			}
			continue
		}
		if i == at {
			return a.w.constant(n)
		}
	}
	return "", false
}

// path is a file of the server or a URL.
func path(which int, name string) func(*walker, arguments, int) {
	return func(w *walker, a arguments, at int) {
		if text, ok := a.text(which, name); ok {
			w.destination(fileDestination(text, at))
		}
	}
}

func toClient(w *walker, _ arguments, at int) {
	w.destination(Destination{Type: ToClient, Position: at})
}

// dblinkFirst: the connection is the first of two or more arguments; with
// only one, the connection opened before is meant.
func dblinkFirst(w *walker, a arguments, at int) {
	if text, ok := a.text(0, ""); ok && len(a.args) > 1 {
		w.destination(serverDestination(text, at))
	}
}

// dblinkLast: the connection is the last argument.
func dblinkLast(w *walker, a arguments, at int) {
	if text, ok := a.text(len(a.args)-1, ""); ok {
		w.destination(serverDestination(text, at))
	}
}

// bucket is an object of S3: bucket and path are two arguments, or one made
// by aws_commons.create_s3_uri, which is then met by itself.
func bucket(which int) func(*walker, arguments, int) {
	return func(w *walker, a arguments, at int) {
		name, ok := a.text(which, "bucket")
		key, _ := a.text(which+1, "file_path")
		if ok {
			w.destination(urlDestination("s3://"+name+"/"+strings.TrimPrefix(key, "/"), at))
		}
	}
}

// blob is an object of Azure: account, container and path. The scheme is
// ours; the account is a name, the host behind it is the extension's affair.
func blob(w *walker, a arguments, at int) {
	account, ok := a.text(0, "account_name")
	container, _ := a.text(1, "container_name")
	key, _ := a.text(2, "path")
	if ok {
		w.destination(urlDestination(strings.TrimSuffix("azure://"+account+"/"+container+"/"+key, "/"), at))
	}
}

// scheduled work runs in another database of this server.
func scheduled(w *walker, a arguments, at int) {
	if database, ok := a.text(3, "database"); ok {
		w.destination(Destination{Type: ToServer, Database: clip(database), Position: at})
	}
}

// node of pglogical: a name and a connection string.
func node(w *walker, a arguments, at int) {
	conninfo, ok := a.text(1, "dsn")
	if conninfo2, named := a.text(1, "provider_dsn"); !ok && named {
		conninfo, ok = conninfo2, true
	}
	if !ok {
		return
	}
	d := serverDestination(conninfo, at)
	if name, has := a.text(0, "node_name"); has && d.Name == "" {
		d.Name = clip(name)
	}
	w.destination(d)
}

// commandSettings hold a program that the server runs.
var commandSettings = setOf("archive_command", "restore_command", "archive_cleanup_command",
	"recovery_end_command", "ssl_passphrase_command")

// settingPlace notes a program or server that a setting names.
func (w *walker) settingPlace(name, value string, known bool, at int) {
	switch {
	case commandSettings[name]:
		d := Destination{Type: ToProgram, Position: at}
		if known {
			d.Path = firstWord(value)
		}
		w.effect(ExportToProgram, "changes setting "+name+", which is a program", at)
		w.destination(d)
	case name == "primary_conninfo" && known:
		w.destination(serverDestination(value, at))
	}
}
