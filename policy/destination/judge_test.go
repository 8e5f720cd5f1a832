package destination

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// testNow is when everything here is judged.
var testNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const (
	testSystem = "7711082518470945569"
	testKey    = "d37ea5a0d37ea5a0d37ea5a0d37ea5a0d37ea5a0d37ea5a0d37ea5a0d37ea5a0"
)

// good is a place where nothing is wrong.
func good() *Measurement {
	f := &Facts{
		MeasuredAt:       testNow,
		Vantage:          Vantage{Role: "look", Database: "copies", ClientAddress: "10.0.0.9", ServerAddress: "10.0.0.1", TLS: "TLSv1.3"},
		SystemIdentifier: Known(testSystem, "pg_control_system()"), Version: Known(160004, "server_version_num"), InRecovery: Known(false, ""),
		ConfigLoadedAt: Known(testNow, ""), Settings: map[string]Fact[Setting]{},
		Roles: Known([]Role{
			{Name: "postgres", Login: true, Superuser: true, Replication: true, BypassRLS: true}, {Name: "reader", Login: true},
			{Name: "pg_read_all_data"}, {Name: "crew"},
		}, "pg_roles"),
		Memberships: Known([]Membership{{Group: "crew", Member: "reader"}}, "pg_auth_members"),
		Verifiers:   Known([]Verifier{{Role: "reader", Kind: "scram-sha-256", Iterations: 4096}, {Role: "postgres", Kind: "none"}}, "sluice.role_secret_kind"),
		HBA: Known(HBA{Version: 160004, Rules: []Rule{
			{File: "/etc/pg_hba.conf", Line: 1, Type: "local", Databases: []string{"all"}, Users: []string{"postgres"}, Method: "peer"},
			{File: "/etc/pg_hba.conf", Line: 2, Type: "hostssl", Databases: []string{"all"}, Users: []string{"all"}, Address: "10.0.0.0", Netmask: "255.0.0.0", Method: "scram-sha-256"},
		}}, "pg_hba_file_rules"),
		IdentMaps: Known([]IdentLine(nil), ""), FileErrors: Known([]FileError(nil), ""),
		Databases: Known([]Database{{Name: "copies", Owner: "postgres", Connect: true}, {Name: "postgres", Owner: "postgres", Connect: true, Public: []string{"CONNECT"}}}, "pg_database"),
		Schemas:   Known([]Schema{{Name: "sluice", Owner: "sluice_owner", Public: []string{"USAGE"}}}, "pg_namespace"),
		Languages: Known([]Language(nil), ""), Extensions: Known([]Extension{{Name: "plpgsql"}}, "pg_extension"),
		DefaultACLs: Known([]DefaultACL(nil), ""), RoleSettings: Known([]RoleSetting(nil), ""), OpenFiles: Known([]FunctionRight(nil), ""),
		SoftPolicies: Known([]Policy(nil), ""), EventTriggers: Known([]EventTrigger(nil), ""), ForeignServers: Known([]ForeignServer(nil), ""),
		Publications: Known([]Publication(nil), ""), Subscriptions: Known([]Subscription(nil), ""), Slots: Known([]Slot(nil), ""), Walsenders: Known([]Walsender(nil), ""),
	}
	for _, name := range SettingNames() {
		f.Settings[name] = Unknown[Setting]("the server has no such setting")
	}
	for name, value := range map[string]string{
		"password_encryption": "scram-sha-256", "log_connections": "on", "log_statement": "none", "log_min_duration_statement": "-1",
		"log_min_duration_sample": "-1", "log_transaction_sample_rate": "0", "log_min_error_statement": "panic", "log_error_verbosity": "terse",
		"log_parameter_max_length_on_error": "0", "debug_print_parse": "off", "debug_print_plan": "off", "debug_print_rewritten": "off",
		"shared_preload_libraries": "pgaudit", "session_preload_libraries": "", "local_preload_libraries": "", "archive_mode": "off",
		"pgaudit.log": "read, write", "pgaudit.log_parameter": "off",
	} {
		f.Settings[name] = Known(Setting{Value: value, Source: "configuration file"}, "pg_settings")
	}
	o := &Outside{
		ID: "abc", Address: "db:5432", MeasuredAt: testNow, Reachable: true, Protocol: "3.0",
		TLS: OutsideTLS{Offered: true, Verified: true, Versions: []string{"1.2", "1.3"}, Certificates: []CertificateFact{
			{Key: testKey, NotAfter: testNow.AddDate(0, 2, 0), KeyType: "ECDSA", KeyBits: 256, Signature: "ECDSA-SHA256"},
		}},
	}
	for _, user := range []string{"sluice_probe_abc", "postgres", "reader"} {
		for _, transport := range []string{"plain", "tls"} {
			k := Knock{Source: "10.0.0.9", Server: "10.0.0.1:5432", Transport: transport, User: user, Unknown: user == "sluice_probe_abc", Database: "copies"}
			k.Authentication, k.Strength, k.Evidence = Rejected, StrengthRejected, "error 28000 no pg_hba.conf entry"
			if transport == "tls" {
				k.Authentication, k.Strength, k.Evidence = SCRAM, StrengthSCRAMBound, "AuthenticationSASL SCRAM-SHA-256-PLUS"
			}
			o.Knocks = append(o.Knocks, k)
			k.Database, k.Replication, k.Authentication, k.Strength, k.Evidence = "", true, Rejected, StrengthRejected, "error 28000 no pg_hba.conf entry"
			o.Knocks = append(o.Knocks, k)
		}
	}
	return &Measurement{Inside: f, Outside: []*Outside{o}, Database: "copies"}
}

