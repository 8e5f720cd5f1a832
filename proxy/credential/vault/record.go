package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sort"
	"strconv"
	"unicode/utf8"
)

// The journal is text, one record a line:
//
//	CRC SPACE JSON LF
//
// CRC is the CRC-32C of the JSON in eight hexadecimal digits. The first record
// is the head, with the version of the format. What follows tells what has to
// be revoked: a login token or a child token begins, a child token's lease
// becomes known, a token ends. The lease of a control connection hangs from no
// child token: it begins and ends under its own id.
const (
	opHead   = "journal"
	opLogin  = "login"
	opChild  = "child"
	opLease  = "lease"
	opDirect = "direct" // a lease of the login token itself, which goes by its own id
	opEnd    = "end"

	journalVersion = 1
	// maxLine is far more than names and ids of Vault can fill.
	maxLine = 8 << 10
)

// record is a line of the journal. It holds names and ids only.
type record struct {
	Op       string `json:"op"`
	Version  int    `json:"version,omitempty"`
	Accessor string `json:"accessor,omitempty"`
	Database string `json:"database,omitempty"`
	Role     string `json:"role,omitempty"` // of Vault
	Session  string `json:"session,omitempty"`
	Lease    string `json:"lease,omitempty"`
	User     string `json:"user,omitempty"` // of the database
	OID      string `json:"oid,omitempty"`  // of that user; empty if nobody could look
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// line writes a record as it is in the file.
func (r record) line() ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode a record: %w", err)
	}
	if len(text) > maxLine-10 {
		return nil, errors.New("a record is longer than a line may be")
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(text, castagnoli), text), nil
}

// readLine is the opposite of line; the LF has been taken off.
func readLine(line []byte) (r record, err error) {
	if len(line) > maxLine || len(line) < 10 || line[8] != ' ' {
		return r, errors.New("it is no checksum and record")
	}
	sum, err := strconv.ParseUint(string(line[:8]), 16, 32)
	if err != nil {
		return r, errors.New("it does not begin with a checksum")
	}
	text := line[9:]
	if got := crc32.Checksum(text, castagnoli); uint64(got) != sum {
		return r, fmt.Errorf("the checksum is %s, the bytes give %08x", line[:8], got)
	}
	if !utf8.Valid(text) {
		return r, errors.New("it is not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return r, fmt.Errorf("it is no record of this version: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return r, errors.New("something follows the record")
	}
	return r, nil
}

// key is what the records of one token or lease have in common.
func (r record) key() string {
	if r.Accessor == "" {
		return r.Lease
	}
	return r.Accessor
}

// entry is a token or lease that has to be revoked, with what is known of it.
type entry struct {
	record     // of its beginning, with lease, user and oid added
	number int // its place in the order of beginnings
}

// entries are what the journal says is alive, by key.
type entries struct {
	live map[string]*entry
	next int
}

func newEntries() *entries { return &entries{live: map[string]*entry{}} }

// apply takes a record into account, or says why it cannot be one.
func (e *entries) apply(r record) error {
	known := e.live[r.key()]
	begins := r.Op == opLogin || r.Op == opChild || r.Op == opDirect
	switch {
	case r.Op == opHead:
		return errors.New("a second head")
	case r.key() == "":
		return errors.New("it names neither accessor nor lease")
	case begins && known != nil:
		return errors.New("what has begun begins again")
	case begins && (r.Op == opDirect) != (r.Accessor == ""), begins && r.Op != opDirect && r.Lease+r.User+r.OID != "":
		return errors.New("it is neither a token without a lease nor a lease without a token")
	case begins:
		e.live[r.key()] = &entry{record: r, number: e.next}
		e.next++
	case r.Op != opLease && r.Op != opEnd:
		return fmt.Errorf("%q is no kind of record", r.Op)
	case known == nil:
		return errors.New("it speaks of what has not begun")
	case r.Op == opEnd:
		delete(e.live, r.key())
	case known.Op != opChild || known.Lease != "" || r.Lease == "":
		return errors.New("it is no lease of a child token")
	default:
		known.Lease, known.User, known.OID = r.Lease, r.User, r.OID
	}
	return nil
}

// list returns the live entries in the order of their beginning.
func (e *entries) list() []*entry {
	all := make([]*entry, 0, len(e.live))
	for _, one := range e.live {
		all = append(all, one)
	}
	sort.Slice(all, func(a, b int) bool { return all[a].number < all[b].number })
	return all
}

// text writes a file that says the same as the entries and no more.
func (e *entries) text() ([]byte, error) {
	records := []record{{Op: opHead, Version: journalVersion}}
	for _, one := range e.list() {
		begin := one.record
		if one.Op == opChild {
			begin.Lease, begin.User, begin.OID = "", "", ""
		}
		records = append(records, begin)
		if one.Op == opChild && one.Lease != "" {
			records = append(records, record{Op: opLease, Accessor: one.Accessor, Lease: one.Lease, User: one.User, OID: one.OID})
		}
	}
	var out []byte
	for _, r := range records {
		line, err := r.line()
		if err != nil {
			return nil, err
		}
		out = append(out, line...)
	}
	return out, nil
}

// readJournal reads a whole file. A last line without its LF is one that a
// crash kept from being finished: nobody has been told that it is on disk, so
// it may be left out. Anything else that is not right is an error with the
// number of the line; so is a file with nothing in it, since one comes into
// being with its head.
func readJournal(text []byte) (*entries, error) {
	if len(text) == 0 {
		return nil, errors.New("line 1: nothing is there")
	}
	found := newEntries()
	for number := 1; len(text) > 0; number++ {
		line, rest, whole := bytes.Cut(text, []byte{'\n'})
		text = rest
		r, err := readLine(line)
		if err != nil && !whole {
			if _, err := readLine(line[:max(0, len(line)-1)]); err == nil {
				return nil, fmt.Errorf("line %d: its last byte is not its end", number)
			}
			return found, nil
		}
		if err == nil && number == 1 {
			err = checkHead(r)
		} else if err == nil {
			err = found.apply(r)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	return found, nil
}

func checkHead(r record) error {
	if r.Op != opHead {
		return errors.New("the file does not begin with the head of a journal")
	}
	if r.Version != journalVersion {
		return fmt.Errorf("the journal has version %d, this program knows version %d", r.Version, journalVersion)
	}
	return nil
}
