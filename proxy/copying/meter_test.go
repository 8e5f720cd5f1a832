package copying

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestMeter: on a terminal one line moves, elsewhere there is one every ten seconds;
// what others say is not shown.
func TestMeter(t *testing.T) {
	said := []*pgconn.Notice{
		{Message: "sluice: 10 rows", Detail: "copy=abc bytes=100 expected=1000"},
		{Message: "relation exists, skipping"},
		{Message: "sluice: 600 rows, and more words", Detail: "copy=abc bytes=6000 expected=1000"},
		{Message: "sluice: 700 rows", Detail: "copy=abc bytes=many"},
		{Message: "sluice: 800 rows", Detail: "copy=abc bytes=8000 expected=10000"},
	}
	for _, c := range []struct {
		name     string
		terminal bool
		want     string
	}{
		{"terminal", true, "\r[##..................] 10 rows\r[###################.] 600 rows, and more words\r[################....] 800 rows                \r" + strings.Repeat(" ", 31) + "\r"},
		{"file", false, "10 rows\n800 rows\n"},
	} {
		var out bytes.Buffer
		at := time.Unix(1e9, 0)
		m := &Meter{Out: &out, Terminal: c.terminal, Now: func() time.Time { return at }}
		for _, n := range said {
			m.take(n)
			at = at.Add(4 * time.Second)
		}
		m.end()
		if got := out.String(); got != c.want {
			t.Errorf("%s: %q\nwant %q", c.name, got, c.want)
		}
	}
	var none *Meter
	none.take(said[0])
	none.end()
}
