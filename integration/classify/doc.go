// Package classify runs sluice classify on a real database: the demo's shop
// with the comments it has, and a schema of everything that could be mistaken or
// missed. What it says is compared with testdata, which -rewrite writes; no
// value of the database may be in it, and no login left at the server.
package classify
