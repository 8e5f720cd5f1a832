package gate

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/proxy"
)

// neighbours are sessions that work quietly while others misbehave. Every
// error and every answer that is not as it should be fails the test.
type neighbours struct {
	stop chan struct{}
	done sync.WaitGroup
	mu   sync.Mutex
	errs []error
	runs int
}

func startNeighbours(t *testing.T, p *place, count int) *neighbours {
	t.Helper()
	n := &neighbours{stop: make(chan struct{})}
	for range count {
		c := p.connect(t, "")
		n.done.Go(func() { n.work(c) })
	}
	return n
}

func (n *neighbours) work(c *pgconn.PgConn) {
	for {
		select {
		case <-n.stop:
			return
		case <-time.After(50 * time.Millisecond):
		}
		ctx, done := context.WithTimeout(context.Background(), 30*time.Second)
		results, err := c.Exec(ctx, "SELECT 41 + 1").ReadAll()
		done()
		if err == nil && string(results[0].Rows[0][0]) != "42" {
			err = fmt.Errorf("got %q", results[0].Rows[0][0])
		}
		n.mu.Lock()
		n.runs++
		if err != nil {
			n.errs = append(n.errs, err)
		}
		n.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// noticed stops the neighbours and fails the test if one of them noticed
// anything.
func (n *neighbours) noticed(t *testing.T) {
	t.Helper()
	close(n.stop)
	n.done.Wait()
	if n.runs == 0 {
		t.Error("the neighbours did not work")
	}
	for _, err := range n.errs {
		t.Errorf("a neighbour noticed: %v", err)
	}
}

// monsters are texts that bring a parser down, with whether they may run.
var monsters = []struct {
	name string
	text func() string
	runs bool
}{
	{"25,000 additions", func() string { return "SELECT 1" + strings.Repeat("+1", 25000) }, false},
	{"25,000 casts", func() string { return "SELECT 1" + strings.Repeat("::int", 25000) }, false},
	{"50,000 unions", func() string { return "SELECT 1" + strings.Repeat(" UNION ALL SELECT 1", 50000) }, false},
	{"50,000 unions, bare", func() string { return "SELECT 1" + strings.Repeat(" UNION SELECT 1", 50000) }, false},
	{"25,000 joins", func() string { return "SELECT 1 FROM a" + strings.Repeat(" JOIN b USING (x)", 25000) }, false},
	{"25,000 commas with joins", func() string { return "SELECT 1 FROM a" + strings.Repeat(" NATURAL JOIN b", 25000) }, false},
	{"100,000 parentheses", func() string { return "SELECT " + strings.Repeat("(", 100000) + "1" + strings.Repeat(")", 100000) }, false},
	{"20,000 subqueries", func() string { return strings.Repeat("SELECT (", 20000) + "1" + strings.Repeat(")", 20000) }, false},
	{"20,000 nested comments", func() string { return strings.Repeat("/*", 20000) + strings.Repeat("*/", 20000) + " SELECT 1" }, false},
	{"20,000 NOTs", func() string { return "SELECT " + strings.Repeat("NOT ", 20000) + "true" }, false},
	{"20,000 minuses", func() string { return "SELECT " + strings.Repeat("- ", 20000) + "1" }, false},
	{"20,000 subscripts", func() string { return "SELECT a" + strings.Repeat("[1]", 20000) }, false},
	{"20,000 concatenations", func() string { return "SELECT 'a'" + strings.Repeat("||'a'", 20000) }, false},
	{"20,000 CASEs", func() string {
		return "SELECT " + strings.Repeat("CASE WHEN true THEN ", 20000) + "1" + strings.Repeat(" END", 20000)
	}, false},
	{"10 MB literal", func() string { return "SELECT '" + strings.Repeat("x", 10<<20) + "'" }, false},
	{"2 MB literal", func() string { return "SELECT length('" + strings.Repeat("x", 2<<20) + "')" }, true},
	{"20,000 items", func() string { return "SELECT 1 WHERE 1 IN (2" + strings.Repeat(",3", 20000) + ")" }, true},
	{"3,000 rows", func() string { return "SELECT count(*) FROM (VALUES (1)" + strings.Repeat(",(2)", 2999) + ") AS v" }, true},
	{"bad UTF-8", func() string { return "SELECT '\xff\xfe'" }, false},
	{"bad UTF-8 in a comment", func() string { return "SELECT 1 -- \xc3\x28" }, false},
	{"a lone backslash", func() string { return `\` }, false},
	{"an open string", func() string { return "SELECT '" + strings.Repeat("a", 70000) }, false},
	{"an open dollar quote", func() string { return "SELECT $a$" + strings.Repeat("a", 70000) }, false},
}

func TestMonsters(t *testing.T) {
	p := startPlace(t, setup{})
	n := startNeighbours(t, p, 50)
	c := p.connect(t, "")
	for _, m := range monsters {
		text := m.text()
		simple := run(t, c, text)
		ctx, done := context.WithTimeout(t.Context(), 60*time.Second)
		_, extended := c.ExecParams(ctx, text, nil, nil, nil, nil).Close()
		done()
		for road, err := range map[string]error{"simple": simple, "extended": extended} {
			if m.runs && err != nil {
				t.Errorf("%s, %s: %v", m.name, road, err)
			}
			if !m.runs && (err == nil || code(err) == "") {
				t.Errorf("%s, %s: got %v, want a refusal with an SQLSTATE", m.name, road, err)
			}
		}
		if c.IsClosed() {
			t.Fatalf("%s ended the session", m.name)
		}
		mustRun(t, c, "SELECT 1")
	}
	n.noticed(t)
}

// rubbish are first bytes, or bytes after a login, of nobody's client.
var rubbish = map[string]string{
	"HTTP":                "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	"nothing":             "",
	"one byte":            "\x00",
	"zeros":               strings.Repeat("\x00", 100),
	"huge length":         "\x7f\xff\xff\xff\x00\x03\x00\x00",
	"negative length":     "\xff\xff\xff\xff\x00\x03\x00\x00",
	"short length":        "\x00\x00\x00\x04\x00\x03\x00\x00",
	"TLS, then rubbish":   "\x16\x03\x01\x00\x05hello",
	"cancel, short":       "\x00\x00\x00\x0c\x04\xd2\x16\x2e\x00\x00\x00\x01",
	"cancel, wrong key":   "\x00\x00\x00\x10\x04\xd2\x16\x2e\x00\x00\x00\x01\x00\x00\x00\x02",
	"SSLRequest and more": "\x00\x00\x00\x08\x04\xd2\x16\x2f\x00\x00\x00\x08\x04\xd2\x16\x2f",
	"protocol 9":          "\x00\x00\x00\x0d\x00\x09\x00\x00user\x00",
}

// afterLogin are sent by a client that has logged in.
var afterLogin = map[string]string{
	"huge Query":          "Q\x7f\xff\xff\xff",
	"negative length":     "Q\xff\xff\xff\xff",
	"zero length":         "Q\x00\x00\x00\x00",
	"Query without NUL":   "Q\x00\x00\x00\x0cSELECT 1",
	"Query with two NULs": "Q\x00\x00\x00\x0eSELE\x00CT 1\x00",
	"unknown type":        "z\x00\x00\x00\x04",
	"server's message":    "D\x00\x00\x00\x04",
	"password":            "p\x00\x00\x00\x05x",
	"huge Bind":           "B\x7f\xff\xff\xff\x00\x00",
	"Bind without NUL":    "B\x00\x00\x00\x08xxxx",
	"Execute too short":   "E\x00\x00\x00\x05\x00",
	"Sync with a body":    "S\x00\x00\x00\x05x",
	"huge Parse":          "P\x7f\xff\xff\xff",
	"huge CopyData":       "d\x7f\xff\xff\xff",
	"huge FunctionCall":   "F\x7f\xff\xff\xff\x00\x00\x00\x00",
}

func TestRubbish(t *testing.T) {
	p := startPlace(t, setup{change: func(c *proxy.Config) { c.Limits.Startup = 2 * time.Second }})
	n := startNeighbours(t, p, 50)
	var wait sync.WaitGroup
	for _, bytes := range rubbish {
		wait.Go(func() {
			conn, err := net.Dial("tcp", p.address)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			conn.Write([]byte(bytes))
			conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			if _, err := drain(conn); os.IsTimeout(err) {
				t.Errorf("%q: the connection was not ended", bytes)
			}
		})
	}
	for name, bytes := range afterLogin {
		c := p.connect(t, "")
		conn := c.Conn()
		conn.Write([]byte(bytes))
		// A half message is waited for; the client hangs up first.
		conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		if _, err := drain(conn); err != nil && !os.IsTimeout(err) && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: %v", name, err)
		}
		conn.Close()
	}
	wait.Wait()
	n.noticed(t)
}

func drain(conn net.Conn) (int, error) {
	buf := make([]byte, 4096)
	total := 0
	for {
		m, err := conn.Read(buf)
		total += m
		if err != nil {
			if err.Error() == "EOF" {
				err = nil
			}
			return total, err
		}
	}
}

// Announcing a length costs the proxy nothing.
func TestAnnouncedLengths(t *testing.T) {
	p := startPlace(t, setup{})
	var conns []net.Conn
	for range 40 {
		conns = append(conns, p.connect(t, "").Conn())
	}
	before := harness.Heap()
	for _, c := range conns {
		c.Write([]byte("P\x00\x40\x00\x00s\x00SELECT "))
	}
	time.Sleep(300 * time.Millisecond)
	if grown := harness.Heap() - before; grown > 40*(256<<10) {
		t.Errorf("40 announced messages of 4 MiB took %d bytes", grown)
	}
}

// A client that sends a byte a second holds one connection until the
// start-up limit, and nobody else.
func TestSlowLoris(t *testing.T) {
	p := startPlace(t, setup{change: func(c *proxy.Config) { c.Limits.Startup = time.Second }})
	n := startNeighbours(t, p, 10)
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			conn, err := net.Dial("tcp", p.address)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			start := time.Now()
			for _, b := range []byte("\x00\x00\x00\x20\x00\x03\x00\x00user\x00alice\x00\x00") {
				if _, err := conn.Write([]byte{b}); err != nil {
					break
				}
				time.Sleep(200 * time.Millisecond)
			}
			if time.Since(start) > 20*time.Second {
				t.Error("a slow client was never ended")
			}
		})
	}
	wait.Wait()
	n.noticed(t)
}

// Sessions leave nothing behind: no goroutine, no descriptor, no role.
func TestNothingLeft(t *testing.T) {
	p := startPlace(t, setup{})
	work := func() {
		for i := range 20 {
			c, err := p.try("")
			if err != nil {
				t.Fatal(err)
			}
			mustRun(t, c, "SELECT 1")
			switch i % 4 {
			case 0:
				c.Close(t.Context())
			case 1:
				c.Conn().Close()
			case 2:
				run(t, c, "COPY pg_class TO PROGRAM 'cat'")
				c.Close(t.Context())
			case 3:
				c.Conn().Write([]byte("Q\x00\x00\x00\x16SELECT pg_sleep(60)\x00"))
				time.Sleep(20 * time.Millisecond)
				c.Conn().Close()
			}
		}
	}
	work()
	settled := func() (goroutines, descriptors int) {
		for range 300 {
			time.Sleep(50 * time.Millisecond)
			if p.server.Sessions() == 0 && onServer(t, "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'sluice\\_%'") == 0 {
				break
			}
		}
		time.Sleep(200 * time.Millisecond)
		files, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return runtime.NumGoroutine(), len(files)
	}
	goroutines, descriptors := settled()
	work()
	g, d := settled()
	if g > goroutines+2 || d > descriptors+2 {
		t.Errorf("goroutines %d -> %d, descriptors %d -> %d", goroutines, g, descriptors, d)
	}
	if n := onServer(t, "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'sluice\\_%'"); n != 0 {
		t.Errorf("%d roles left", n)
	}
	if n := onServer(t, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60)%'"); n != 0 {
		t.Errorf("%d backends left", n)
	}
}
