package catalog

import (
	"encoding/json"
	"fmt"
)

// AskPath asks a session for its path, in one row of one column that ParsePath
// reads.
const AskPath = "SELECT pg_catalog.to_json(pg_catalog.current_schemas(true))"

// ParsePath reads the answer to AskPath. The path of a session that has no
// schema to look in is empty, not nil.
func ParsePath(answer []byte) ([]string, error) {
	path := []string{}
	if err := json.Unmarshal(answer, &path); err != nil {
		return nil, fmt.Errorf("catalog: path of a session: %w", err)
	}
	if path == nil {
		path = []string{}
	}
	return path, nil
}
