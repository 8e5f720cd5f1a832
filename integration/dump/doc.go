// Package dump runs the unmodified pg_dump, pg_dumpall and pg_restore through
// Sluice, in every format, under policies that let a dump through, refuse it,
// and mask what it takes.
//
// A dump that goes through is restored into an empty database, and has to have
// made the same: rows, keys, large objects. Of one that is refused the program
// has to say the reason and end with a status other than zero. Values that a
// policy hides are looked for in everything the program wrote, archives
// unpacked, in every form that a dump gives to text.
package dump
