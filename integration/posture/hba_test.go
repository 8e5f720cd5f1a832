package posture

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/destination"
	"github.com/sluice-pg/sluice/proxy/probe"
)

var (
	hbaFiles = flag.Int("hba-files", 15, "how many random files of pg_hba.conf to hold against the wire, for each version")
	hbaSeed  = flag.Uint64("hba-seed", 7, "the seed of the random files")
)

// people are the roles of the random files. Some are named like keywords.
var people = []string{
	"CREATE ROLE crew", "CREATE ROLE staff IN ROLE crew",
	"CREATE ROLE anna LOGIN PASSWORD '" + password + "' IN ROLE staff",
	"SET password_encryption = 'md5'; CREATE ROLE bert LOGIN PASSWORD '" + password + "'",
	"CREATE ROLE copies LOGIN", `CREATE ROLE "+crew" LOGIN`, "CREATE ROLE boss SUPERUSER LOGIN",
}

// hbaUsers are who knocks.
var hbaUsers = []string{"anna", "bert", "copies", "boss", "+crew"}

// hbaVantages are from where.
var hbaVantages = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(127, 0, 0, 6), net.IPv6loopback}

// dual lets a server listen on both loopbacks.
var dual = map[string]string{"listen_addresses": "127.0.0.1,::1"}

// dualPort is a port that is free on both loopbacks.
func dualPort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := harness.FreePort(t)
		l, err := net.Listen("tcp", net.JoinHostPort("::1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		l.Close()
		return port
	}
	t.Fatal("no port is free on both loopbacks: these tests need ::1")
	return 0
}

// some are a few of a list at random.
func some[T any](d *dice, list []T, n int) []T {
	var out []T
	for _, i := range d.Perm(len(list))[:n] {
		out = append(out, list[i])
	}
	return out
}

// dice makes random rules.
type dice struct {
	*rand.Rand
	version int
	// quotes lets keywords stand in quotes.
	quotes bool
	file   int // for names of further files
	write  func(name, text string)
}

func (d *dice) one(choices ...string) string { return choices[d.IntN(len(choices))] }

// list is one to three choices with commas.
func (d *dice) list(choices ...string) string {
	var out []string
	for range 1 + d.IntN(3)*d.IntN(2) {
		out = append(out, d.one(choices...))
	}
	return strings.Join(out, ",")
}

func (d *dice) databases() string {
	choices := []string{"all", "all", database, "postgres", "sameuser", "samerole", "samegroup", "replication", `"template1"`, "template1"}
	if d.quotes {
		choices = append(choices, `"all"`, `"all"`, `"replication"`, `"sameuser"`, `"samerole"`)
	}
	if d.version >= 16 {
		choices = append(choices, "/^cop", `"/^(postgres|copies)$"`, `/\.x`)
	}
	return d.list(choices...)
}

func (d *dice) users() string {
	choices := []string{"all", "all", "anna", "bert", "copies", "boss", "+crew", "+staff", `"+crew"`, "+boss", "+nobody"}
	if d.quotes {
		choices = append(choices, `"all"`, `"all"`, `"+staff"`)
	}
	if d.version >= 16 {
		choices = append(choices, "/^[ab]", `"/^(anna|bo.s)$"`, `/^\w+t$`)
	}
	if d.IntN(10) == 0 {
		d.file++
		name := fmt.Sprintf("people%d", d.file)
		d.write(name, d.one("anna\nbert\n", "+crew, boss", "all\n"))
		choices = []string{"@" + name}
	}
	return d.list(choices...)
}

func (d *dice) address() string {
	return d.one("127.0.0.1/32", "127.0.0.0/8", "127.0.0.4/30", "127.0.0.5 255.255.255.255", "127.0.0.0 255.0.0.255", "0.0.0.0/0", "all",
		"127.0.0.1 255.0.0.7", "10.0.0.0/8", "::1/128", "::/0", "fe80::/10", "::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::0 8000::",
		"samehost", "samenet", "127.0.0.7/31", "::ffff:127.0.0.1/128")
}

