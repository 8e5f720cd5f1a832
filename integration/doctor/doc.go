// Package doctor breaks one thing after another around a real server and
// compares what sluice doctor says about it with testdata, which -rewrite
// writes. Each case is held against the report of a stage in order: what
// stands in testdata is what the break has changed.
//
// What differs between machines and versions is left out there, and has tests
// of its own: the disk, the kernel's clock, the server's version and what
// PostgreSQL grants to PUBLIC.
package doctor
