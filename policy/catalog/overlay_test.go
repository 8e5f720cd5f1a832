package catalog

import "testing"

// A temporary relation hides another of its name for as long as it is there,
// and no longer.
func TestTemporaryRelationsGo(t *testing.T) {
	const committed, failed = true, false
	for _, c := range []struct {
		sql  string
		ends bool
		want Found
		oid  OID // 0 for a new one
	}{
		{"CREATE TEMP TABLE users (x int)", committed, Known, 0},
		{"CREATE TEMP TABLE users (x int); DROP TABLE users", committed, Known, 20001},
		{"CREATE TEMP TABLE users (x int); DROP TABLE users; CREATE TEMP TABLE users (y int)", committed, Known, 0},
		{"CREATE TEMP TABLE users (x int); SAVEPOINT s; DROP TABLE users; ROLLBACK TO s", committed, Unknown, 0},
		{"CREATE TEMP TABLE users (x int)", failed, Unknown, 0}, // it may have committed before something failed
		{"CREATE TEMP TABLE users (x int); DROP TABLE users", failed, Unknown, 0},
		{"CREATE TEMP TABLE other (x int)", failed, Known, 20001},
		{"CREATE TABLE app.users (x int)", failed, Known, 20001},
	} {
		s := shop()
		s.Path = []string{"pg_temp_3", "pg_catalog", "app", "public"}
		for _, st := range statementsIn(t, c.sql) {
			s = s.Note(&st, false)
		}
		ended := s.Overlay
		s.Overlay = ended.End(c.ends).Renew()
		if !c.ends {
			s.Overlay = s.Overlay.DoubtTemporary(ended)
		}
		r, found := s.Find("", "users")
		if found != c.want || found == Known && (r.OID == 20001) != (c.oid == 20001) {
			t.Errorf("after %s, committed %v, users is %v %+v", c.sql, c.ends, found, r)
		}
	}
}

// A relation that was discarded may be there after a failure.
func TestDiscardInDoubt(t *testing.T) {
	s := shop()
	s.Path = []string{"pg_temp_3", "app"}
	s = s.Note(&statementsIn(t, "CREATE TEMP TABLE users (x int)")[0], false)
	s.Overlay = s.Overlay.End(true).Renew()
	after := s.Note(&statementsIn(t, "DISCARD TEMP")[0], false)
	after.Overlay = after.Overlay.End(false).Renew().DoubtTemporary(after.Overlay)
	if _, found := after.Find("", "users"); found != Unknown {
		t.Errorf("users is %v", found)
	}
}