// rule is one random line.
func (d *dice) rule() string {
	kind := d.one("host", "host", "hostssl", "hostssl", "hostnossl", "hostnogssenc")
	method := d.one("trust", "reject", "md5", "scram-sha-256", "scram-sha-256", "password", "ident")
	options := ""
	if kind == "hostssl" {
		method = d.one(method, method, "cert")
		if method != "cert" && d.IntN(5) == 0 {
			options = " clientcert=" + d.one("verify-ca", "verify-full")
		}
	}
	return strings.Join([]string{kind, d.databases(), d.users(), d.address(), method + options}, " ")
}

// lines are a random file; from 16 on a part of it may be in another one.
func (d *dice) lines() []string {
	var out []string
	for range 1 + d.IntN(9) {
		line := d.rule()
		if d.version >= 16 && d.IntN(12) == 0 {
			d.file++
			name := fmt.Sprintf("part%d.conf", d.file)
			d.write(name, line+"\n# nothing\n"+d.rule()+"\n")
			line = d.one("include ", "include_if_exists ") + name
		}
		out = append(out, line)
	}
	return out
}

// What the simulation says of a client is what the client meets, for random
// files, clients, addresses, transports and databases. Where the simulation
// does not know, what it says is a bound: nothing weaker is met.
func TestSimulationAgainstTheWire(t *testing.T) {
	t.Parallel()
	list := versions(t)
	for _, version := range list {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			s := start(t, version, pgserver.Options{TLS: true, InitSQL: people, Port: dualPort(t), Config: dual})
			s.setup(t, destination.SetupOptions{})
			tally := &tally{}
			for file := range *hbaFiles {
				d := &dice{Rand: rand.New(rand.NewPCG(*hbaSeed, uint64(version*100_000+file))), version: version, write: s.writeData(t)}
				lines := d.lines()
				s.setHBA(t, lines...)
				s.compare(t, some(d, hbaUsers, 2), some(d, hbaVantages, 1), tally)
				if t.Failed() {
					t.Fatalf("PostgreSQL %d, seed %d, file %d:\n%s", version, *hbaSeed, file, strings.Join(lines, "\n"))
				}
			}
			t.Logf("PostgreSQL %d: %d files, %d knocks: %d decided and right, %d not decided and bounded, of which %d exactly",
				version, *hbaFiles, tally.knocks, tally.right, tally.bounded, tally.exact)
			if tally.right < tally.bounded {
				t.Errorf("PostgreSQL %d: the simulation decides too little", version)
			}
		})
	}
}

// tally counts comparisons. With quotes, what is decided is a bound below which
// nobody gets without a credential; with names, the server may take too long.
type tally struct {
	knocks, right, bounded, exact int
	quotes, names                 bool
}

// compare knocks from several addresses and compares every answer.
func (s *server) compare(t *testing.T, users []string, vantages []net.IP, n *tally) {
	facts := s.inside(t)
	if !facts.HBA.Known {
		t.Fatalf("the rules are not known: %s", facts.HBA.Evidence)
	}
	who := facts.Members()
	for _, source := range vantages {
		target := s.target(t, users...)
		if target.Host = pgserver.Host; source.To4() == nil {
			target.Host = source.String()
		}
		p := probe.Outside(t.Context(), target, probe.Options{Source: source, Timeout: 20 * time.Second})
		if !p.Reachable || p.Problem != "" && !n.names && slices.ContainsFunc(p.Attempts, func(a probe.Attempt) bool { return a.Answer == probe.AnswerUnknown }) {
			t.Errorf("knocking from %s: %s", source, p.Problem)
		}
		for _, a := range p.Attempts {
			from := netip.MustParseAddr(a.Source)
			c := destination.Client{
				From: netip.PrefixFrom(from, from.BitLen()), TLS: a.Transport != probe.Plain,
				User: a.User, Database: a.Database, Replication: a.Replication,
			}
			o := facts.HBA.Value.Match(c, who)
			met := meaning(a)
			n.knocks++
			switch {
			case met == "" && n.names:
			case met == "":
				t.Errorf("no clear answer for %+v: %s", c, a.Evidence)
			case o.Known && n.quotes && expected(o) != met:
				if a.Strength < int(min(o.Strength, destination.StrengthMD5)) {
					t.Errorf("client %+v\nsimulated: %s\nmet: %s (%s)", c, expected(o), met, a.Evidence)
				}
			case o.Known && expected(o) != met:
				t.Errorf("client %+v\nsimulated: %s\nmet: %s (%s)", c, expected(o), met, a.Evidence)
			case o.Known:
				n.right++
			case o.Why == "":
				t.Errorf("client %+v is not decided, without a reason", c)
			case o.Authentication != destination.UnknownMethod && a.Strength < int(o.Strength) && !(o.Certificate && met == "certificate"):
				t.Errorf("client %+v\nat worst: %s (%s)\nmet: %s (%s)", c, expected(o), o.Why, met, a.Evidence)
			default:
				n.bounded++
				if expected(o) == met {
					n.exact++
				}
			}
		}
	}
}

