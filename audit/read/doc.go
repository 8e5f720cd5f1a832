// Package read shows a trail to people and finds records in it. It checks
// the checksum and the form of every record it shows, and nothing more:
// whether the trail is whole and signed is package verify's to say.
//
// As text, a record is one line: time, index, type, and then id, session and
// the members of the body as name=value. Characters that could steer a
// terminal are shown as escapes. As NDJSON it is the record's bytes as they
// stand in the trail, for programs.
package read
