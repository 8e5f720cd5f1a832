// Package strictyaml reads documents that people are bound by: policies and
// the proxy's configuration.
//
// YAML forgives much, and each act of forgiveness is a way to a document
// that says something else than its reader thinks. This package reads the
// plain part of YAML and refuses the rest: unknown and doubled keys, values
// of another type than expected, keys without a value, anchors, aliases,
// merge keys, tags, directives, several documents in one, invisible and
// direction-changing characters, and text that the YAML library left out of
// its tree.
//
// All mistakes are reported at once, each as an *Error with
// file:line:column, the line in question and, where a name was mistyped,
// the name that was probably meant.
//
// Decoding is driven by the Go type, as with encoding/json. Struct fields
// are named by the tag yaml:"name"; yaml:"name,nullable" accepts a key
// without a value, yaml:"name,nullword" takes the value null for the text "null".
// A field of type Position receives the place of its
// struct. Text keeps a string together with its place, Scalar a string or a
// whole number. Types that implement encoding.TextUnmarshaler read
// themselves, and time.Duration is text such as "30s".
//
// The package does no I/O.
package strictyaml