// meaning is an answer as a word that the simulation knows.
func meaning(a probe.Attempt) string {
	switch a.Answer {
	case probe.AnswerOpen:
		return "trust"
	case probe.AnswerIdent:
		return "ident"
	case probe.AnswerCleartext:
		return "password"
	case probe.AnswerMD5:
		return "md5"
	case probe.AnswerSCRAM, probe.AnswerSCRAMPlus:
		return "scram"
	case probe.AnswerCertificate:
		return "certificate"
	case probe.AnswerRefused:
		return "rejected"
	}
	return ""
}

// expected is what the wire should show: a demand for a certificate comes
// before everything else.
func expected(o destination.Outcome) string {
	if o.Certificate {
		return "certificate"
	}
	return string(o.Authentication)
}

// Quoted keywords look like keywords in the view. Whatever is taken for one,
// nobody gets in with less than a credential where the simulation demands one;
// and with a role and a database of such names, what is decided is so.
func TestQuotedKeywords(t *testing.T) {
	t.Parallel()
	for _, version := range versions(t) {
		s := start(t, version, pgserver.Options{TLS: true, InitSQL: people, Port: dualPort(t), Config: dual})
		d := &dice{Rand: rand.New(rand.NewPCG(*hbaSeed, uint64(version))), version: version, quotes: true, write: s.writeData(t)}
		n := &tally{quotes: true}
		for range 15 {
			lines := d.lines()
			s.setHBA(t, lines...)
			s.compare(t, some(d, hbaUsers, 2), some(d, hbaVantages, 1), n)
			if t.Failed() {
				t.Fatalf("PostgreSQL %d:\n%s", version, strings.Join(lines, "\n"))
			}
		}
		s.exec(t, `CREATE ROLE "all" LOGIN`)
		s.exec(t, `CREATE DATABASE "all"`)
		for _, lines := range [][]string{
			{`hostssl "all" all 127.0.0.1/32 scram-sha-256`, "host all all 127.0.0.1/32 trust"},
			{`hostssl all "all" 127.0.0.1/32 scram-sha-256`, "host all all 127.0.0.1/32 trust"},
			{`host all all 127.0.0.1/32 reject`, "host all all 127.0.0.1/32 trust"},
		} {
			s.setHBA(t, lines...)
			n := &tally{}
			s.compare(t, hbaUsers[:1], hbaVantages[:1], n)
			if n.bounded == 0 {
				t.Errorf("PostgreSQL %d: %v: the view does not tell quotes, and all was decided", version, lines)
			}
		}
	}
}

// Host names are the server's to look up, and the simulation bounds what may
// come of it.
func TestHostNames(t *testing.T) {
	t.Parallel()
	for _, version := range versions(t) {
		s := start(t, version, pgserver.Options{TLS: true, InitSQL: people, Port: dualPort(t), Config: dual})
		for _, lines := range [][]string{
			{"host all anna localhost reject", "host all all 127.0.0.1/32 md5"},
			{"host all all localhost trust", "host all all 127.0.0.0/8 scram-sha-256"},
		} {
			s.setHBA(t, lines...)
			n := &tally{names: true}
			s.compare(t, hbaUsers[:1], hbaVantages[:1], n)
			if n.bounded == 0 {
				t.Errorf("PostgreSQL %d: a host name was decided", version)
			}
		}
	}
}

// writeData writes files beside pg_hba.conf.
func (s *server) writeData(t *testing.T) func(name, text string) {
	return func(name, text string) {
		if err := os.WriteFile(filepath.Join(s.Dir(), "data", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
