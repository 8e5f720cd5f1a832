package destination

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
)

// TestMatch reads testdata/hba.txt. A case has lines
//
//	version NUMBER
//	role NAME [GROUP...], with a kind of verifier as NAME:KIND
//	database NAME
//	rule TYPE DATABASES USERS ADDRESS NETMASK METHOD [OPTION...]   - is nothing
//	error TEXT
//	client plain|tls ADDRESS|socket USER DATABASE|replication
//
// and expects for every client what it would meet. Words in quotes may hold
// anything.
func TestMatch(t *testing.T) {
	runCases(t, "testdata/hba.txt", func(t *testing.T, input string) string {
		hba, facts := HBA{Version: 150000}, &Facts{}
		facts.Roles = Known([]Role(nil), "test")
		facts.Memberships = Known([]Membership(nil), "test")
		facts.Databases = Known([]Database(nil), "test")
		var out strings.Builder
		for line := range strings.Lines(input) {
			words := fields(t, line)
			if len(words) == 0 {
				continue
			}
			switch words[0] {
			case "version":
				hba.Version, _ = strconv.Atoi(words[1])
			case "namespace":
				hba.NameSpacePerDatabase = true
			case "incomplete":
				facts.Memberships.Known = false
			case "role":
				name, kind, given := strings.Cut(words[1], ":")
				facts.Roles.Value = append(facts.Roles.Value, Role{Name: name, Login: true})
				for _, g := range words[2:] {
					facts.Memberships.Value = append(facts.Memberships.Value, Membership{Group: g, Member: name})
				}
				if given {
					facts.Verifiers = Known(append(facts.Verifiers.Value, Verifier{Role: name, Kind: kind}), "test")
				}
			case "database":
				facts.Databases.Value = append(facts.Databases.Value, Database{Name: words[1]})
			case "rule":
				hba.Rules = append(hba.Rules, parseRule(words[1:], len(hba.Rules)+1))
			case "error":
				hba.Rules = append(hba.Rules, Rule{Line: len(hba.Rules) + 1, Error: strings.Join(words[1:], " ")})
			case "client":
				o := hba.Match(parseClient(t, words[1:]), facts.Members())
				fmt.Fprintf(&out, "%s: %s\n", strings.Join(words[1:], " "), describe(o))
			}
		}
		return out.String()
	})
}

// fields splits a line at blanks that are not in quotes.
func fields(t *testing.T, line string) []string {
	var out []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimLeft(line, " ") {
		if line[0] == '#' {
			break
		}
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			word, rest, _ := strings.Cut(line, " ")
			out, line = append(out, word), rest
			continue
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatal(err)
		}
		out, line = append(out, word), line[len(quoted):]
	}
	return out
}

func parseRule(w []string, line int) Rule {
	or := func(s string) string { return strings.TrimPrefix(s, "-") }
	return Rule{
		Line: line, Type: w[0], Databases: strings.Split(w[1], ","), Users: strings.Split(w[2], ","),
		Address: or(w[3]), Netmask: or(w[4]), Method: w[5], Options: w[6:],
	}
}

func parseClient(t *testing.T, w []string) Client {
	c := Client{TLS: w[0] == "tls", User: w[2], Database: w[3]}
	if w[3] == "replication" {
		c.Database, c.Replication = "", true
	}
	switch {
	case w[1] == "socket":
	case strings.Contains(w[1], "/"):
		c.From = netip.MustParsePrefix(w[1])
	default:
		a, err := netip.ParseAddr(w[1])
		if err != nil {
			t.Fatal(err)
		}
		c.From = netip.PrefixFrom(a, a.BitLen())
	}
	return c
}

func describe(o Outcome) string {
	text := string(o.Authentication)
	if o.Certificate {
		text += " with a certificate"
	}
	if o.Rule != nil {
		text += fmt.Sprintf(" by line %d", o.Rule.Line)
	}
	if !o.Known {
		text += "; not decided: " + o.Why
	}
	return text
}

