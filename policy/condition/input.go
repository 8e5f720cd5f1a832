package condition

import "time"

// Input is everything a condition may look at. The tags are the names of
// the variables and fields.
type Input struct {
	Identity     Identity
	Session      Session
	Statement    Statement
	Destinations []Destination
	// Purpose is what the session declared as its purpose, or as its reason if
	// the purpose is a word that chooses a credential.
	Purpose string
	// Now is the time of the decision; the zero time is none, and a
	// condition that asks for it then fails.
	Now time.Time
}

// Identity is the variable identity: who is at the other end.
// What a token says is empty for methods without one.
type Identity struct {
	User    string   `cel:"user"`
	Method  string   `cel:"method"`
	Issuer  string   `cel:"issuer"`
	Subject string   `cel:"subject"`
	Groups  []string `cel:"groups"`
	ACR     string   `cel:"acr"`
	AMR     []string `cel:"amr"`
}

// Session is the variable session. What it declared are claims.
type Session struct {
	Database        string            `cel:"database"`
	Address         string            `cel:"address"`
	TLS             bool              `cel:"tls"`
	ApplicationName string            `cel:"application_name"`
	SharedPassword  bool              `cel:"shared_password"`
	Declared        map[string]string `cel:"declared"`
}

// Statement is the variable statement.
type Statement struct {
	Kind      string   `cel:"kind"`
	Node      string   `cel:"node"`
	Effects   []string `cel:"effects"`
	Relations []string `cel:"relations"`
	Functions []string `cel:"functions"`
	Columns   []string `cel:"columns"`
	Classes   []string `cel:"classes"`
	Settings  []string `cel:"settings"`
}

// Destination is the variable destination, and an element of destinations.
// Without a destination all its fields are empty.
type Destination struct {
	Type     string   `cel:"type"`
	Host     string   `cel:"host"`
	Port     int64    `cel:"port"`
	Database string   `cel:"database"`
	Name     string   `cel:"name"`
	Measured bool     `cel:"measured"`
	Findings []string `cel:"findings"`
}

// variables gives the input to an evaluation.
func (in *Input) variables() map[string]any {
	first := &Destination{}
	if len(in.Destinations) > 0 {
		first = &in.Destinations[0]
	}
	all := make([]*Destination, len(in.Destinations))
	for i := range in.Destinations {
		all[i] = &in.Destinations[i]
	}
	vars := map[string]any{
		"identity": &in.Identity, "session": &in.Session, "statement": &in.Statement,
		"destination": first, "destinations": all, "purpose": in.Purpose,
	}
	if !in.Now.IsZero() {
		vars["now"] = in.Now
	}
	return vars
}