// everything is a floor that asks for all there is.
func everything() Floor {
	return Floor{
		TLS: TLSIsProven, MinimumTLS: "1.2", CertificateMargin: 24 * time.Hour, Keys: []string{testKey}, SystemIdentifier: testSystem,
		Authentication: NeedsSCRAM, Local: "closed", Replication: "closed", Public: "none", Unmapped: "none", Privileged: "named",
		Operators: []string{"postgres"}, SoftRowFilters: "deny", MinimumVersion: 160000, Logs: "no-values", Audit: "statements",
		OnwardCopies: "none", Code: "known", MaximumAge: time.Minute, Sources: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")},
	}
}

func judged(f Floor, m *Measurement) []Deficit {
	return Judge(f, m, Demands{Now: testNow, Readers: []string{"reader"}})
}

func TestNothingIsWrong(t *testing.T) {
	if list := judged(everything(), good()); len(list) > 0 {
		t.Errorf("%+v", list)
	}
	if list := judged(Floor{}, &Measurement{}); len(list) > 0 {
		t.Errorf("a floor that demands nothing: %+v", list)
	}
}

// Whatever is not known of what a floor asks for is a deficit that says so.
func TestUnknownIsNeverFine(t *testing.T) {
	// What nobody's floor asks for.
	free := []string{"InRecovery", "ConfigLoadedAt", "FileErrors", "IdentMaps"}
	facts := reflect.TypeFor[Facts]()
	tried := 0
	for i := range facts.NumField() {
		name := facts.Field(i).Name
		if facts.Field(i).Type.Kind() != reflect.Struct {
			continue
		}
		if _, isFact := facts.Field(i).Type.FieldByName("Known"); !isFact || slices.Contains(free, name) {
			continue
		}
		tried++
		m := good()
		field := reflect.ValueOf(m.Inside).Elem().Field(i)
		field.FieldByName("Known").SetBool(false)
		field.FieldByName("Evidence").SetString("role look has no right to it")
		list := judged(everything(), m)
		if !slices.ContainsFunc(list, func(d Deficit) bool { return d.Unknown && strings.Contains(d.Sentence, "no right to it") }) {
			t.Errorf("%s is not known, and nothing says so: %+v", name, list)
		}
	}
	if tried < 15 {
		t.Errorf("only %d facts were tried", tried)
	}
	for name, s := range good().Inside.Settings {
		if !s.Known || strings.HasPrefix(name, "session_") || strings.HasPrefix(name, "local_") || strings.HasPrefix(name, "shared_") {
			continue
		}
		m := good()
		m.Inside.Settings[name] = Unknown[Setting]("hidden")
		if list := judged(everything(), m); !slices.ContainsFunc(list, func(d Deficit) bool { return d.Unknown }) {
			t.Errorf("the setting %s is not known, and that is fine", name)
		}
	}
	for what, m := range map[string]*Measurement{
		"nothing": {}, "no inside": {Outside: good().Outside}, "no outside": {Inside: good().Inside},
	} {
		if list := judged(everything(), m); !slices.ContainsFunc(list, func(d Deficit) bool { return d.Unknown && d.Code == CodeNotMeasured }) {
			t.Errorf("%s was measured, and that is fine: %+v", what, list)
		}
	}
}

