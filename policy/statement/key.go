package statement

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
)

// key finds a text in the cache. Its free part is the text as the parser's
// grammar sees it: tokens as written, one space where white space or comments
// were, and for every literal the byte of its kind. These bytes and keyMark
// stand for nothing else, since the lexer takes no control character outside
// literals and comments.
//
// Texts with the same free part have the same shape, the same tree but for
// the values of literals, and the same places in the shape. Where the
// analysis looked at such a value, the exact part follows: keyMark and a
// digest of all literals. A digest, because a cache should not hold on to
// passwords and rows.
type key struct {
	bytes []byte
	// free is the length of the free part.
	free int
	// literals counts the literals of the text.
	literals int
	// values is room for the literals, empty between uses.
	values []byte
	// stripe spreads the counters of the cache.
	stripe int
}

// The bytes in a key that no text has in that place.
const (
	keyString  = 0x01
	keyInteger = 0x02
	keyFloat   = 0x03
	keyMark    = 0x04
)

// longestKeyed is the length of the longest text, in bytes, that has a key.
const longestKeyed = 64 << 10

// keys keeps the room of keys that are not in use.
var keys = sync.Pool{New: func() any {
	const room = 1 << 10 // most texts are shorter
	return &key{bytes: make([]byte, 0, room), stripe: nextStripe()}
}}

// read makes the free part of a text's key. It is false if the text is too
// long, has a zero byte, is not valid UTF-8 or makes the lexer doubt.
func (k *key) read(text string) bool {
	k.bytes, k.free, k.literals = k.bytes[:0], 0, 0
	l, ok := newLexer(text)
	if !ok || len(text) > longestKeyed {
		return false
	}
	bytes, end := k.bytes, 0
	for {
		t := l.next()
		if t.kind <= lexEnd {
			k.bytes, k.free = bytes, len(bytes)
			return t.kind == lexEnd
		}
		if t.start > end && len(bytes) > 0 { // where a ruler finds a gap
			bytes = append(bytes, ' ')
		}
		end = t.end
		switch t.kind {
		case lexString:
			bytes = append(bytes, keyString)
		case lexInteger:
			bytes = append(bytes, keyInteger)
		case lexFloat:
			bytes = append(bytes, keyFloat)
		default:
			bytes = append(bytes, text[t.start:t.end]...)
			continue
		}
		k.literals++
	}
}

// complete adds the exact part. salt is secret and the cache's own.
func (k *key) complete(text string, salt *[32]byte) {
	k.values = append(k.values[:0], salt[:]...)
	l, _ := newLexer(text)
	for t := l.next(); t.kind > lexEnd; t = l.next() {
		if t.kind.literal() {
			k.values = binary.AppendUvarint(k.values, uint64(t.end-t.start))
			k.values = append(k.values, text[t.start:t.end]...)
		}
	}
	digest := sha256.Sum256(k.values)
	clear(k.values)
	k.bytes = append(append(k.bytes[:k.free], keyMark), digest[:]...)
}
