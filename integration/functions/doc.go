// Package functions runs sluice functions review on a real database with code
// of every sort. What it says is compared with testdata, which -rewrite writes;
// no value of the database may be in it, and no login left at the server.
package functions
