package destination

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
)

// HBA is the client authentication of one server as pg_hba_file_rules shows it:
// the rules of the file, with those of included files in their places, which is
// not necessarily what the server has loaded.
type HBA struct {
	// Rules are in the order in which the server tries them.
	Rules []Rule `json:"rules"`
	// Version is server_version_num, by which the meaning of names changes.
	Version int `json:"version"`
	// NameSpacePerDatabase is db_user_namespace (16 and older): names are then
	// not what clients send, and nothing can be said.
	NameSpacePerDatabase bool `json:"name_space_per_database,omitempty"`
}

// Rule is one line of pg_hba.conf.
type Rule struct {
	File      string   `json:"file,omitempty"`
	Line      int      `json:"line"`
	Type      string   `json:"type,omitempty"`
	Databases []string `json:"databases,omitempty"`
	Users     []string `json:"users,omitempty"`
	Address   string   `json:"address,omitempty"`
	Netmask   string   `json:"netmask,omitempty"`
	Method    string   `json:"method,omitempty"`
	Options   []string `json:"options,omitempty"`
	Error     string   `json:"error,omitempty"`
}

// where names the rule for people.
func (r *Rule) where() string {
	if r.File == "" {
		return fmt.Sprintf("line %d of pg_hba.conf", r.Line)
	}
	return fmt.Sprintf("line %d of %s", r.Line, Clean(path.Base(r.File)))
}

// Client is who knocks.
type Client struct {
	// From is where: one address as a prefix of full length, or a network, all
	// of whose addresses then count. The zero value is the Unix socket.
	From netip.Prefix
	// TLS and GSS say whether the connection is encrypted so.
	TLS, GSS bool
	User     string
	// Database is ignored if Replication is true, which is physical
	// replication; logical replication asks for a database like anybody.
	Database    string
	Replication bool
}

// Outcome is what would happen to a client.
type Outcome struct {
	// Known is false if it cannot be decided; Why says why. Then Authentication
	// is still the weakest that the client could meet, unless it is
	// UnknownMethod: then nothing is known at all.
	Known bool
	Why   string
	// Authentication is what the client meets, and Strength its worth.
	Authentication Authentication
	Strength       Strength
	// Certificate is true if a certificate is demanded besides.
	Certificate bool
	// Rule is the rule that decides, nil for the implicit refusal at the end.
	Rule *Rule
}

// Match finds the first rule for a client, as hba.c of PostgreSQL does.
//
// What the view does not tell is not guessed. Host names, samehost and samenet
// are known to the server alone: where a rule may or may not match, both go on,
// and the weakest of what can come of it is the outcome. A quoted keyword looks
// like one that is not quoted: it is taken for the keyword, unless something
// has its name, or unless a rule behind it would ask for no credential worth the
// name. Files that are in order have no such rules behind others.
func (h *HBA) Match(c Client, who *Members) Outcome {
	if why := h.notLoaded(); why != "" {
		return Outcome{Why: why, Authentication: UnknownMethod}
	}
	var met []Outcome
	decided := false
	for i := range h.Rules {
		r := &h.Rules[i]
		m := h.match(r, c, who)
		if m.answer == no {
			continue
		}
		o := r.outcome(c, who)
		switch {
		case decided && o.Strength < StrengthMD5:
			o.Why = r.where() + ": the rules before it may be for names in quotes, not for everybody"
			met = append(met, o)
		case decided:
		case m.answer == maybe:
			o.Why = r.where() + ": " + m.why
			met = append(met, o)
		default:
			met = append(met, o)
			decided = true
		}
		if m.answer == yes {
			break
		}
	}
	if !decided {
		met = append(met, Outcome{Known: true, Authentication: Rejected, Strength: StrengthRejected})
	}
	return weakest(met)
}

// notLoaded says why the rules cannot be those of the running server, and "" if
// they can. A row with an error and no rule keeps the whole file from being
// loaded; one with an error and a rule, such as hostssl without TLS, is loaded
// and never matches.
func (h *HBA) notLoaded() string {
	for i := range h.Rules {
		if r := &h.Rules[i]; r.Error != "" && r.Type == "" {
			return fmt.Sprintf("%s has an error, so the server did not load the file: %s", r.where(), Clean(r.Error))
		}
	}
	if h.NameSpacePerDatabase {
		return "db_user_namespace is on, so names are not what clients send"
	}
	if len(h.Rules) == 0 {
		return "no rule was shown"
	}
	return ""
}

// weakest is the weakest outcome. It is known if every outcome that could come
// is, and asks for the same.
func weakest(met []Outcome) Outcome {
	least, same := met[0], met[0].Known
	for _, o := range met[1:] {
		same = same && o.Known && o.Authentication == met[0].Authentication && o.Certificate == met[0].Certificate
		if o.Strength < least.Strength {
			least = o
		}
	}
	if least.Authentication == UnknownMethod {
		return least
	}
	least.Known, least.Why = same, ""
	if i := slices.IndexFunc(met, func(o Outcome) bool { return o.Why != "" }); !same && i >= 0 {
		least.Why = met[i].Why
	}
	return least
}

// outcome is what a rule asks of a client that it matches.
func (r *Rule) outcome(c Client, who *Members) Outcome {
	o := Outcome{Known: true, Rule: r, Certificate: r.demandsCertificate()}
	o.Authentication = r.authentication(c, who)
	o.Strength = o.Authentication.strength(c.TLS || c.GSS)
	if r.Method == "md5" && o.Authentication == MD5 && who.verifier(c.User) == "unknown" {
		o.Known, o.Why = false, r.where()+": whether it asks for MD5 or SCRAM depends on a verifier that is not known"
	}
	switch {
	case o.Authentication == UnknownMethod:
		o.Known, o.Why = false, r.where()+": the method "+Clean(r.Method)+" is not known"
	case o.Authentication == Rejected:
	case o.Certificate && o.Authentication == Trust && !slices.Contains(r.Options, "clientcert=verify-full"):
		// Whoever has any certificate of the authority is whom they say.
		o.Authentication, o.Strength = Ident, StrengthIdent
	case o.Certificate:
		o.Authentication, o.Strength = Certificate, StrengthCertificate
	}
	return o
}

// demandsCertificate reports whether a client without a certificate is turned
// away before anything else is asked.
func (r *Rule) demandsCertificate() bool {
	return r.Method == "cert" || slices.ContainsFunc(r.Options, func(o string) bool {
		return o == "clientcert=verify-ca" || o == "clientcert=verify-full" || o == "clientcert=1"
	})
}

// authentication translates the method. What md5 asks depends on the verifier:
// a SCRAM verifier makes it SCRAM.
func (r *Rule) authentication(c Client, who *Members) Authentication {
	switch r.Method {
	case "trust":
		return Trust
	case "reject":
		return Rejected
	case "ident":
		return Ident
	case "peer":
		return Peer
	case "password", "pam", "ldap", "radius", "bsd":
		return Password
	case "md5":
		if who.verifier(c.User) == "scram-sha-256" {
			return SCRAM
		}
		return MD5
	case "scram-sha-256":
		return SCRAM
	case "oauth":
		return OAuth
	case "gss", "sspi":
		return GSS
	case "cert":
		return Certificate
	}
	return UnknownMethod
}
