package destination

import (
	"fmt"
	"slices"
	"strings"
)

// everybody are the names whose way in counts: readers, or all that can log
// in, and a stranger.
func (j *judge) everybody() []string {
	names := slices.Clone(j.with.Readers)
	if len(names) == 0 && j.m.Inside != nil {
		names = j.m.Inside.LoginRoles()
	}
	return append(names, strangerName)
}

const fixHBA = "In pg_hba.conf write hostssl with scram-sha-256 or cert, and nothing weaker for any address; then reload, and measure again."

// authentication judges how people get in.
func (j *judge) authentication() {
	j.openDoors()
	j.entries()
	j.verifiers()
	j.localRules()
	j.identMaps()
	j.fileErrors()
}

// openDoors are knocks that were let in without a credential. No floor has to
// ask for their absence but the empty one.
func (j *judge) openDoors() {
	if j.floor.Authentication == "" {
		return
	}
	for _, o := range j.m.Outside {
		for i := range o.Knocks {
			k := &o.Knocks[i]
			if k.Authentication != Trust || k.Replication {
				continue
			}
			who := `"` + Clean(k.User) + `"`
			if k.Unknown {
				who = "a name that does not exist"
			}
			j.add(CodeNoCredential, Critical, fmt.Sprintf("The server let %s in without a credential, %s.", who, k.words()), fixHBA, k.Evidence)
			return
		}
	}
}

// entries judges the weakest way in for everybody who counts.
func (j *judge) entries() {
	least, asked := authenticationFloor[j.floor.Authentication]
	if !asked {
		return
	}
	var weak, unclear []Entry
	for _, name := range j.everybody() {
		e := j.doors.Entry(name)
		switch {
		case e.Strength < least:
			weak = append(weak, e)
		case !e.Known:
			unclear = append(unclear, e)
		}
	}
	for _, g := range grouped(weak, func(e Entry) string { return string(e.Authentication) }) {
		e := g[0]
		severity, code := High, CodeWeakAuthentication
		if e.Strength == StrengthTrust {
			severity, code = Critical, CodeNoCredential
		}
		j.add(code, severity, capital(fmt.Sprintf("%s can get in with %s, and the floor demands %s.", whoAre(g), methodWords[e.Authentication], j.floor.Authentication)),
			fixHBA, strings.Join(e.Evidence, "; "))
	}
	for _, g := range grouped(unclear, func(e Entry) string { return strings.Join(e.Unknown, "; ") }) {
		fix := fixReach
		if j.m.Inside == nil || !j.m.Inside.HBA.Known {
			fix = fixSetup
		}
		j.unknown(CodeWeakAuthentication, "The weakest way in for "+whoAre(g), strings.Join(g[0].Unknown, "; "), fix)
	}
}

var methodWords = map[Authentication]string{
	Trust: "no credential", Ident: "the client machine's word or anybody's certificate", Password: "a cleartext password",
	MD5: "an MD5 password", SCRAM: "SCRAM", OAuth: "OAuth", GSS: "GSSAPI", Peer: "the operating system's word",
	Certificate: "a certificate", UnknownMethod: "an unknown method",
}

// grouped puts entries with the same key together, in the order in which the
// keys first come.
func grouped(list []Entry, key func(Entry) string) [][]Entry {
	at := map[string]int{}
	var out [][]Entry
	for _, e := range list {
		k := key(e)
		i, found := at[k]
		if !found {
			i = len(out)
			at[k] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], e)
	}
	return out
}

// whoAre names the roles of entries.
func whoAre(list []Entry) string {
	var names []string
	for _, e := range list {
		if e.Role == strangerName {
			continue
		}
		names = append(names, e.Role)
	}
	switch {
	case len(names) == 0:
		return "a name that does not exist"
	case len(names) < len(list):
		return "a name that does not exist, and " + named(names)
	}
	return named(names)
}

// capital begins a sentence.
func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// verifiers judges what passwords are stored as.
func (j *judge) verifiers() {
	in := j.m.Inside
	if in == nil || j.floor.Authentication == "" {
		return
	}
	var guessable, weak []string
	for _, v := range in.Verifiers.Value {
		switch {
		case v.NameIsPassword:
			guessable = append(guessable, v.Role)
		case v.Kind == "md5" && authenticationFloor[j.floor.Authentication] > StrengthMD5:
			weak = append(weak, v.Role)
		}
	}
	if len(guessable) > 0 {
		j.add(CodePasswordIsName, Critical, fmt.Sprintf("The password of %s is the role's own name.", named(guessable)), "Give them other passwords, or none.", "sluice.role_secret_kind")
	}
	if len(weak) > 0 {
		j.add(CodeWeakVerifier, Medium, fmt.Sprintf("The password of %s is stored as MD5.", named(weak)),
			"Set password_encryption = 'scram-sha-256' and give them their passwords again.", "sluice.role_secret_kind")
	}
	if authenticationFloor[j.floor.Authentication] <= StrengthMD5 {
		return
	}
	if !in.Verifiers.Known {
		j.unknown(CodeWeakVerifier, "What kind of passwords are stored", in.Verifiers.Evidence, fixSetup)
	}
	switch value, known := in.setting("password_encryption"); {
	case !known:
		j.unknown(CodePasswordEncryption, "How new passwords are stored", in.Settings["password_encryption"].Evidence, fixSetup)
	case value != "scram-sha-256":
		j.add(CodePasswordEncryption, Medium, "New passwords are stored as "+Clean(value)+".", "Set password_encryption = 'scram-sha-256' and reload.", "password_encryption = "+Clean(value))
	}
}

