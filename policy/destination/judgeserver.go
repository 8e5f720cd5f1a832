package destination

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// rights judges what PUBLIC may do.
func (j *judge) rights() {
	in := j.m.Inside
	if j.floor.Public == "" {
		return
	}
	const fix = "Have the rights revoked from PUBLIC and given to the roles that need them."
	if !in.Databases.Known {
		j.unknown(CodePublicRights, "What PUBLIC may do with databases", in.Databases.Evidence, fixSetup)
	}
	for _, d := range in.Databases.Value {
		if d.Name == j.m.Database && d.Connect && len(d.Public) > 0 {
			j.add(CodePublicRights, Medium, fmt.Sprintf("PUBLIC has %s on the database %q.", strings.Join(d.Public, " and "), Clean(d.Name)), fix, "pg_database")
		}
	}
	if !in.Schemas.Known {
		j.unknown(CodePublicRights, "What PUBLIC may do with schemas", in.Schemas.Evidence, fixSetup)
	}
	for _, s := range in.Schemas.Value {
		if s.Name == leaseSchema && !slices.Contains(s.Public, "CREATE") {
			continue // holds ids and times of copies only, and policies read it as anybody
		}
		severity := Medium
		if slices.Contains(s.Public, "CREATE") {
			severity = High
		}
		j.add(CodePublicRights, severity, fmt.Sprintf("PUBLIC has %s on the schema %q.", strings.Join(s.Public, " and "), Clean(s.Name)), fix, "pg_namespace")
	}
	j.defaultRights()
}

// defaultRights judges what new tables come with.
func (j *judge) defaultRights() {
	in := j.m.Inside
	if !in.DefaultACLs.Known {
		j.unknown(CodeDefaultRights, "What new objects come with", in.DefaultACLs.Evidence, fixSetup)
	}
	for _, d := range in.DefaultACLs.Value {
		if d.Grantee == "" && strings.Contains("rSn", d.Type) {
			j.add(CodeDefaultRights, High, fmt.Sprintf("What %q makes comes with %s for PUBLIC.", Clean(d.Role), Clean(d.Privilege)),
				"ALTER DEFAULT PRIVILEGES FOR ROLE ... REVOKE ... FROM PUBLIC.", "pg_default_acl")
		}
	}
}

// leaseSchema is where Sluice keeps until when copies may be read.
const leaseSchema = "sluice"

// roles judges who may do more than rights on tables tell.
func (j *judge) roles() {
	in := j.m.Inside
	if j.floor.Unmapped != "" {
		if !in.Roles.Known {
			j.unknown(CodeUnmapped, "Which roles there are", in.Roles.Evidence, fixSetup)
		}
		if len(j.with.Unmapped) > 0 {
			j.add(CodeUnmapped, High, fmt.Sprintf("The policy does not know who %s is.", named(j.with.Unmapped)),
				"Say in the policy whom these roles stand for, or drop them.", "pg_roles")
		}
	}
	if j.floor.Privileged != "" {
		j.privileged()
		j.fileFunctions()
	}
}

// beneath are predefined roles whose members read everything or get beneath
// SQL.
var beneath = []string{
	"pg_read_all_data", "pg_write_all_data", "pg_read_server_files", "pg_write_server_files",
	"pg_execute_server_program", "pg_create_subscription",
}

// privileged judges roles for which rights on tables do not count.
func (j *judge) privileged() {
	in := j.m.Inside
	const fix = "Take the attribute or membership away, or name the role in the policy as an operator."
	if !in.Roles.Known || !in.Memberships.Known {
		j.unknown(CodePrivileged, "Who is beyond rights on tables", in.Roles.Evidence+", "+in.Memberships.Evidence, fixSetup)
	}
	trusted := func(name string) bool { return slices.Contains(j.floor.Operators, name) }
	for _, r := range in.Roles.Value {
		if words := r.powers(in.Version); len(words) > 0 && !trusted(r.Name) && !strings.HasPrefix(r.Name, "pg_") {
			j.add(CodePrivileged, High, fmt.Sprintf("%q is %s, so rights on tables do not bind it.", Clean(r.Name), strings.Join(words, ", ")), fix, "pg_roles")
		}
	}
	who := in.Members()
	for _, group := range beneath {
		var members []string
		for _, r := range in.Roles.Value {
			if r.Name != group && !strings.HasPrefix(r.Name, "pg_") && !r.Superuser && !trusted(r.Name) && who.is(r.Name, group) == yes {
				members = append(members, r.Name)
			}
		}
		if len(members) > 0 {
			j.add(CodePrivileged, High, fmt.Sprintf("%s can act as %s, which is beyond rights on tables.", named(members), group), fix, "pg_auth_members")
		}
	}
}