// A server that hung up when it was asked for TLS, as one does that starts, has not
// said that it has none.
func TestUnclearIsNotWithoutTLS(t *testing.T) {
	for _, unclear := range []bool{true, false} {
		m := good()
		for _, o := range m.Outside {
			o.TLS = OutsideTLS{Unclear: unclear}
		}
		list := judged(everything(), m)
		at := slices.IndexFunc(list, func(d Deficit) bool { return d.Code == CodeNoTLS })
		if at < 0 || list[at].Unknown != unclear || !unclear && list[at].Severity != Critical {
			t.Errorf("unclear %v: %+v", unclear, list)
		}
	}
}

// Every floor that asks for one thing only refuses a place of which nothing is
// known.
func TestEveryDemandNeedsAMeasurement(t *testing.T) {
	full := reflect.ValueOf(everything())
	for i := range full.NumField() {
		name := full.Type().Field(i).Name
		if slices.Contains([]string{"Operators", "Onward", "Extensions", "AttestationAge", "MaximumAge", "Sources"}, name) {
			continue // these allow, or bound what is there
		}
		var f Floor
		reflect.ValueOf(&f).Elem().Field(i).Set(full.Field(i))
		if name == "AtRest" {
			f.AtRest = "attested"
		}
		f.Operators = everything().Operators
		if list := judged(f, &Measurement{InsideProblem: "down"}); len(list) == 0 {
			t.Errorf("%s is demanded of a place of which nothing is known, and that is fine", name)
		}
		if list := judged(f, good()); len(list) > 0 && name != "AtRest" {
			t.Errorf("%s: %+v", name, list)
		}
	}
}

// A place that was only knocked at has not shown what it does to others.
func TestKnocksAloneAreNotEnough(t *testing.T) {
	for name, f := range map[string]Floor{
		"tls": {TLS: TLSRequired}, "replication": {Replication: "closed"}, "authentication": {Authentication: AnyPassword},
	} {
		for what, m := range map[string]*Measurement{"no inside": {Outside: good().Outside}, "no rules": good()} {
			if m.Inside != nil {
				m.Inside.HBA = Unknown[HBA]("no right to it")
			}
			if list := judged(f, m); !slices.ContainsFunc(list, func(d Deficit) bool { return d.Unknown }) {
				t.Errorf("%s, %s: %+v", name, what, list)
			}
		}
	}
}

// A word that a floor does not know is no demand that is met.
func TestFloorWords(t *testing.T) {
	for _, f := range []Floor{{TLS: "requierd"}, {Authentication: "strong"}, {AtRest: "maybe"}, {MinimumTLS: "2"}} {
		if list := judged(f, good()); !slices.ContainsFunc(list, func(d Deficit) bool { return d.Code == CodeFloor }) || f.Check() == nil {
			t.Errorf("%+v: %+v", f, list)
		}
	}
	floor := everything()
	if err := floor.Check(); err != nil {
		t.Error(err)
	}
}

