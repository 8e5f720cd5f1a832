// Package mask turns values into what may leave.
//
// A Mask says what becomes of the values of one column: NULL, a constant, a
// part of the text, a date or a number made coarse, or a keyed pseudonym. Copy
// applies the masks of a table's columns to a COPY stream in text, CSV or
// binary, Row to the DataRow messages of a query. Check says before the first
// row whether the result could be restored: types, lengths, keys, constraints.
//
// The type of a column stays what it is. NULL stays NULL and the empty string
// stays empty (a constant replaces it), which shows who has a value and who has
// none: where that is too much, mask with null. Columns that are not masked
// pass byte for byte.
//
// What is not understood ends the stream with an error: a format that was not
// expected, another number of columns, half a row, a type without a codec.
// After an error nothing more comes out. Errors name columns, never values.
//
// # Pseudonyms
//
// A pseudonym is HMAC-SHA256 (RFC 2104) of the value under a key that is
// derived from a Key and the name of a domain. The same value has the same
// pseudonym in every table and format that uses the same key and domain, so
// that joins still work; without the key it cannot be computed, with it any
// guess can be tested. What it looks like follows from the type:
//
//	text, varchar, char, citext   16 characters of a-z and 2-7: 80 bits, a
//	                              collision among 10^8 values has a chance of
//	                              4 in 10^9; an e-mail address becomes such a
//	                              name at m.invalid, 26 characters
//	uuid                          a UUID of version 8: 122 bits
//	bytea                         16 bytes
//	integer, bigint, numeric      a permutation of the integers, FF1 of
//	                              NIST SP 800-38G with radix 2: no collisions
//	macaddr                       a locally administered address: 46 bits, so
//	                              that 10^6 of them collide with a chance of
//	                              7 in 1000
//
// Values have the same pseudonym if PostgreSQL holds them to be equal: blanks
// at the end of a char(n) do not count, nor does case in a citext, and 7 is the
// same as integer, bigint and numeric. With Mask.Fold white space around the
// value, Unicode form (NFC) and case do not count in any text; a unique column
// could then get one pseudonym twice, so that is refused there.
//
// The permutation maps the numbers of type integer onto each other, those below
// zero too, and leaves larger ones outside of that range: sign and that one bit
// of the size stay visible. A smallint has too few values to hide one among
// them, as has every small domain: a date, a height, a postal code. Make those
// coarse instead.
//
// The formats of one value agree: text, CSV, binary and DataRow give the same.
// Times with a time zone are made coarse in UTC. Text of dates and times must
// be in the ISO style, that of bytea in hex, as pg_dump sets them.
package mask
