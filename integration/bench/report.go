package main

import (
	"encoding/json"
	"fmt"
)

// report is the whole result, as it is in result.json.
type report struct {
	Machine machine      `json:"machine"`
	Options settings     `json:"options"`
	Cases   []caseResult `json:"cases"`
	// Ended is the case in which the run ended early; empty if it did not.
	Ended string `json:"ended,omitempty"`
}

// settings are what the run was asked for.
type settings struct {
	Rounds       int   `json:"rounds"`
	Seconds      int   `json:"seconds"`
	Quick        bool  `json:"quick"`
	Scale        int   `json:"pgbench_scale"`
	CopyBytes    int64 `json:"copy_bytes"`
	IdleSessions int   `json:"idle_sessions"`
}

// caseResult is one case with all ways.
type caseResult struct {
	Name string `json:"name"`
	What string `json:"what"`
	// Unit is that of rates, Each what processor time is for.
	Unit  string      `json:"unit"`
	Each  string      `json:"cpu_per"`
	Ways  []wayResult `json:"ways"`
	Goals []verdict   `json:"goals,omitempty"`

	memory memoryKind
}

// wayResult is one way in one case: medians over the rounds, except the peak,
// which is the highest of all.
type wayResult struct {
	Name string `json:"name"`
	sample
	Samples []sample `json:"rounds"`

	sluice bool
}

func (r *report) json() ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the result as JSON: %w", err)
	}
	return append(text, '\n'), nil
}