// localRules judges the Unix socket.
func (j *judge) localRules() {
	if j.floor.Local == "" || j.m.Inside == nil {
		return
	}
	hba := &j.m.Inside.HBA
	why := hba.Evidence
	if hba.Known {
		why = hba.Value.notLoaded()
	}
	if why != "" {
		j.unknown(CodeLocalTrust, "Who gets in over the Unix socket", why, fixSetup)
		return
	}
	who := j.m.Inside.Members()
	for _, name := range j.everybody() {
		o := hba.Value.Match(Client{User: name, Database: j.m.Database}, who)
		if o.Authentication == Trust {
			j.add(CodeLocalTrust, High, fmt.Sprintf("Everybody on the server's machine is let in over the Unix socket without a credential: %s.", o.Rule.where()),
				"Write peer or scram-sha-256 instead of trust for local in pg_hba.conf, and reload.", "pg_hba_file_rules")
			return
		}
	}
}

// identMaps judges maps by which one certificate or operating system user can
// be every role.
func (j *judge) identMaps() {
	in := j.m.Inside
	if in == nil || j.floor.Authentication == "" {
		return
	}
	used := slices.ContainsFunc(in.HBA.Value.Rules, func(r Rule) bool {
		return slices.ContainsFunc(r.Options, func(o string) bool { return strings.HasPrefix(o, "map=") })
	})
	if !used {
		return
	}
	if !in.IdentMaps.Known {
		j.unknown(CodeIdentMap, "Which names the maps of pg_ident.conf allow", in.IdentMaps.Evidence, "On 15 and newer: "+fixSetup)
		return
	}
	for _, l := range in.IdentMaps.Value {
		wide := l.Role == "all" || strings.HasPrefix(l.Role, "+") || strings.HasPrefix(l.Role, "/")
		if l.Error != "" || wide {
			j.add(CodeIdentMap, High, fmt.Sprintf("The map %q of pg_ident.conf lets one name be many roles: %q is %q.", Clean(l.Map), Clean(l.System), Clean(l.Role)),
				"Name one role for each name, and reload.", "pg_ident_file_mappings "+Clean(l.Error))
			return
		}
	}
}

// fileErrors judges configuration that was written and not loaded: what the
// server does is then not what its files say.
func (j *judge) fileErrors() {
	in := j.m.Inside
	if in == nil || j.floor.Authentication == "" {
		return
	}
	if why := in.HBA.Value.notLoaded(); in.HBA.Known && why != "" {
		j.unknown(CodeFileErrors, "Which rules of pg_hba.conf are loaded", why, "Repair pg_hba.conf and reload the server.")
	}
	for _, e := range in.FileErrors.Value {
		j.add(CodeFileErrors, Medium, fmt.Sprintf("A line of the server's configuration was not applied: %s: %s.", Clean(e.Name), Clean(e.Error)),
			"Repair the file and reload the server.", "pg_file_settings")
		return
	}
}

// replication judges who may stream the whole server.
func (j *judge) replication() {
	if j.floor.Replication == "" {
		return
	}
	const fix = "Remove the lines for replication from pg_hba.conf, or demand scram-sha-256 or cert of the standbys' addresses; then reload."
	asked := false
	for _, o := range j.m.Outside {
		for i := range o.Knocks {
			k := &o.Knocks[i]
			if !k.Replication || k.Authentication == UnknownMethod {
				continue
			}
			asked = true
			if k.Authentication == Trust {
				j.add(CodeReplication, Critical, fmt.Sprintf("The server lets everybody ask for replication without a credential, %s.", k.words()), fix, k.Evidence)
				return
			}
		}
	}
	if !asked {
		j.unknown(CodeReplication, "Who may ask for replication", "no knock for it was answered", fixReach)
	}
	j.replicationRules(fix)
}

// replicationRules looks at the addresses that were not knocked from.
func (j *judge) replicationRules(fix string) {
	in := j.m.Inside
	if in == nil {
		return
	}
	if !in.HBA.Known {
		j.unknown(CodeReplication, "Whether replication is closed to other addresses", in.HBA.Evidence, fixSetup)
		return
	}
	for _, name := range j.everybody() {
		for _, s := range j.doors.simulate(name, true) {
			if a := s.outcome.Authentication; a != UnknownMethod && s.outcome.Strength < StrengthMD5 {
				j.add(CodeReplication, Critical, "Replication needs no credential worth the name: "+s.outcome.words(s.from, s.encrypted)+".", fix, "pg_hba_file_rules")
				return
			}
		}
	}
}
