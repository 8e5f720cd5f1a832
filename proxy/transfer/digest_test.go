package transfer

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// sumOf sums rows that are spread over so many streams.
func sumOf(key [16]byte, rows [][]byte, streams int) Digest {
	total := Digest{Key: key}
	hashes := make([]*rowHash, streams)
	for i := range hashes {
		hashes[i] = newRowHash(key)
	}
	for i, r := range rows {
		h := hashes[i%streams]
		if i%3 == 0 && len(r) > 1 {
			h.start()
			h.more(r[:1])
			h.more(r[1:])
			h.end()
			continue
		}
		h.row(r)
	}
	for _, h := range hashes {
		total.add(h.digest())
	}
	return total
}

func TestDigestKnowsNoOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 6), 1, 60).Draw(t, "rows")
		key := newKey()
		want := sumOf(key, rows, 1)
		rand.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		if got := sumOf(key, rows, rapid.IntRange(1, 5).Draw(t, "streams")); got != want {
			t.Fatalf("%v is not %v", got, want)
		}
		again, err := ParseDigest(want.String())
		if err != nil || again != want {
			t.Fatalf("%v is read as %v, %v", want, again, err)
		}
		// A row that is missing, there twice, or another shows.
		other := append([][]byte{rows[0]}, rows...)
		if sumOf(key, other, 1) == want || sumOf(key, rows[1:], 1) == want {
			t.Fatal("a row more or less does not show")
		}
		other = append([][]byte{append([]byte("!"), rows[0]...)}, rows[1:]...)
		if sumOf(key, other, 1) == want {
			t.Fatal("another row does not show")
		}
		if len(rows[0]) > 0 {
			if sumOf(newKey(), rows, 1).Sum == want.Sum {
				t.Fatal("the key is not in it")
			}
		}
	})
}

// The numbers are those of SipHash's reference implementation (vectors_sip128), whose
// key is the bytes from 0 to 15 and whose messages are those from 0 on.
func TestDigestIsSipHash(t *testing.T) {
	var key [16]byte
	for i := range key {
		key[i] = byte(i)
	}
	for _, c := range []struct {
		length int
		want   string
	}{
		{0, "930255c71472f66de6a825ba047f81a3"},
		{1, "45fc229b1159763444af996bd8c187da"},
	} {
		h := newRowHash(key)
		h.row(key[:c.length])
		if got, want := h.digest().String(), fmt.Sprintf("sluice-rows-2:000102030405060708090a0b0c0d0e0f:1:%s", c.want); got != want {
			t.Errorf("%d bytes: %s is not %s", c.length, got, want)
		}
	}
}

// A sum that is carried out of its lower half is the same in whatever parts it comes.
func TestDigestCarries(t *testing.T) {
	h := &rowHash{}
	var parts Digest
	for _, n := range [][2]uint64{{1 << 63, 1}, {1<<63 + 5, 1<<64 - 2}, {1<<64 - 1, 7}} {
		h.add(n[0], n[1])
		one := &rowHash{}
		one.add(n[0], n[1])
		parts.add(one.digest())
	}
	if want := "00000000000000080000000000000004"; hex.EncodeToString(parts.Sum[:]) != want || h.digest() != parts {
		t.Errorf("%v and %v, not %s", parts, h.digest(), want)
	}
}

// tuple is a row of COPY in binary; nil is NULL.
func tuple(fields ...[]byte) []byte {
	out := binary.BigEndian.AppendUint16(nil, uint16(len(fields)))
	for _, f := range fields {
		if f == nil {
			out = append(out, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(f))), f...)
	}
	return out
}

// canonicalSum is the sum of one row.
func canonicalSum(t testing.TB, c *canonical, row []byte) [16]byte {
	t.Helper()
	h := newRowHash([16]byte{1})
	if err := c.add(h, row); err != nil {
		t.Fatal(err)
	}
	return h.digest().Sum
}

// A numeric of two digits: 7.50 with scale 2 and with scale 3.
var (
	scale2 = []byte{0, 2, 0, 0, 0, 0, 0, 2, 0, 7, 0x13, 0x88}
	scale3 = []byte{0, 2, 0, 0, 0, 0, 0, 3, 0, 7, 0x13, 0x88}
)

