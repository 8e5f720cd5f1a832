package probe

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sluice-pg/sluice/policy/destination"
)

// askRoles reads roles and who is a member of what.
func (i *inquiry) askRoles() (err error) {
	f := i.facts
	f.Roles, err = list(i, "pg_roles", sqlRoles, 9, maxRoleRows, func(r *row) destination.Role {
		return destination.Role{
			Name: r.text(0), Login: r.flag(1), Superuser: r.flag(2), CreateRole: r.flag(3), CreateDB: r.flag(4),
			Replication: r.flag(5), BypassRLS: r.flag(6), NoInherit: r.flag(7), ValidUntil: r.text(8),
		}
	})
	if err != nil {
		return err
	}
	sql := sqlMemberships
	if i.version >= 160000 {
		sql = sqlMemberships16
	}
	f.Memberships, err = list(i, "pg_auth_members", sql, 5, maxRoleRows, func(r *row) destination.Membership {
		return destination.Membership{Group: r.text(0), Member: r.text(1), Admin: r.flag(2), Inherit: r.flag(3), Set: r.flag(4)}
	})
	return err
}

// askVerifiers reads the kinds of passwords, if the view is there.
func (i *inquiry) askVerifiers() (err error) {
	if why := i.missing("sluice.role_secret_kind"); why != "" {
		i.facts.Verifiers = destination.Unknown[[]destination.Verifier](why)
		return nil
	}
	i.facts.Verifiers, err = list(i, "sluice.role_secret_kind", sqlVerifiers, 4, maxRoleRows, func(r *row) destination.Verifier {
		return destination.Verifier{Role: r.text(0), Kind: r.text(1), Iterations: r.number(2), NameIsPassword: r.flag(3)}
	})
	return err
}

// askHBA reads the rules in the order of the file.
func (i *inquiry) askHBA() error {
	if why := i.missing("pg_hba_file_rules", "pg_hba_file_rules()"); why != "" {
		i.facts.HBA = destination.Unknown[destination.HBA](why)
		return nil
	}
	sql := sqlHBA
	if i.version >= 160000 {
		sql = sqlHBA16
	}
	rules, err := list(i, "pg_hba_file_rules", sql, 10, maxRows, readRule)
	hba := destination.HBA{Rules: rules.Value, Version: i.version}
	hba.NameSpacePerDatabase = i.facts.Settings["db_user_namespace"].Value.Value == "on"
	i.facts.HBA = destination.Fact[destination.HBA]{Known: rules.Known, Value: hba, Evidence: rules.Evidence}
	return err
}

func readRule(r *row) destination.Rule {
	return destination.Rule{
		File: r.text(0), Line: r.number(1), Type: r.text(2), Databases: r.texts(3), Users: r.texts(4),
		Address: r.text(5), Netmask: r.text(6), Method: r.text(7), Options: r.options(8), Error: r.text(9),
	}
}

// texts reads a JSON array of texts.
func (r *row) texts(column int) []string {
	raw := r.values[column]
	if raw == nil {
		return nil
	}
	if len(raw) > 16*maxText {
		r.long = true
		return nil
	}
	var out []string
	if err := json.Unmarshal(raw, &out); err != nil {
		r.err = fmt.Errorf("column %d is no list of texts", column+1)
	}
	return out
}

// secretOptions are options of pg_hba.conf that hold a secret; PostgreSQL shows
// them in the view.
var secretOptions = []string{"ldapbindpasswd", "radiussecrets"}

// options reads the options of a rule without the secrets in them.
func (r *row) options(column int) []string {
	list := r.texts(column)
	for i, option := range list {
		for _, secret := range secretOptions {
			if strings.HasPrefix(option, secret+"=") {
				list[i] = secret + "=" + destination.IsSet
			}
		}
	}
	return list
}

// askIdent reads the maps of operating system names.
func (i *inquiry) askIdent() (err error) {
	if why := i.missing("pg_ident_file_mappings", "pg_ident_file_mappings()"); why != "" {
		i.facts.IdentMaps = destination.Unknown[[]destination.IdentLine](why)
		return nil
	}
	i.facts.IdentMaps, err = list(i, "pg_ident_file_mappings", sqlIdent, 4, maxRows, func(r *row) destination.IdentLine {
		return destination.IdentLine{Map: r.text(0), System: r.text(1), Role: r.text(2), Error: r.text(3)}
	})
	return err
}

// askFiles reads what is wrong in configuration files.
func (i *inquiry) askFiles() (err error) {
	if why := i.missing("pg_file_settings", "pg_show_all_file_settings()"); why != "" {
		i.facts.FileErrors = destination.Unknown[[]destination.FileError](why)
		return nil
	}
	i.facts.FileErrors, err = list(i, "pg_file_settings", sqlFileErrors, 2, maxRows, func(r *row) destination.FileError {
		return destination.FileError{Name: r.text(0), Error: r.text(1)}
	})
	return err
}

