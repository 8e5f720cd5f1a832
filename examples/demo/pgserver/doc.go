// Package pgserver starts real PostgreSQL servers in temporary folders and
// makes sure that they end.
//
// The demo shows its story on three of them and every test that needs a
// database takes one from here, so the rules are the same everywhere:
//
//   - a server listens on 127.0.0.1 at a free port and on a Unix socket in its
//     own folder, never on another address;
//   - it is created by initdb for this one use, with its own system
//     identifier, and its folder is removed when it stops;
//   - it never runs as root: PostgreSQL refuses that, so a root caller's
//     servers run as the operating system's user "postgres";
//   - it does not outlive its starter. A small shell holds the reading end of a
//     pipe; when the starter dies, however it dies, the pipe closes, and the
//     shell stops the server and removes the folder;
//   - a server program that is missing is an error that says what to install.
//
// Data is thrown away, so fsync is off: nothing here is a model for a server
// that should keep its data.
//
// Start does everything; Server is what is running; Authority makes the
// certificates for servers that speak TLS, and for anything else a test or a
// demo puts on the network beside them.
package pgserver
