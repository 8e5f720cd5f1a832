package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

var rewrite = flag.Bool("rewrite", false, "write what the tests got into testdata")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestAnswers measures the fake servers of testdata/answers.txt. A case is
//
//	# what it shows
//	ssl N|S|silence|eof|HEX, direct, tls-max 1.2, ca none|other, expired, users NAME..., whole
//	when KEY=VALUE ...: MESSAGE | MESSAGE | ...
//	MESSAGE          (what every other start-up packet gets)
//	----
//	the sentence, the findings, the problem, the distinct answers
func TestAnswers(t *testing.T) {
	runCases(t, "testdata/answers.txt", func(t *testing.T, input string) string {
		c := parseCase(t, input)
		f := startFake(t, c.script, c.cert)
		c.target.Port = f.port()
		p := Outside(t.Context(), c.target, Options{Timeout: 1500 * time.Millisecond, Whole: c.whole})
		f.stop()
		f.checkConduct(p)
		return describe(p)
	})
}

// testCase is a parsed case of answers.txt.
type testCase struct {
	script serverScript
	target Target
	cert   *tls.Certificate
	whole  bool
}

func parseCase(t *testing.T, input string) testCase {
	ca := newIssuer(t, "policy CA")
	c := testCase{target: Target{Name: "place", Host: "127.0.0.1", ServerName: "localhost", CA: ca.pool()}}
	signer, end := ca, time.Now().Add(time.Hour)
	for line := range strings.Lines(input) {
		line = strings.TrimSpace(line)
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "#":
		case "ssl":
			c.script.ssl = rest
		case "whole":
			c.whole = true
		case "direct":
			c.script.direct = true
		case "tls-max":
			c.script.min = tls.VersionTLS10
			c.script.max = map[string]uint16{"1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12}[rest]
		case "ca":
			if rest == "none" {
				c.target.CA = nil
			} else {
				signer = newIssuer(t, rest)
			}
		case "name":
			c.target.ServerName = rest
		case "expired":
			end = time.Now().Add(-time.Minute)
		case "users":
			c.target.Users = strings.Fields(rest)
		case "databases":
			c.target.Databases = strings.Fields(rest)
		case "when":
			c.script.by = append(c.script.by, parseOverride(t, rest))
		default:
			c.script.answer = append(c.script.answer, line)
		}
	}
	c.cert = signer.issue(t, end)
	return c
}

func parseOverride(t *testing.T, text string) override {
	condition, lines, found := strings.Cut(text, ": ")
	if !found {
		t.Fatalf("no colon in %q", text)
	}
	o := override{match: map[string]string{}}
	for _, pair := range strings.Fields(condition) {
		key, value, _ := strings.Cut(pair, "=")
		o.match[key] = value
	}
	for line := range strings.SplitSeq(lines, " | ") {
		o.lines = append(o.lines, line)
	}
	return o
}

// checkConduct asserts on the server's side that the probe kept to its
// rules, whatever the server did.
func (f *fakeServer) checkConduct(p *Posture) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.mu.after) > 0 {
		said := len(terminate)
		if first := scramFirst.Find(f.mu.after); first != nil {
			said = len(first)
		} else if !strings.HasPrefix(string(f.mu.after), string(terminate)) {
			f.t.Fatalf("after start-up the probe sent %q", f.mu.after)
		}
		f.mu.after = f.mu.after[said:]
	}
	// Rounds overlap only inside themselves: on each transport every
	// made-up name comes before every name that may exist.
	named := false
	for _, s := range f.mu.startups {
		if s["application_name"] != "sluice-probe/"+p.ID {
			f.t.Errorf("application_name was %q", s["application_name"])
		}
		stranger := s["user"] == strangerPrefix+p.ID
		if stranger && named {
			f.t.Error("a name that may exist was sent before a made-up one")
		}
		named = named || !stranger
	}
}

// describe prints a posture without what changes from run to run.
func describe(p *Posture) string {
	var b strings.Builder
	fmt.Fprintln(&b, p.Sentence())
	fmt.Fprintf(&b, "reachable=%t tls=%t direct=%t verified=%t versions=%s\n",
		p.Reachable, p.TLS.Offered, p.TLS.Direct, p.TLS.Verified, strings.Join(p.TLS.Versions, ","))
	for _, f := range p.Findings {
		fmt.Fprintf(&b, "finding %d %s: %s\n", f.Severity, f.Code, f.Text)
	}
	if p.Problem != "" {
		fmt.Fprintln(&b, "problem "+p.Problem)
	}
	if p.Protocol != "" {
		fmt.Fprintln(&b, "protocol "+p.Protocol)
	}
	var seen []string
	for _, a := range p.Attempts {
		line := fmt.Sprintf("%s %s %d: %s", a.Transport, a.Answer, a.Strength, a.Evidence)
		if a.Iterations > 0 {
			line += fmt.Sprintf(", %d iterations for %s", a.Iterations, a.User)
		}
		if p.Protocol != "" && a.Answer == AnswerOpen {
			line += fmt.Sprintf(" (user %s, database %q, replication %t)", a.User, a.Database, a.Replication)
		}
		seen = appendNew(seen, line)
	}
	for _, line := range seen {
		fmt.Fprintln(&b, line)
	}
	text := b.String()
	for _, a := range p.Attempts {
		text = strings.ReplaceAll(text, a.Address, "ADDRESS")
		if a.Unknown {
			text = strings.ReplaceAll(text, a.User, "STRANGER")
		}
	}
	return text
}