// askPublic reads what everybody may do.
func (i *inquiry) askPublic() (err error) {
	f := i.facts
	f.Databases, err = list(i, "pg_database", sqlDatabases, 6, maxRows, func(r *row) destination.Database {
		return destination.Database{
			Name: r.text(0), Owner: r.text(1), Connect: r.flag(2), Template: r.flag(3), ConnLimit: r.number(4), Public: r.texts(5),
		}
	})
	if err != nil {
		return err
	}
	all, err := list(i, "pg_namespace", sqlSchemas, 3, maxRows, func(r *row) destination.Schema {
		return destination.Schema{Name: r.text(0), Owner: r.text(1), Public: r.texts(2)}
	})
	f.Schemas = all
	f.Schemas.Value = nil
	for _, s := range all.Value {
		if len(s.Public) > 0 && !strings.HasPrefix(s.Name, "pg_") && s.Name != "information_schema" {
			f.Schemas.Value = append(f.Schemas.Value, s)
		}
	}
	if err != nil {
		return err
	}
	f.OpenFiles, err = list(i, "pg_proc", sqlFileFunctions, 2, maxRows, func(r *row) destination.FunctionRight {
		return destination.FunctionRight{Function: r.text(0), Grantee: r.text(1)}
	})
	return err
}

// askDefaults reads what new objects and sessions come with.
func (i *inquiry) askDefaults() (err error) {
	f := i.facts
	f.DefaultACLs, err = list(i, "pg_default_acl", sqlDefaultACLs, 5, maxRows, func(r *row) destination.DefaultACL {
		return destination.DefaultACL{Role: r.text(0), Schema: r.text(1), Type: r.text(2), Grantee: r.text(3), Privilege: r.text(4)}
	})
	if err != nil {
		return err
	}
	f.RoleSettings, err = list(i, "pg_db_role_setting", sqlRoleSettings, 3, maxRows, func(r *row) destination.RoleSetting {
		name, value, _ := strings.Cut(r.text(2), "=")
		s := destination.RoleSetting{Role: r.text(0), Database: r.text(1), Name: name}
		if destination.SettingIsHarmless(name) {
			s.Value = value
		}
		return s
	})
	if err != nil {
		return err
	}
	f.SoftPolicies, err = list(i, "pg_policy", sqlSoftPolicies, 2, maxRows, func(r *row) destination.Policy {
		return destination.Policy{Relation: r.text(0), Name: r.text(1)}
	})
	return err
}

// askCode reads what could run beside what is asked for.
func (i *inquiry) askCode() (err error) {
	f := i.facts
	f.Extensions, err = list(i, "pg_extension", sqlExtensions, 3, maxRows, func(r *row) destination.Extension {
		return destination.Extension{Name: r.text(0), Version: r.text(1), Schema: r.text(2)}
	})
	if err != nil {
		return err
	}
	f.Languages, err = list(i, "pg_language", sqlLanguages, 2, maxRows, func(r *row) destination.Language {
		return destination.Language{Name: r.text(0), Owner: r.text(1)}
	})
	if err != nil {
		return err
	}
	f.EventTriggers, err = list(i, "pg_event_trigger", sqlEventTriggers, 5, maxRows, func(r *row) destination.EventTrigger {
		return destination.EventTrigger{Name: r.text(0), Event: r.text(1), Owner: r.text(2), Function: r.text(3), Enabled: r.flag(4)}
	})
	return err
}

// askOnward reads by which ways data goes on from here.
func (i *inquiry) askOnward() (err error) {
	f := i.facts
	f.ForeignServers, err = list(i, "pg_foreign_server", sqlForeignServers, 4, maxRows, func(r *row) destination.ForeignServer {
		return destination.ForeignServer{Name: r.text(0), Wrapper: r.text(1), Owner: r.text(2), Host: r.text(3)}
	})
	if err != nil {
		return err
	}
	f.Publications, err = list(i, "pg_publication", sqlPublications, 3, maxRows, func(r *row) destination.Publication {
		return destination.Publication{Name: r.text(0), Owner: r.text(1), AllTables: r.flag(2)}
	})
	if err != nil {
		return err
	}
	f.Subscriptions, err = list(i, "pg_subscription", sqlSubscriptions, 3, maxRows, func(r *row) destination.Subscription {
		return destination.Subscription{Name: r.text(0), Owner: r.text(1), Enabled: r.flag(2)}
	})
	if err != nil {
		return err
	}
	f.Slots, err = list(i, "pg_replication_slots", sqlSlots, 4, maxRows, func(r *row) destination.Slot {
		return destination.Slot{Name: r.text(0), Type: r.text(1), Plugin: r.text(2), Database: r.text(3)}
	})
	if err != nil {
		return err
	}
	f.Walsenders, err = list(i, "pg_stat_replication", sqlWalsenders, 3, maxRows, func(r *row) destination.Walsender {
		return destination.Walsender{Role: r.text(0), Application: r.text(1), Address: r.text(2)}
	})
	return err
}