// The addresses of Places meet every outcome that any address of the network
// meets: the network is walked through, address by address.
func TestPlacesStandForAll(t *testing.T) {
	masks := []string{"255.255.255.255", "255.255.255.254", "255.255.255.248", "255.255.255.192", "255.255.255.0", "255.255.0.0", "0.0.0.0", "255.255.255.15"}
	facts := &Facts{Roles: Known([]Role{{Name: "a", Login: true}}, ""), Memberships: Known([]Membership(nil), ""), Databases: Known([]Database(nil), "")}
	who := facts.Members()
	seed := uint64(1)
	next := func(n int) int {
		seed = seed*6364136223846793005 + 1442695040888963407
		return int(seed>>33) % n
	}
	for range 300 {
		hba := HBA{Version: 150000}
		for i := range 1 + next(6) {
			hba.Rules = append(hba.Rules, Rule{
				Line: i + 1, Type: "host", Databases: []string{"d"}, Users: []string{"a"},
				Address: fmt.Sprintf("10.0.%d.%d", next(2), next(256)), Netmask: masks[next(len(masks))],
				Method: []string{"trust", "md5", "scram-sha-256", "reject"}[next(4)],
			})
		}
		source := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(next(256))}), 24+next(8)).Masked()
		least := func(places []netip.Prefix) (s Strength, unknown bool) {
			s = StrengthRejected
			for _, p := range places {
				o := hba.Match(Client{From: p, User: "a", Database: "d"}, who)
				s, unknown = min(s, o.Strength), unknown || !o.Known
			}
			return s, unknown
		}
		var all []netip.Prefix
		for a := source.Addr(); source.Contains(a); a = a.Next() {
			all = append(all, netip.PrefixFrom(a, 32))
		}
		want, _ := least(all)
		got, unknown := least(hba.Places(source))
		if got != want && !(unknown && got < want) {
			t.Fatalf("%v in %+v: %d by its places, %d by all addresses", source, hba.Rules, got, want)
		}
	}
}

// Nothing that a server can show brings the simulation down, and where it knows
// nothing it says why.
func FuzzMatch(f *testing.F) {
	f.Add("host", "all,copies", "+g,/^a", "127.0.0.1", "255.0.0.255", "md5", "clientcert=verify-ca", "anna", "copies", uint8(1))
	f.Add("hostssl", "samerole", "all", "::1", "ffff::", "cert", "", "g", "g", uint8(2))
	f.Add("local", "replication", `/\d+(`, "samenet", "", "peer", "map=x", "", "", uint8(7))
	f.Fuzz(func(t *testing.T, kind, databases, users, address, mask, method, option, user, database string, bits uint8) {
		hba := HBA{Version: 130000 + int(bits%6)*10000, Rules: []Rule{
			{Line: 1, Type: kind, Databases: strings.Split(databases, ","), Users: strings.Split(users, ","), Address: address, Netmask: mask, Method: method, Options: []string{option}},
			{Line: 2, Type: "host", Databases: []string{"all"}, Users: []string{"all"}, Address: "all", Method: "trust"},
		}}
		facts := &Facts{Roles: Known([]Role{{Name: user, Login: true}, {Name: "g", Login: true}}, ""), Memberships: Known([]Membership{{Group: "g", Member: user}, {Group: user, Member: "g"}}, ""), Databases: Known([]Database{{Name: database}}, "")}
		m := &Measurement{Inside: facts, Database: database}
		facts.HBA = Known(hba, "")
		for _, source := range append(hba.Places(Everywhere[0]), hba.Places(Everywhere[1])...) {
			o := hba.Match(Client{From: source, TLS: bits&8 != 0, User: user, Database: database, Replication: bits&16 != 0}, facts.Members())
			if !o.Known && o.Why == "" {
				t.Errorf("%+v: not decided, and no reason", o)
			}
			// The second rule lets everybody in whom the first does not meet,
			// but it says nothing of physical replication.
			if o.Rule == nil && bits&16 == 0 || o.Rule != nil && o.Rule.Line == 2 && o.Authentication != Trust {
				t.Errorf("%+v: an open rule was passed over", o)
			}
			if o.Strength != o.Authentication.strength(bits&8 != 0) {
				t.Errorf("%+v: another strength than its authentication", o)
			}
		}
		if e := m.Entry(user); e.Known || len(e.Unknown) == 0 {
			t.Errorf("nobody knocked, and the way in is known: %+v", e)
		}
	})
}
