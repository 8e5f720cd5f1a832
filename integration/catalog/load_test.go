package catalog

import (
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/catalog"
)

// named finds a relation.
func named(t *testing.T, s *catalog.Snapshot, schema, name string) *catalog.Relation {
	t.Helper()
	for r := range s.Relations() {
		if r.Schema == schema && r.Name == name {
			return r
		}
	}
	t.Fatalf("%s.%s is not in the snapshot", schema, name)
	return nil
}

func TestAnybodyMayLoad(t *testing.T) {
	t.Parallel()
	for _, version := range harness.VersionsOr(t, 15) {
		server := newServer(t, version)
		c := look(t, server)
		s := load(t, c)
		if s.Incomplete || s.Server/10000 != version {
			t.Errorf("PostgreSQL %d: the snapshot is of %d, incomplete: %v", version, s.Server, s.Incomplete)
		}
		if again := load(t, c); again.Version != s.Version || again.Fingerprint != s.Fingerprint {
			t.Errorf("PostgreSQL %d: the same catalog has two versions", version)
		}
		users := named(t, s, "app", "users")
		if mail := users.Column(2); mail == nil || mail.Comment != "class:contact.email" || mail.TypeName != "app.work_mail" {
			t.Errorf("PostgreSQL %d: app.users.email is %+v", version, mail)
		}
		if view := named(t, s, "app", "mails"); view.Query == "" || len(view.Uses) != 1 || view.Uses[0] != (catalog.ColumnID{Relation: users.OID, Num: 2}) {
			t.Errorf("PostgreSQL %d: app.mails is %q and uses %v", version, view.Query, view.Uses)
		}
	}
}
