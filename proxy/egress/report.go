package egress

import (
	"time"

	"github.com/sluice-pg/sluice/policy/egress"
)

// SchemaVersion is the version of the report's JSON. It changes when a reader has
// to.
const SchemaVersion = 1

// Report is what a look at a database has found.
type Report struct {
	SchemaVersion int       `json:"schema_version"`
	Time          time.Time `json:"time"`
	Database      string    `json:"database"`
	// User is who was asked about, Role what their sessions work as.
	User string `json:"user"`
	Role string `json:"role"`
	// Server is the server's version, as it says it.
	Server string `json:"server_version"`
	// About are the columns that were asked about, one for each class.
	About []About `json:"about"`
	Roads []Road  `json:"roads"`
}

// About is a column that stands for its class. The class is empty if the policy
// gives no column of the database one.
type About struct {
	Class    string `json:"class,omitempty"`
	Relation string `json:"relation"`
	Column   string `json:"column"`
}

// Road is a way out.
type Road struct {
	ID      string      `json:"id"`
	Section string      `json:"section"`
	What    string      `json:"what"`
	Leaves  egress.Exit `json:"leaves"`
	// State is that of the answer that asks for most attention.
	State   egress.State `json:"state"`
	Answers []Answer     `json:"answers"`
}

// Answer is what becomes of who takes a road, for one class.
type Answer struct {
	// Class is empty for a road that takes nothing of a column.
	Class string       `json:"class,omitempty"`
	State egress.State `json:"state"`
	Why   string       `json:"why"`
	// Rule decided, or gave the limits. Empty if no rule was asked.
	Rule string `json:"rule,omitempty"`
	// Rows and Bytes are what one statement may bring, 0 for no limit.
	Rows  int64 `json:"rows,omitempty"`
	Bytes int64 `json:"bytes,omitempty"`
	// Policy is what Sluice would make of it if the privileges let it pass.
	Policy egress.State `json:"policy,omitempty"`
}

// Count is how many roads are in a state.
func (r *Report) Count(s egress.State) int {
	n := 0
	for _, road := range r.Roads {
		if road.State == s {
			n++
		}
	}
	return n
}
