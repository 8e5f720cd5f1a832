// Package egress travels every road by which data leaves a PostgreSQL database or
// a protection is taken away (policy/egress), with real servers: first on a direct
// connection, then through Sluice, for three shapes of role.
//
//	analyst  reads every table, and writes nothing
//	app      reads and writes, makes objects in one schema, uses one foreign server
//	owner    owns the tables, as a migration does
//
// Each role has two databases, one for either way: a lane. In each there is one
// canary, an e-mail address, and after every road the suite looks for it in all
// that the client received, in plain and in the usual codes, and where else the
// road would have brought it. A road that takes a protection away has worked when
// the catalog says that it is gone. What a road has changed is undone.
//
// Through Sluice the policy is testdata/careful.yaml: classes and small limits. The
// trail says whether a value that arrived was counted with its class. MATRIX.md
// holds what happened on 15 and 18, both where they differ, and the test compares
// what it travels: on the later one the lanes of app alone, unless versions are asked
// for. A value that arrived uncounted, or a wall that is gone, fails the test unless
// testdata/open.txt names the road with the reason. A road in there that is closed
// fails it too.
package egress
