package proxy

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"

	"github.com/jackc/pgx/v5/pgproto3"
)

// keptBack is what the server said about an execution and the client was not
// shown, since it may quote a value. Only digests are kept.
type keptBack struct {
	// err is the digest of the error, empty if it was shown.
	err string
	// notices is how many notices there were, last a digest over all of them.
	notices int64
	last    string
}

// messageKey is a key for digests, a new one if there is none.
func messageKey(key []byte) []byte {
	if len(key) > 0 {
		return key
	}
	key = make([]byte, sha256.Size)
	rand.Read(key)
	return key
}

// discardDigest consumes a message of the server and returns the keyed digest
// of what comes before it, if anything, and of its body: hmac-sha256: and hex
// digits.
func (s *session) discardDigest(before ...string) (string, error) {
	mac := hmac.New(sha256.New, s.server.messageKey)
	for _, b := range before {
		mac.Write([]byte(b))
	}
	err := s.upstream.conn.Pieces(func(p []byte) { mac.Write(p) })
	return "hmac-sha256:" + hex.EncodeToString(mac.Sum(nil)), err
}

// keepNotice tells the client that there was a notice, and not what it says
// where that may quote a value.
func (s *session) keepNotice(t *ticket, fields map[byte]string) error {
	before := ""
	if t.work != nil {
		before = t.work.kept.last
	}
	digest, err := s.discardDigest(before)
	if err != nil {
		return err
	}
	if w := t.work; w != nil {
		w.kept.notices++
		w.kept.last = digest
	}
	return s.client.WriteMessage(noticeWithoutValues(fields))
}

// says counts the server's words as bytes of the result, where they may have a value
// of a class in them.
func (t *ticket) says(length int) {
	if t != nil && t.work != nil && t.terms.reticent {
		t.work.bytes += int64(length)
	}
}

// noticeWithoutValues is a notice that says what can be said without a value.
func noticeWithoutValues(fields map[byte]string) *pgproto3.NoticeResponse {
	e := withoutValues(fields)
	if e.Message != fields['M'] {
		e.Message = "sluice: the server said something that may quote a value that must not leave"
	}
	return (*pgproto3.NoticeResponse)(e)
}
