package record

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// SegmentFormat names the file format in a segment's header.
const SegmentFormat = "sluice-trail-segment"

const (
	segmentSuffix = ".seg"
	segmentDigits = 16
)

// Header is the first frame of a segment.
type Header struct {
	// First is the index of the segment's first record.
	First int64
	// Origin is the trail's name.
	Origin string
	// Root is the root of the tree over all earlier records.
	Root tlog.Hash
	// Edge holds the roots of the complete subtrees that make up that
	// tree, largest first; from them the tree can be continued.
	Edge []tlog.Hash
}

// ParseHeader reads a segment's header, canonical to the byte.
func ParseHeader(data []byte) (Header, error) {
	c := cursor{data: data}
	var h Header
	var format, root string
	steps := []func() error{
		func() error { return c.hashes(`{"edge":`, &h.Edge) },
		c.numberMember(`,"first":`, &h.First),
		c.textMember(`,"format":`, &format),
		c.textMember(`,"origin":`, &h.Origin),
		c.textMember(`,"root":`, &root),
		c.versionMember(`,"v":`),
		func() error { return c.literal(`}`) },
		c.end,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return Header{}, err
		}
	}
	if format != SegmentFormat {
		return Header{}, fmt.Errorf("the format is %q, not %s", format, SegmentFormat)
	}
	if h.First < 0 {
		return Header{}, fmt.Errorf("the first index %d is negative", h.First)
	}
	var err error
	h.Root, err = parseHash(root)
	return h, err
}

// hashes reads an array of at most 64 hashes.
func (c *cursor) hashes(name string, to *[]tlog.Hash) error {
	if err := c.literal(name + `[`); err != nil {
		return err
	}
	for c.peek() != ']' {
		if len(*to) == 64 {
			return c.fail("more than 64 hashes")
		}
		if len(*to) > 0 {
			if err := c.literal(`,`); err != nil {
				return err
			}
		}
		text, err := c.str()
		if err != nil {
			return err
		}
		hash, err := parseHash(text)
		if err != nil {
			return c.fail("%w", err)
		}
		*to = append(*to, hash)
	}
	return c.literal(`]`)
}

// parseHash reads a hash and insists that it prints back as it was written:
// base64 has several spellings of the same bytes.
func parseHash(text string) (tlog.Hash, error) {
	hash, err := tlog.ParseHash(text)
	if err != nil {
		return tlog.Hash{}, fmt.Errorf("%q is not a hash: %w", text, err)
	}
	if hash.String() != text {
		return tlog.Hash{}, fmt.Errorf("%q is not how this hash is written", text)
	}
	return hash, nil
}

// SegmentName returns the file name of the segment whose first record has
// the index first: sixteen digits and ".seg".
func SegmentName(first int64) string {
	return fmt.Sprintf("%0*d%s", segmentDigits, first, segmentSuffix)
}

// ParseSegmentName is the inverse of SegmentName.
func ParseSegmentName(name string) (first int64, ok bool) {
	digits, found := strings.CutSuffix(name, segmentSuffix)
	if !found || len(digits) != segmentDigits {
		return 0, false
	}
	first, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || first < 0 || SegmentName(first) != name {
		return 0, false
	}
	return first, true
}
