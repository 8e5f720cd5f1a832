package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Declared holds the settings sluice.* that a client gave at start-up, by the
// name behind the dot. In JSON it is a list of names and values in the order
// of the names: as the names of members, the client's words could be taken for
// something that the trail means by such a name.
type Declared map[string]string

type declaration struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// MarshalJSON implements json.Marshaler.
func (d Declared) MarshalJSON() ([]byte, error) {
	list := make([]declaration, 0, len(d))
	for _, name := range slices.Sorted(maps.Keys(d)) {
		list = append(list, declaration{name, d[name]})
	}
	return json.Marshal(list)
}

// UnmarshalJSON implements json.Unmarshaler. It also reads the object that
// older trails have.
func (d *Declared) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return json.Unmarshal(data, (*map[string]string)(d))
	}
	var list []declaration
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	*d = make(Declared, len(list))
	for _, one := range list {
		if _, twice := (*d)[one.Name]; twice {
			return fmt.Errorf("policy: %q is declared twice", one.Name)
		}
		(*d)[one.Name] = one.Value
	}
	return nil
}