// What makes a place weaker never takes a deficit away.
func TestWeakerIsNeverBetter(t *testing.T) {
	changes := map[string]func(*Measurement){
		"trust on the wire": func(m *Measurement) {
			m.Outside[0].Knocks[0].Authentication, m.Outside[0].Knocks[0].Strength = Trust, StrengthTrust
		},
		"trust in the file": func(m *Measurement) {
			m.Inside.HBA.Value.Rules = append([]Rule{{Line: 9, Type: "host", Databases: []string{"all"}, Users: []string{"all"}, Address: "all", Method: "trust"}}, m.Inside.HBA.Value.Rules...)
		},
		"an error in the file": func(m *Measurement) {
			m.Inside.HBA.Value.Rules = append(m.Inside.HBA.Value.Rules, Rule{Line: 9, Error: "bad"})
		},
		"no TLS": func(m *Measurement) { m.Outside[0].TLS = OutsideTLS{} },
		"a superuser": func(m *Measurement) {
			m.Inside.Roles.Value = append(m.Inside.Roles.Value, Role{Name: "x", Superuser: true})
		},
		"an older one":   func(m *Measurement) { m.Inside.Version.Value = 130000 },
		"another key":    certificates(func(c *CertificateFact) { c.Key = strings.Repeat("0", 64) }),
		"old TLS":        func(m *Measurement) { m.Outside[0].TLS.Versions = []string{"1.0", "1.2"} },
		"asked in plain": func(m *Measurement) { m.Inside.Vantage.TLS = "" },
		"old":            func(m *Measurement) { m.Inside.MeasuredAt = testNow.Add(-time.Hour) },
		"of the future":  func(m *Measurement) { m.Outside[0].MeasuredAt = testNow.Add(time.Hour) },
		"archived": func(m *Measurement) {
			m.Inside.Settings["archive_mode"] = Known(Setting{Value: "on"}, "")
		},
		"a walsender": func(m *Measurement) { m.Inside.Walsenders.Value = []Walsender{{Role: "r"}} },
		"a problem":   func(m *Measurement) { m.Outside[0].Problems = []string{"silence"} },
		"ends soon":   certificates(func(c *CertificateFact) { c.NotAfter = testNow.Add(time.Hour) }),
		"weak key":    certificates(func(c *CertificateFact) { c.KeyType, c.KeyBits = "RSA", 1024 }),
		"local trust": func(m *Measurement) {
			m.Inside.HBA.Value.Rules = append([]Rule{{Line: 8, Type: "local", Databases: []string{"all"}, Users: []string{"all"}, Method: "trust"}}, m.Inside.HBA.Value.Rules...)
		},
		"wide map": func(m *Measurement) {
			last := &m.Inside.HBA.Value.Rules[len(m.Inside.HBA.Value.Rules)-1]
			last.Options = []string{"map=x"}
			m.Inside.IdentMaps.Value = []IdentLine{{Map: "x", System: "/^(.*)$", Role: "all"}}
		},
	}
	for name, change := range changes {
		m := good()
		change(m)
		one := codesOf(judged(everything(), m))
		if len(one) == 0 {
			t.Errorf("%s is fine", name)
		}
		for other, and := range changes {
			m := good()
			and(m)
			before := codesOf(judged(everything(), m))
			change(m)
			after := codesOf(judged(everything(), m))
			for _, code := range before {
				// Without TLS there is no certificate to judge, a file that was not
				// loaded says nothing, and an open door is worse than a weak one.
				worse := code == CodeWeakAuthentication && slices.Contains(after, CodeNoCredential)
				if !slices.Contains(after, code) && !worse && name != "no TLS" && name != "an error in the file" {
					t.Errorf("%s, and then %s: %s is gone", other, name, code)
				}
			}
			if len(after) == 0 {
				t.Errorf("%s and %s together are fine", other, name)
			}
		}
	}
}

// certificates changes every certificate that was shown.
func certificates(change func(*CertificateFact)) func(*Measurement) {
	return func(m *Measurement) {
		for i := range m.Outside[0].TLS.Certificates {
			change(&m.Outside[0].TLS.Certificates[i])
		}
	}
}

