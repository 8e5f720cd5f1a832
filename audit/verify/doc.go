// Package verify checks a trail that somebody hands over: every byte of
// every frame, the order of the records, the tree against every signed
// checkpoint, and every blob the records refer to. It needs the directory and
// the public key, writes nothing, and shares no code with what writes trails.
//
// # What a good answer means
//
// "good up to record N at time T" says: the holder of the key signed exactly
// these records 0 to N, in this order, and T is the time of the last of them.
// It does not say that nothing came after N: an old copy of a trail is good,
// too. Compare N and T with what you expect, or give a checkpoint that was
// kept elsewhere (Options.Checkpoint) or a number of records you know of
// (Options.Expect). Nor does it say that everything that happened was
// recorded; that is the proxy's promise, not arithmetic's.
//
// Records behind the last checkpoint are "present but not yet signed": they
// are checked as far as checksums go, and prove nothing. A trail that is being
// written may end in an unfinished record; the report says at which byte.
//
// # Which key
//
// A verifier key kept beside the records proves only that they are undamaged:
// whoever could change the records could have replaced the key. Keep a copy
// elsewhere.
package verify