func TestCanonicalLeavesOutWhatServersAdd(t *testing.T) {
	shapes := []shape{padded, scaled, asIs}
	b := &canonical{shapes, true}
	text := &canonical{shapes, false}
	same := []struct {
		c    *canonical
		a, b []byte
	}{
		{b, tuple([]byte("ab"), scale2, []byte("x ")), tuple([]byte("ab   "), scale3, []byte("x "))},
		{b, tuple(nil, nil, nil), tuple(nil, nil, nil)},
		{text, []byte("ab\t7.5\tx\n"), []byte("ab  \t7.500\tx\n")},
		{text, []byte("ab\t7\tx\n"), []byte("ab  \t7.000\tx\n")},
		{text, []byte("\\N\t70\tx\n"), []byte("\\N\t70\tx\n")},
	}
	for i, c := range same {
		if canonicalSum(t, c.c, c.a) != canonicalSum(t, c.c, c.b) {
			t.Errorf("case %d differs", i)
		}
	}
	differ := []struct {
		c    *canonical
		a, b []byte
	}{
		{b, tuple([]byte("ab"), scale2, []byte("x ")), tuple([]byte("ab"), scale2, []byte("x"))},
		{b, tuple([]byte("ab"), nil, nil), tuple(nil, []byte("abcdefgh"), nil)},
		{b, tuple([]byte(" ab"), nil, nil), tuple([]byte("ab"), nil, nil)},
		{b, tuple([]byte{}, nil, nil), tuple(nil, nil, nil)},
		{text, []byte("ab\t70\tx\n"), []byte("ab\t7\tx\n")},
		{text, []byte("ab\t7\tx \n"), []byte("ab\t7\tx\n")},
		{text, []byte("\t7\tx\n"), []byte("\\N\t7\tx\n")},
	}
	for i, c := range differ {
		if canonicalSum(t, c.c, c.a) == canonicalSum(t, c.c, c.b) {
			t.Errorf("case %d does not differ", i)
		}
	}
	for i, row := range [][]byte{nil, {0, 3}, tuple(nil, nil), append(tuple(nil, nil, nil), 0), {0, 3, 0x7f, 0xff, 0xff, 0xff}, tuple(nil, []byte("short"), nil)} {
		if err := b.add(newRowHash([16]byte{}), row); err == nil {
			t.Errorf("bad row %d passes", i)
		}
	}
	if err := text.add(newRowHash([16]byte{}), []byte("a\tb\n")); err == nil {
		t.Error("a row of two fields passes as one of three")
	}
}

func FuzzCanonical(f *testing.F) {
	f.Add(tuple([]byte("ab"), scale2, []byte("x")), true)
	f.Add([]byte("a\t7.50\tb\n"), false)
	f.Fuzz(func(t *testing.T, row []byte, inBinary bool) {
		kept := bytes.Clone(row)
		a := newRowHash([16]byte{1})
		err := (&canonical{[]shape{padded, scaled, asIs}, inBinary}).add(a, row)
		if !bytes.Equal(row, kept) {
			t.Fatal("the row was changed")
		}
		// What passes has the fields that it should have, whatever is in them.
		if plain := (&canonical{[]shape{asIs, asIs, asIs}, inBinary}).add(newRowHash([16]byte{1}), row); plain != nil && err == nil {
			t.Fatal("a row passes only with shapes")
		}
	})
}

func FuzzParseDigest(f *testing.F) {
	f.Add(sumOf(newKey(), [][]byte{{1}}, 1).String())
	f.Add("sluice-rows-2::0:")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDigest(text)
		if err == nil && d.String() != text {
			t.Fatalf("%q is read as %q", text, d)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n\x1b\x00") {
			t.Fatalf("%q is not clean", err)
		}
	})
}

func TestRowsAllocateNothing(t *testing.T) {
	h := newRowHash(newKey())
	row := tuple([]byte("ab   "), scale2, []byte("x"))
	c := newCanonical([]shape{padded, scaled, asIs}, true)
	r := &reading{hash: h, binary: true, begun: true, count: &counter{}, emit: func([]byte) error { return nil }}
	if n := testing.AllocsPerRun(100, func() {
		if c.add(h, row) != nil || r.whole(row) != nil {
			t.Fatal("it fails")
		}
	}); n != 0 {
		t.Errorf("%v allocations for a row", n)
	}
}

func BenchmarkRow(b *testing.B) {
	h := newRowHash(newKey())
	row := bytes.Repeat([]byte("x"), 100)
	b.SetBytes(int64(len(row)))
	for b.Loop() {
		h.row(row)
	}
}
