// Package secrets looks for passwords, tokens and keys where nobody may ever
// read one: in every log line, error, trace, record, panic text and process
// list that the suites have made Sluice write.
//
// While the suites run, with SLUICE_TEST_KEEP naming a folder, they tell this
// package what must never appear (Learn) and give it what Sluice has written
// (Keep, Log, Tree); Watch looks at the process list. At the end, this
// package's own test looks for every secret in everything that was kept, in
// each of the forms that somebody could still read it in. A secret that is
// learned late is looked for in what was kept early, too.
//
// ./integration/test does all of that. Without the variable nothing is kept,
// and the package's test plays a session of its own and looks at that.
//
// What may be seen by design, such as a text that a test sends as SQL, is never
// learned. There is no list of places that are not looked at.
package secrets