func codesOf(list []Deficit) []string {
	var out []string
	for _, d := range list {
		out = append(out, d.Code)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// The digest is that of the facts alone, whatever their order, time and vantage.
func TestDigest(t *testing.T) {
	a, b := good().Inside, good().Inside
	b.MeasuredAt, b.Vantage.Role = testNow.Add(time.Hour), "somebody"
	slices.Reverse(b.Roles.Value)
	slices.Reverse(b.Databases.Value)
	if a.Digest() != b.Digest() {
		t.Error("the same facts have two digests")
	}
	slices.Reverse(b.HBA.Value.Rules)
	if a.Digest() == b.Digest() {
		t.Error("the order of rules is lost")
	}
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var again Facts
	if err := json.Unmarshal(text, &again); err != nil || again.Digest() != a.Digest() {
		t.Errorf("facts do not survive JSON: %v", err)
	}
}

// TestReport keeps what people read.
func TestReport(t *testing.T) {
	runCases(t, "testdata/report.txt", func(t *testing.T, input string) string {
		m, floor := good(), everything()
		with := Demands{Now: testNow, Readers: []string{"reader"}}
		switch {
		case strings.Contains(input, "in order"):
		case strings.Contains(input, "open to everybody"):
			m.Outside[0].Knocks[0].Authentication, m.Outside[0].Knocks[0].Strength, m.Outside[0].Knocks[0].Evidence = Trust, StrengthTrust, "AuthenticationOk"
			m.Inside.Roles.Value = append(m.Inside.Roles.Value, Role{Name: "evil\x1b[31m", Login: true, Superuser: true})
			m.Inside.HBA = Unknown[HBA]("role look has no right to pg_hba_file_rules")
			m.Inside.Publications.Value = []Publication{{Name: "p", AllTables: true}}
		case strings.Contains(input, "not to be reached"):
			m = &Measurement{InsideProblem: "connection refused", Database: "copies", Outside: []*Outside{{Address: "db:5432", MeasuredAt: testNow, Problems: []string{"nothing answers there"}}}}
		default:
			t.Fatal("no such case")
		}
		var b strings.Builder
		r := NewReport("analytics", floor, m, with)
		if err := r.WriteText(&b); err != nil {
			t.Fatal(err)
		}
		if text, err := json.Marshal(r); err != nil || !json.Valid(text) || strings.Contains(string(text), "\x1b") {
			t.Errorf("JSON: %v", err)
		}
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		for i, line := range lines {
			if line == "" {
				lines[i] = "."
			}
			if d := m.Inside; d != nil {
				lines[i] = strings.ReplaceAll(lines[i], d.Digest(), "DIGEST")
			}
		}
		return strings.Join(lines, "\n") + "\n"
	})
}

// Many roles cost little: those that no rule tells apart are simulated once.
func TestManyRoles(t *testing.T) {
	m := good()
	for i := range 5000 {
		m.Inside.Roles.Value = append(m.Inside.Roles.Value, Role{Name: fmt.Sprintf("role_%d", i), Login: true})
	}
	for i := range 200 {
		m.Inside.HBA.Value.Rules = append(m.Inside.HBA.Value.Rules, Rule{
			Line: i + 3, Type: "hostssl", Databases: []string{"all"}, Users: []string{fmt.Sprintf("role_%d", i)},
			Address: fmt.Sprintf("11.0.%d.0", i), Netmask: "255.255.255.0", Method: "scram-sha-256",
		})
	}
	d := m.Doors()
	for i := range m.Inside.Roles.Value {
		d.Entry(m.Inside.Roles.Value[i].Name)
	}
	// One for each role that a rule names, one for all others, each with replication too.
	if most := 2 * (200 + 2); len(d.memo) < 200 || len(d.memo) > most {
		t.Errorf("the rules were gone through for %d kinds of roles, not %d", len(d.memo), most)
	}
}
