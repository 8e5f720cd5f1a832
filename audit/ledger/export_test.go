package ledger

// EventTypes are all types of events.
func EventTypes() []string { return sortedKeys(bodies) }
