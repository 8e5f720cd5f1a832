// Package layers puts the proxy's configuration together from where its
// settings can be given, and knows of each value where it came from.
//
// From the weakest to the strongest:
//
//	default      what proxy.Config.Complete fills in
//	file         one YAML document, read strictly
//	environment  SLUICE_LIMITS_CONNECTIONS=100 for limits.connections
//	flag         --set limits.connections=100, and a few with names of their own
//
// A setting has one name, the keys on the way to it: listen[0].address. Entries
// of lists count from 0; a point before the number does as well, so that no
// shell takes the brackets for its own. In the environment every sign between
// words is an underscore: SLUICE_LISTEN_0_ADDRESS. The entry behind the last
// one makes a new one; lists of texts are written with commas.
//
// Everything is driven by the Go type and its yaml tags, as package strictyaml
// is: a new key of proxy.Config has its variable, its flag, its origin and its
// place in the schema at once.
//
// A text can also come from a file, as secrets do that a platform hands over:
// SLUICE_NAME_FILE names a file whose one line is the value. Settings that
// are paths have no such variable, since that would be easily misread.
//
// Names beginning with SLUICE_ that mean nothing are mistakes, because a
// setting that is misspelled would be silently not in force. What Kubernetes
// puts into the environment for a service named sluice is left alone. A
// variable that is empty counts as not set.
//
// Relative paths are relative to the file that gives them; from the
// environment and from flags, to the working folder.
//
// No error and no output of this package holds a password; see redact.
package layers
