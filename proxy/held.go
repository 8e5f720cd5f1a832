package proxy

// A text is put on record before it is sent. What a Parse defines is most often
// run by an Execute in the same breath, and that would be a second record about
// the same thing. So the record of a Parse whose decision is on record in full is
// held for as long as its message lies in our buffer, and the two become one
// that says both.

// heldRecord is the record of a Parse that was gathered and not sent.
type heldRecord struct {
	id    string // the request id; empty if nothing is held
	made  *decided
	bytes int // the length of the text
	// allowed is true while a Parse is judged whose record may be held.
	allowed bool
}

// The roads of a text in a Parse, as the trail names them: alone, and with an
// Execute that ran what it defined.
const (
	roadParse        = "parse"
	roadParsedAndRun = "parse+execute"
)

// heldMessage is the longest body that a record is held over, in bytes.
const heldMessage = 4 << 10

// fitsBehindHeld reports whether a message can be gathered without anything being
// sent.
func (s *session) fitsBehindHeld(length int) bool {
	return length <= heldMessage && s.upstream.conn.HasRoom(length)
}

// holdRecord keeps the record of a Parse back, if it may be.
func (s *session) holdRecord(id string, made *decided, text string) bool {
	if s.held.allowed {
		s.held = heldRecord{id: id, made: made, bytes: len(text)}
		return true
	}
	return false
}

// sayHeld puts on record what is held. It comes before anything is sent, and
// before messages that may be too long for the buffer.
func (s *session) sayHeld() error {
	if s.held.id == "" {
		return nil
	}
	return s.recordHeld(roadParse)
}

// recordHeld ends holding. With an error the record is still held, so that
// nothing can be sent.
func (s *session) recordHeld(road string) error {
	err := s.recordRepeat(s.held.id, road, s.held.made, s.held.bytes)
	if err == nil {
		s.held = heldRecord{}
	}
	return err
}

// flush sends to the server what has been gathered.
func (s *session) flush() error {
	if err := s.sayHeld(); err != nil {
		return err
	}
	return s.upstream.conn.Flush()
}
