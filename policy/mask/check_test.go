package mask

import (
	"regexp"
	"strings"
	"testing"
)

// Each case is tables: a line with a name, then columns as "name|type|mask" and
// constraints as "kind (columns) name", with what the kind needs.
func TestCheck(t *testing.T) {
	golden(t, "testdata/check.txt", func(t *testing.T, question string) string {
		var tables []Table
		for line := range strings.SplitSeq(question, "\n") {
			if name, ok := strings.CutPrefix(line, "table "); ok {
				tables = append(tables, Table{Name: name})
				continue
			}
			if strings.HasPrefix(line, "#") {
				continue
			}
			readLine(t, &tables[len(tables)-1], line)
		}
		if found := Check(tables); len(found) > 0 {
			return strings.Join(found, "\n")
		}
		return "good"
	})
}

var constraintKinds = map[string]ConstraintKind{
	"unique": Unique, "primary key": PrimaryKey, "foreign key": ForeignKey, "check": CheckExpression, "exclude": Exclude, "domain": Domain,
	"generated": Generated, "strange": 99,
}

var constraintLine = regexp.MustCompile(`^([a-z ]+) \(([^)]*)\) (\S+)(?: to (\S+) \(([^)]*)\))?( full)?( nulls not distinct)?(?: as (.*?))?(?: where (.*))?$`)

func readLine(t *testing.T, table *Table, line string) {
	t.Helper()
	if parts := strings.SplitN(line, "|", 3); len(parts) == 3 {
		typ, notNull := strings.CutSuffix(parts[1], " not null")
		table.Columns = append(table.Columns, Column{Name: parts[0], Type: readType(t, typ), NotNull: notNull, Mask: readMask(t, parts[2])})
		return
	}
	m := constraintLine.FindStringSubmatch(line)
	if m == nil || constraintKinds[m[1]] == 0 {
		t.Fatalf("%q is no line of a table", line)
	}
	k := Constraint{
		Kind: constraintKinds[m[1]], Columns: strings.Split(m[2], ","), Name: m[3], Refers: m[4], MatchFull: m[6] != "",
		NullsNotDistinct: m[7] != "", Expression: m[8], Where: m[9],
	}
	if m[4] != "" {
		k.RefersTo = strings.Split(m[5], ",")
	}
	table.Constraints = append(table.Constraints, k)
}
