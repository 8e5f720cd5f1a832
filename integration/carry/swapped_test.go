package carry

import (
	"fmt"
	"strings"
	"testing"
)

// anotherServer has another server answer by the name of the place, from some moment
// of a copy on: one with the same certificate authority and name, the same roles with
// the same passwords, and tables of the same names.
func (s *broken) anotherServer(t *testing.T, version int) {
	other := &liar{&stage{world: s.world, there: newPlace(t, version)}}
	other.certify(t, func() (string, string, error) { return s.there.Issue("other", "localhost", "localhost", "127.0.0.1") })
	for _, at := range []int{0, 1, 7, 8} {
		m := &moments[at]
		t.Run("another server answers when "+m.name, func(t *testing.T) { s.swapServers(t, other.stage, m, false) })
	}
	// What dials next once the lock is released is the first stream.
	m := &moment{reach: func(t *testing.T, s *broken, c *client, do func()) {
		s.behindLock(t, s.there, "copies", "pg_catalog.pg_namespace IN SHARE MODE", c, func() {})
		s.atKnock(t, c, do)
	}}
	t.Run("another server answers when the tables are made", func(t *testing.T) { s.swapServers(t, other.stage, m, true) })
}

func (s *broken) swapServers(t *testing.T, other *stage, m *moment, tables bool) {
	before := s.published(t)
	c := &client{stage: s.stage, text: theSet}
	m.reach(t, s, c, func() {
		s.cloneRoles(t, other)
		if tables { // nobody can read them while they are published
			s.cloneTables(t, other)
		}
		s.place.Redirect(fmt.Sprint("127.0.0.1:", other.there.Port()))
	})
	c.end(t)
	s.place.Redirect(fmt.Sprint("127.0.0.1:", s.there.Port()))
	if said := c.said(); c.exit() != 1 || !strings.Contains(said, "another server") {
		t.Errorf("it was not refused for what it is\n%s", said)
	}
	if after := s.published(t); after != before {
		t.Errorf("copy %s was published", after)
	}
	if rows := other.at(t, `SELECT coalesce(sum((xpath('/row/n/text()', query_to_xml('SELECT count(*) AS n FROM ' || c.oid::regclass, false, true, '')))[1]::text::int), 0)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE relkind = 'r' AND (nspname LIKE 'sluice\_stage\_%' OR nspname = 'crm')`); rows != "0" {
		t.Errorf("%s rows came to the other server", rows)
	}
	s.again(t)
}

// cloneRoles gives the other server the logins of the first, with their passwords.
func (s *broken) cloneRoles(t *testing.T, other *stage) {
	t.Helper()
	logins := s.at(t, `SELECT format('DROP ROLE IF EXISTS %I; CREATE ROLE %1$I LOGIN PASSWORD %L', r.rolname, r.rolpassword)
|| coalesce((SELECT string_agg(format('; GRANT %I TO %I', g.rolname, r.rolname), '') FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid), '')
FROM pg_authid r WHERE rolname LIKE 'sluice\_alice%' AND rolcanlogin`)
	for line := range strings.Lines(logins) {
		if err := other.there.Exec(t.Context(), "copies", line); err != nil {
			t.Fatal(err)
		}
	}
}

// cloneTables gives it the tables of the staging schemas of the first, without rows.
func (s *broken) cloneTables(t *testing.T, other *stage) {
	t.Helper()
	tables := s.at(t, `SELECT format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION sluice_owner; SET ROLE sluice_owner; CREATE TABLE %1$I.%I (%s)', n.nspname, c.relname,
(SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname LIKE 'sluice\_stage\_%'`)
	for line := range strings.Lines(tables) {
		if err := other.there.Exec(t.Context(), "copies", line); err != nil {
			t.Fatal(err)
		}
	}
}
