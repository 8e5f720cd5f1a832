// Package audit keeps the trail: what was asked, decided and done, in an
// order nobody can change later without being seen.
//
// # What it is for
//
// Two promises. First, a record is on disk before what it records goes on:
// Append returns after fsync, and its error stops the statement. Second,
// whoever holds the public key can see, on another machine and without the
// proxy, that the records are the ones that were signed: none changed, none
// missing in between, none added. Package verify does that, and shares no
// code with the writing side here. Package read shows records to people.
//
// What it cannot do: show that records after the last signed checkpoint are
// genuine, or that a copy is the newest one. For that, keep the file latest
// somewhere else now and then, and give it to the verifier.
//
// The trail stops rather than lose a record. After one failed write or fsync
// every call returns ErrBroken until the trail is opened again: an fsync that
// failed is never asked a second time, since a kernel may forget the pages
// and then answer "done".
//
// # The way of a record
//
//	Append, Enqueue -> canonical form -> queue -> one write, one fsync -> Append returns
//	                                                        |
//	                                     every few seconds: checkpoint, signed
//
// One goroutine writes. While it waits for the disk, callers gather in the
// queue, and the next write takes all of them (group commit). A record gets its
// index when it comes into the queue, and lies there as it will lie in the
// segment (batch.go).
//
// # Files
//
//	DIR/lock                    held with flock(2) while a process writes
//	DIR/0000000000000000.seg    segments, named by their first record's index
//	DIR/checkpoints             all signed checkpoints, oldest first
//	DIR/latest                  the newest of them, to be kept elsewhere
//	DIR/store/ab/cdef...        blobs by SHA-256; store/tmp is for writing
//
// Files that end in .tmp are remains of a crash and mean nothing. All formats
// have version 1, and there is exactly one way to write each thing.
//
// # Record
//
// A record is one JSON object in canonical form: RFC 8785, restricted to
// integers within ±(2^53-1), strings, booleans, null, arrays and objects, at
// most 64 deep. So there is no white space, names are sorted by UTF-16 code
// units and never repeated, and only the quotation mark, the backslash and
// the characters below U+0020 are escaped, by \b \t \n \f \r where they can
// be and \u00xx in lower case where not. A record has at most 1 MiB and these
// members, all of them, in this order:
//
//	body     object   what happened; {} if there is no more to say
//	id       string   the request id a person may be told, or ""
//	index    integer  the record's place, counted from 0
//	session  string   the session's id, or ""
//	time     string   when it happened: YYYY-MM-DDTHH:MM:SS.ffffffZ, UTC
//	type     string   words of [a-z0-9_] joined by dots: session.open, decision
//	v        integer  1
//
// Records stand in the order in which they were taken. Their times are those
// of the events, so they may go back a little where sessions meet; the
// verifier says by how much.
//
// A member of the body, at any depth, whose name ends in _digest refers to a
// blob: its value is the SHA-256 of the blob's content in 64 lower-case
// hexadecimal digits, and the blob must be in the store. (Hashes of things
// that are not stored have names that end otherwise, such as _sha256.)
//
// Types that begin with "trail." are the trail's own. trail.open and
// trail.close mark the runs of a writer; an open without the close before it
// tells of a crash. trail.recovery says what was cut off a file after one:
// file, offset, cut_bytes, and cut_digest for the bytes themselves.
//
// # Segment
//
// A segment is a sequence of frames, each one line:
//
//	bytes 0-7    CRC-32C (Castagnoli) of all that follows up to the newline,
//	             eight lower-case hexadecimal digits
//	byte  8      "+" on the first frame of a write, "=" on the others
//	bytes 9-     the payload, JSON in canonical form without a newline
//	last byte    newline (0x0A)
//
// The first payload is the header, all others are records. The header's
// members are edge, first, format ("sluice-trail-segment"), origin, root and
// v (1): first is the index of the first record, as in the file's name,
// origin the trail's name, root the root of the tree over all records of the
// segments before, and edge the roots of the complete subtrees it is made
// of, largest first. That is the link to the segment before, and enough to
// continue the tree without reading it. Hashes are base64 (RFC 4648 section
// 4, padded).
//
// The "+" tells a torn write from damage. A write begins only when the one
// before is on disk. So after a crash only the last write can be torn, and a
// bad frame with a "+" somewhere behind it was whole once.
//
// # Tree and checkpoints
//
// The tree is that of RFC 6962 section 2.1 with SHA-256; its leaves are the
// records, their bytes as above, without the frame. A checkpoint is a signed
// note (C2SP signed-note, as in golang.org/x/mod/sumdb/note) whose text is a
// C2SP tlog-checkpoint of exactly three lines:
//
//	the origin
//	the number of records, decimal
//	the root over them, base64
//
// The signature is ed25519. In the file checkpoints an empty line follows
// each note, and the numbers grow. A segment is only begun after a
// checkpoint over all records before it.
//
// # Example
//
// The segment of a trail that was opened, took one decision and was closed
// (the first line is the header):
//
//	1bb3e5df+{"edge":[],"first":0,"format":"sluice-trail-segment","origin":"trail.example/doc","root":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=","v":1}
//	49400a4b+{"body":{"key":"trail.example/doc+994311ac","origin":"trail.example/doc","records":0,"signed":0},"id":"","index":0,"session":"","time":"2026-12-04T09:30:01.000000Z","type":"trail.open","v":1}
//	a219c4ce+{"body":{"reasons":["no <rule> allows\tit"],"rows":0,"verdict":"deny"},"id":"K7Q2M4XA","index":1,"session":"s1","time":"2026-12-04T09:30:02.000000Z","type":"decision","v":1}
//	d84d38ad+{"body":{},"id":"","index":2,"session":"","time":"2026-12-04T09:30:03.000000Z","type":"trail.close","v":1}
//
// and its checkpoint:
//
//	trail.example/doc
//	3
//	Wlh0rbUOVzOmTRihVZ/OkxO8YQmCKbqL+SSMojwV5O0=
//
//	— trail.example/doc mUMRrAknssUkjkHDSB434BEvWEzQmIaQDt9+6a5svXNMQJ36Vu5H4AVm6it5tQ3+DNqs/loEsghm1g9SL4xM1OiSxA4=
package audit
