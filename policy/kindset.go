package policy

import "github.com/sluice-pg/sluice/policy/statement"

// kindSet is a set of kinds, one bit each.
type kindSet uint32

// everyKind holds every kind a policy may speak about: all but parse_error.
var everyKind = allKinds()

// everyday holds the kinds that are allowed when no rule speaks.
var everyday = setOf(statement.DDL) | setOf(statement.OrdinaryWrite) | setOf(statement.OrdinaryRead)

func setOf(k statement.Kind) kindSet { return 1 << k }

func allKinds() kindSet {
	var set kindSet
	for _, k := range statement.Kinds() {
		if k != statement.ParseError {
			set |= setOf(k)
		}
	}
	return set
}

func (s kindSet) has(k statement.Kind) bool { return s&setOf(k) != 0 }

// kindNames lists what a policy may write as a kind.
func kindNames() []string {
	var names []string
	for _, k := range statement.Kinds() {
		if everyKind.has(k) {
			names = append(names, k.String())
		}
	}
	return names
}