// powers are what makes a role as good as all others. Up to 15 CREATEROLE is
// one: who has it can become a member of any role but superusers.
func (r *Role) powers(version Fact[int]) []string {
	var out []string
	for _, p := range []struct {
		is   bool
		word string
	}{
		{r.Superuser, "a superuser"},
		{r.CreateRole && (!version.Known || version.Value < 160000), "able to make itself a member of any role (CREATEROLE before 16)"},
		{r.Replication, "able to stream everything (REPLICATION)"},
		{r.BypassRLS, "beyond row security (BYPASSRLS)"},
	} {
		if p.is {
			out = append(out, p.word)
		}
	}
	return out
}

// fileFunctions judges who may read and write the server's files.
func (j *judge) fileFunctions() {
	in := j.m.Inside
	const fix = "Revoke EXECUTE on the function."
	if !in.OpenFiles.Known {
		j.unknown(CodeFileFunctions, "Who may read files of the server", in.OpenFiles.Evidence, fixSetup)
	}
	for _, r := range in.OpenFiles.Value {
		if slices.Contains(j.floor.Operators, r.Grantee) || strings.HasPrefix(r.Grantee, "pg_") {
			continue
		}
		who := "PUBLIC"
		if r.Grantee != "" {
			who = `"` + Clean(r.Grantee) + `"`
		}
		j.add(CodeFileFunctions, High, fmt.Sprintf("%s may execute %s, which reaches files of the server.", who, Clean(r.Function)), fix, "pg_proc")
	}
}

// server judges the server's version and row security.
func (j *judge) server() {
	in := j.m.Inside
	if want := j.floor.MinimumVersion; want != 0 {
		const fix = "Upgrade the server, or lower minimum_version in the policy."
		switch {
		case !in.Version.Known:
			j.unknown(CodeOldVersion, "The server's version", in.Version.Evidence, fix)
		case in.Version.Value < want:
			j.add(CodeOldVersion, Medium, fmt.Sprintf("The server is PostgreSQL %s, and the policy wants %s at least.", versionText(in.Version.Value), versionText(want)),
				fix, "server_version_num = "+strconv.Itoa(in.Version.Value))
		}
	}
	if j.floor.SoftRowFilters == "" {
		return
	}
	if !in.SoftPolicies.Known {
		j.unknown(CodeSoftFilter, "What row security depends on", in.SoftPolicies.Evidence, fixSetup)
	}
	for _, p := range in.SoftPolicies.Value {
		j.add(CodeSoftFilter, Medium, fmt.Sprintf("The policy %q on %s asks a setting, which every session can change.", Clean(p.Name), Clean(p.Relation)),
			"Let the policy ask current_user instead.", "pg_policy")
	}
}

// code judges what could run beside what is asked for.
func (j *judge) code() {
	if j.floor.Code == "" {
		return
	}
	in := j.m.Inside
	const fix = "Drop it from the database, or name it in the policy."
	for _, list := range []struct {
		known bool
		why   string
		what  string
	}{
		{in.Extensions.Known, in.Extensions.Evidence, "Which extensions there are"},
		{in.Languages.Known, in.Languages.Evidence, "Which languages there are"},
		{in.EventTriggers.Known, in.EventTriggers.Evidence, "Which event triggers there are"},
	} {
		if !list.known {
			j.unknown(CodeCode, list.what, list.why, fixSetup)
		}
	}
	for _, e := range in.Extensions.Value {
		if e.Name != "plpgsql" && !slices.Contains(j.floor.Extensions, e.Name) {
			j.add(CodeCode, Medium, fmt.Sprintf("The extension %q is there, which the policy does not name.", Clean(e.Name)), fix, "pg_extension")
		}
	}
	for _, l := range in.Languages.Value {
		j.add(CodeCode, High, fmt.Sprintf("The untrusted language %q is there: its functions reach the server's files and network.", Clean(l.Name)), fix, "pg_language")
	}
	for _, t := range in.EventTriggers.Value {
		if t.Enabled {
			j.add(CodeCode, High, fmt.Sprintf("The event trigger %q runs %s whenever objects are made or changed.", Clean(t.Name), Clean(t.Function)), fix, "pg_event_trigger")
		}
	}
}
