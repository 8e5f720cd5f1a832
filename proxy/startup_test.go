package proxy

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func packet(pairs ...string) []byte { return []byte(strings.Join(pairs, "\x00") + "\x00\x00") }

func TestParseStartup(t *testing.T) {
	for name, c := range map[string]struct {
		version  uint32
		body     []byte
		sqlstate string // empty: accepted
		params   []param
		database string
	}{
		"plain":                     {protocol30, packet("user", "alice", "database", "shop"), "", nil, "shop"},
		"database from user":        {protocol30, packet("user", "alice"), "", nil, "alice"},
		"empty database":            {protocol30, packet("user", "alice", "database", ""), "", nil, "alice"},
		"no user":                   {protocol30, packet("database", "shop"), "28000", nil, ""},
		"empty user":                {protocol30, packet("user", ""), "28000", nil, ""},
		"protocol 2":                {2 << 16, packet("user", "alice"), "0A000", nil, ""},
		"protocol 4":                {4 << 16, packet("user", "alice"), "0A000", nil, ""},
		"settings pass":             {protocol30, packet("user", "a", "extra_float_digits", "2", "DateStyle", "ISO"), "", []param{{"extra_float_digits", "2"}, {"DateStyle", "ISO"}}, "a"},
		"same key twice":            {protocol30, packet("user", "a", "user", "postgres"), "08P01", nil, ""},
		"same key, case":            {protocol30, packet("user", "a", "Search_Path", "x", "search_path", "y"), "08P01", nil, ""},
		"missing end":               {protocol30, []byte("user\x00a\x00"), "08P01", nil, ""},
		"missing value":             {protocol30, []byte("user\x00"), "08P01", nil, ""},
		"bytes behind":              {protocol30, append(packet("user", "a"), 'x'), "08P01", nil, ""},
		"utf-8 quoted":              {protocol30, packet("user", "a", "client_encoding", "'utf-8'"), "", nil, "a"},
		"other encoding":            {protocol30, packet("user", "a", "client_encoding", "SJIS"), "42501", nil, ""},
		"strings off":               {protocol30, packet("user", "a", "standard_conforming_strings", "off"), "42501", nil, ""},
		"strings on":                {protocol30, packet("user", "a", "standard_conforming_strings", "on"), "", nil, "a"},
		"role":                      {protocol30, packet("user", "a", "role", "postgres"), "42501", nil, ""},
		"replication":               {protocol30, packet("user", "a", "replication", "true"), "42501", nil, ""},
		"replication of a database": {protocol30, packet("user", "a", "replication", "database"), "", nil, "a"},
		"replication, other case":   {protocol30, packet("user", "a", "replication", "Database"), "42501", nil, ""},
		"replication abbreviated":   {protocol30, packet("user", "a", "replication", "t"), "42501", nil, ""},
		"replication off":           {protocol30, packet("user", "a", "replication", "false"), "", nil, "a"},
		"options":                   {protocol30, packet("user", "a", "options", "-c search_path=x --statement-timeout=5 -cwork_mem=1MB"), "", []param{{"search_path", "x"}, {"statement_timeout", "5"}, {"work_mem", "1MB"}}, "a"},
		"options escaped":           {protocol30, packet("user", "a", "options", `-c search_path=a\ b\\c`), "", []param{{"search_path", `a b\c`}}, "a"},
		"options encoding":          {protocol30, packet("user", "a", "options", "-c client_encoding=GBK"), "42501", nil, ""},
		"options encoding, dashes":  {protocol30, packet("user", "a", "options", "--client-encoding=GBK"), "42501", nil, ""},
		"options strings":           {protocol30, packet("user", "a", "options", `-c\ standard_conforming_strings=off`), "42602", nil, ""},
		"options split":             {protocol30, packet("user", "a", "options", "-c standard_conforming_strings=off"), "42501", nil, ""},
		"options role":              {protocol30, packet("user", "a", "options", "-cRole=postgres"), "42501", nil, ""},
		"options in options":        {protocol30, packet("user", "a", "options", `-c options=-c\ session_replication_role=replica`), "42704", nil, ""},
		"replication in options":    {protocol30, packet("user", "a", "options", "-c replication=database"), "42704", nil, ""},
		"user in options":           {protocol30, packet("user", "a", "options", "--user=postgres"), "42704", nil, ""},
		"protocol option":           {protocol30, packet("user", "a", "options", "-c_pq_.x=1"), "42704", nil, ""},
		"other case":                {protocol30, packet("user", "a", "OPTIONS", "-c role=postgres"), "42704", nil, ""},
		"other switch":              {protocol30, packet("user", "a", "options", "-d 5"), "42501", nil, ""},
		"no value":                  {protocol30, packet("user", "a", "options", "-c search_path"), "42601", nil, ""},
		"dangling -c":               {protocol30, packet("user", "a", "options", "-c"), "42501", nil, ""},
	} {
		s, err := parseStartup(c.version, c.body)
		if c.sqlstate != "" {
			var e *startupError
			if !errors.As(err, &e) || e.sqlstate != c.sqlstate {
				t.Errorf("%s: got %v, want SQLSTATE %s", name, err, c.sqlstate)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s.database != c.database || !slices.Equal(s.params, c.params) {
			t.Errorf("%s: database %q, params %v", name, s.database, s.params)
		}
	}
}

func TestStartupVersions(t *testing.T) {
	for _, c := range []struct {
		version   uint32
		option    string
		minor     int
		negotiate bool
	}{
		{protocol30, "x", 0, false},
		{3<<16 | 1, "x", 1, false},
		{protocol32, "x", 2, false},
		{3<<16 | 9999, "x", 2, true},
		{protocol30, "_pq_.x", 0, true},
	} {
		s, err := parseStartup(c.version, packet("user", "a", c.option, "1"))
		if err != nil {
			t.Fatal(err)
		}
		if s.minor != c.minor || s.needsNegotiation() != c.negotiate {
			t.Errorf("%x: minor %d, negotiate %v", c.version, s.minor, s.needsNegotiation())
		}
	}
}

// FuzzStartup: whatever arrives, nothing pinned or refused is forwarded, no
// value has a NUL in it, and no name stands twice.
func FuzzStartup(f *testing.F) {
	f.Add(uint32(protocol30), packet("user", "alice", "database", "shop", "options", "-c a=b"))
	f.Add(uint32(protocol32), packet("user", "alice", "client_encoding", "SJIS"))
	f.Add(uint32(3<<16|9999), packet("user", "a", "_pq_.x", "1"))
	f.Add(uint32(protocol30), packet("user", "a", "options", `-c\ r\ole=x --s-c-s=off \`))
	f.Fuzz(func(t *testing.T, version uint32, body []byte) {
		s, err := parseStartup(version, body)
		if err != nil {
			return
		}
		if s.user == "" || s.database == "" {
			t.Fatal("accepted without a user or a database")
		}
		seen := map[string]bool{}
		for _, p := range s.params {
			name := strings.ToLower(p.name)
			if verdict, _ := judgeSetting(name, p.value); verdict != settingForwarded {
				t.Fatalf("%q forwarded", p.name)
			}
			if strings.ContainsRune(p.name+p.value, 0) || seen[name] || name == "user" || name == "replication" {
				t.Fatalf("parameter %q", p.name)
			}
			seen[name] = true
		}
	})
}