// runCases runs every case of a file: input, "----", expected output, an
// empty line.
func runCases(t *testing.T, file string, run func(*testing.T, string) string) {
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for block := range strings.SplitSeq(strings.TrimSpace(string(raw)), "\n\n") {
		input, want, _ := strings.Cut(block+"\n", "----\n")
		name, _, _ := strings.Cut(strings.TrimPrefix(input, "# "), "\n")
		var got string
		t.Run(name, func(t *testing.T) {
			got = run(t, input)
			if diff := cmp.Diff(want, got); diff != "" && !*rewrite {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
		out = append(out, input+"----\n"+got)
	}
	if len(out) == 0 {
		t.Fatal("the file has no case")
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(strings.Join(out, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNothingListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	p := Outside(t.Context(), Target{Name: "gone", Host: "127.0.0.1", Port: port}, Options{})
	if p.Reachable || !strings.Contains(p.Sentence(), "gone could not be measured: nothing answers there") {
		t.Errorf("%+v", p)
	}
}

func TestBadTargets(t *testing.T) {
	for want, target := range map[string]Target{
		"no host is given":                {Port: 5432},
		"Unix-domain socket":              {Host: "/run/postgresql", Port: 5432},
		"port 0 is not":                   {Host: "db"},
		"port 70000 is not":               {Host: "db", Port: 70000},
		"cannot be a database or user":    {Host: "db", Port: 1, Users: []string{"a\x00b"}},
		`"" cannot be a database or user`: {Host: "db", Port: 1, Databases: []string{""}},
	} {
		p := Outside(t.Context(), target, Options{Dial: func(context.Context, string, string) (net.Conn, error) {
			t.Error("a target that cannot be was dialled")
			return nil, errors.New("no")
		}})
		if !strings.Contains(p.Problem, want) {
			t.Errorf("%+v: problem %q does not say %q", target, p.Problem, want)
		}
	}
}

// A name's every address counts: one weak server among several is found,
// one that cannot be asked is a problem, one where nothing listens is not.
func TestEveryAddressOfAName(t *testing.T) {
	ca := newIssuer(t, "policy CA")
	cert := ca.issue(t, time.Now().Add(time.Hour))
	good := serverScript{
		ssl: "S", answer: []string{"R 10 SCRAM-SHA-256"},
		by: []override{{map[string]string{"tls": "no"}, []string{"E 28000 no pg_hba.conf entry"}}},
	}
	servers := map[string]*fakeServer{
		"192.0.2.1:5432": startFake(t, good, cert),
		"192.0.2.2:5432": startFake(t, serverScript{ssl: "N", answer: []string{"R 0", "E 28000 role does not exist"}}, cert),
	}
	measure := func(addresses ...string) *Posture {
		var dialer net.Dialer
		return Outside(t.Context(), Target{Name: "db", Host: "db.example", Port: 5432, CA: ca.pool(), ServerName: "localhost"},
			Options{
				Resolve: func(context.Context, string) ([]netip.Addr, error) {
					var out []netip.Addr
					for _, a := range addresses {
						out = append(out, netip.MustParseAddr(a))
					}
					return out, nil
				},
				Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
					if f := servers[address]; f != nil {
						return dialer.DialContext(ctx, network, f.listen.Addr().String())
					}
					if address == "192.0.2.3:5432" {
						return dialer.DialContext(ctx, network, "127.0.0.1:1") // refused
					}
					return nil, context.DeadlineExceeded
				},
			})
	}
	for want, addresses := range map[string][]string{
		"db let nobody in without a credential, TLS verified":                      {"192.0.2.1", "192.0.2.3"},
		"db let an unknown user in without a password, no TLS":                     {"192.0.2.1", "192.0.2.2"},
		"db could not be measured: no connection could be opened":                  {"192.0.2.1", "192.0.2.4"},
		"db let an unknown user in without a password, no TLS; not everything":     {"192.0.2.2", "192.0.2.4"},
		"db could not be measured: nothing answers there: connecting: dial":        {"192.0.2.3"},
		"db could not be measured: the host has no address":                        {},
		"db could not be measured: the host has 9 addresses, more than the 8 that": {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8", "10.0.0.9"},
	} {
		if got := measure(addresses...).Sentence(); !strings.HasPrefix(got, want) {
			t.Errorf("%v: %s, want %s", addresses, got, want)
		}
	}
}

// The whole measurement ends in time although no try does.
func TestTimeIsBounded(t *testing.T) {
	for _, script := range []serverScript{
		{ssl: "silence", answer: []string{"silence"}},
		{ssl: "N", answer: []string{"silence"}},
		{ssl: "N", answer: []string{"drip"}},
		{ssl: "N", answer: []string{"flood"}},
	} {
		f := startFake(t, script, nil)
		start := time.Now()
		p := Outside(t.Context(), Target{Name: "slow", Host: "127.0.0.1", Port: f.port()}, Options{Timeout: 300 * time.Millisecond})
		if took := time.Since(start); took > time.Second {
			t.Errorf("%v took %v", script, took)
		}
		if p.Problem == "" {
			t.Errorf("%v: a server that gives no answer has no problem: %s", script, p.Sentence())
		}
		f.stop()
	}
}

func TestCancelledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := startFake(t, serverScript{ssl: "N", answer: []string{"R 10 SCRAM-SHA-256"}}, nil)
	p := Outside(ctx, Target{Name: "place", Host: "127.0.0.1", Port: f.port()}, Options{})
	if !strings.Contains(p.Problem, "context canceled") || p.Reachable {
		t.Errorf("%+v", p)
	}
}
