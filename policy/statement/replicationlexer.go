package statement

import "strings"

// replicationLexer reads the tokens of a replication command (repl_scanner.l in
// the server's source), and writes the shape of what it has read: the tokens
// with a ? for every string.
type replicationLexer struct {
	text  string
	at    int
	shape strings.Builder
}

type replicationTokenKind uint8

const (
	// replicationBad: a byte that begins no token, or a quote without an end.
	replicationBad replicationTokenKind = iota
	replicationEnd
	replicationWord   // as it is written
	replicationQuoted // the name in double quotes
	replicationString // the value in quotes
	replicationLSN    // 16/B374D848
	replicationSign   // ( ) , ;
)

type replicationToken struct {
	kind replicationTokenKind
	text string
}

// replicationKeywords are the words that are no identifiers unless they are
// quoted, in all versions together.
var replicationKeywords = func() map[string]bool {
	all := map[string]bool{}
	for word := range strings.FieldsSeq(`BASE_BACKUP IDENTIFY_SYSTEM READ_REPLICATION_SLOT SHOW START_REPLICATION
		CREATE_REPLICATION_SLOT DROP_REPLICATION_SLOT ALTER_REPLICATION_SLOT TIMELINE_HISTORY UPLOAD_MANIFEST PHYSICAL
		LOGICAL SLOT TIMELINE TEMPORARY RESERVE_WAL EXPORT_SNAPSHOT NOEXPORT_SNAPSHOT USE_SNAPSHOT TWO_PHASE WAIT LABEL
		PROGRESS FAST WAL NOWAIT MAX_RATE TABLESPACE_MAP MANIFEST MANIFEST_CHECKSUMS NOVERIFY_CHECKSUMS`) {
		all[word] = true
	}
	return all
}()

// next reads a token. Names and keywords outside of quotes are ASCII here.
func (l *replicationLexer) next() replicationToken {
	for l.at < len(l.text) && strings.IndexByte(" \t\n\r\f", l.text[l.at]) >= 0 {
		l.at++
	}
	if l.at == len(l.text) {
		return replicationToken{kind: replicationEnd}
	}
	start := l.at
	var t replicationToken
	switch c := l.text[start]; {
	case strings.IndexByte("(),;", c) >= 0:
		l.at++
		t = replicationToken{replicationSign, l.text[start:l.at]}
	case c == '\'':
		t = l.quoted(c, replicationString)
	case c == '"':
		t = l.quoted(c, replicationQuoted)
	case c >= '0' && c <= '9':
		t = l.lsn()
	case bareByte(c):
		l.skip(bareByte)
		t = replicationToken{replicationWord, l.text[start:l.at]}
		if l.at < len(l.text) && l.text[l.at] == '/' { // A/0
			l.at = start
			t = l.lsn()
		}
	}
	l.note(t, l.text[start:l.at])
	return t
}

func (l *replicationLexer) note(t replicationToken, written string) {
	if l.shape.Len() > 0 {
		l.shape.WriteByte(' ')
	}
	if t.kind == replicationString {
		written = "?"
	}
	l.shape.WriteString(written)
}

func (l *replicationLexer) skip(in func(byte) bool) {
	for l.at < len(l.text) && in(l.text[l.at]) {
		l.at++
	}
}

// quoted reads up to the closing quote; two of them stand for one.
func (l *replicationLexer) quoted(quote byte, kind replicationTokenKind) replicationToken {
	var b strings.Builder
	for l.at++; l.at < len(l.text); l.at++ {
		c := l.text[l.at]
		if c != quote {
			b.WriteByte(c)
			continue
		}
		l.at++
		if l.at == len(l.text) || l.text[l.at] != quote {
			return replicationToken{kind, b.String()}
		}
		b.WriteByte(c)
	}
	return replicationToken{}
}

// lsn reads a place in the log: two hexadecimal numbers around a slash.
func (l *replicationLexer) lsn() replicationToken {
	start := l.at
	l.skip(hexByte)
	high := l.at - start
	if l.at == len(l.text) || l.text[l.at] != '/' {
		return replicationToken{}
	}
	l.at++
	middle := l.at
	l.skip(hexByte)
	low := l.at - middle
	if high == 0 || high > 8 || low == 0 || low > 8 || l.at < len(l.text) && bareByte(l.text[l.at]) {
		return replicationToken{}
	}
	return replicationToken{replicationLSN, l.text[start:l.at]}
}

func bareByte(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func hexByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
