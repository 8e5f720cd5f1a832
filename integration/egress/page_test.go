package egress

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy/egress"
)

const matrixHead = `# Every road, directly and through Sluice

Written by ` + "`go test ./integration/egress -rewrite`" + `. Other runs compare what they travel: on
the later version the lanes of the app alone, with ` + "`SLUICE_TEST_VERSIONS=15,18`" + ` all. The roads are those of
[policy/egress/roads](../../policy/egress/roads). Through Sluice the policy is
[testdata/careful.yaml](testdata/careful.yaml): classes, limits of 30 rows and 4 KiB, and a price list that may leave;
with masks it is [testdata/masking.yaml](testdata/masking.yaml): rows may leave, with addresses masked.

| word | what happened |
|---|---|
| leaves | the canary, an e-mail address of a class, arrived where the road leads, or what it tells did |
| gone | the protection is gone |
| server CODE | PostgreSQL itself refused it, with this SQLSTATE |
| nothing | no error, and nothing arrived |
| cut off | the connection was ended |
| refused: RULE | Sluice refused it, by this rule; the server never saw it. "protocol": the message is none that Sluice takes |
| refused at once | Sluice refused it before a policy was asked: at login, or as a message that it does not take |
| stopped at the limit | Sluice stopped it before the canary arrived |
| counted | the canary arrived, and the trail has it with its class and the number of rows and bytes; "stopped at the limit" if it was more than the policy gives |
| words withheld | the server refused or failed, and its error arrived without what could quote a value |
| masked | it ran, and the canary was not in what arrived |
| passes | it may; the notes say why |
| **open** | it should not be so; the notes say why it is |

Where versions differ, a cell has both, the older one first. Empty cells are roads that a version does not have.
The counts are over both versions.

`

// matrix is the page.
func matrix(seen []cells, known map[string]string) string {
	var b strings.Builder
	b.WriteString(matrixHead)
	b.WriteString(totals(seen))
	b.WriteString(whatIsOpen(seen, known))
	section, notes := "", []string(nil)
	flush := func() {
		for _, note := range notes {
			b.WriteString("\n" + note + "\n")
		}
		notes = nil
	}
	for _, road := range egress.Roads() {
		if road.Section != section {
			flush()
			section = road.Section
			b.WriteString("\n## " + section + "\n\n| road | what | " + strings.Join(heads(), " | ") + " |\n|" + strings.Repeat("---|", len(heads())+2) + "\n")
		}
		fmt.Fprintf(&b, "| %s | %s |", road.ID, cell(what(road)))
		for _, shape := range shapes {
			for _, way := range ways {
				b.WriteString(" " + both(seen, road.ID, way.name+"_"+shape.name) + " |")
			}
		}
		b.WriteString("\n")
		if why := known[road.ID]; why != "" && len(openIn(seen, road.ID)) > 0 {
			notes = append(notes, "**"+road.ID+"** is open: "+why+".")
		}
		if road.Passes != "" {
			notes = append(notes, road.ID+" passes: "+road.Passes+".")
		}
	}
	flush()
	return b.String()
}

// whatIsOpen lists the roads that are open on any lane of any version, with the
// lanes and the reason.
func whatIsOpen(seen []cells, known map[string]string) string {
	var b strings.Builder
	n := 0
	for _, road := range egress.Roads() {
		lanes := openIn(seen, road.ID)
		if len(lanes) > 0 {
			n++
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", road.ID, cell(what(road)), strings.Join(lanes, "; "), cell(known[road.ID]))
		}
	}
	if n == 0 {
		return fmt.Sprintf("\nNone of %d roads is open through Sluice, for any of the roles and under either policy.\n", len(egress.Roads()))
	}
	head := fmt.Sprintf("\n%d of %d roads are open through Sluice for one role at least, under one of the two policies.\n", n, len(egress.Roads()))
	return head + "\n| open road | what | for whom | why |\n|---|---|---|---|\n" + b.String()
}

// openIn are the lanes on which a road is open on any version, in words.
func openIn(seen []cells, id string) (lanes []string) {
	for _, shape := range shapes {
		for _, way := range ways {
			if slices.ContainsFunc(seen, func(c cells) bool { return c[id][way.name+"_"+shape.name] == open }) {
				lanes = append(lanes, shape.name+", "+way.title)
			}
		}
	}
	return lanes
}

// holdCells compares the lanes that were travelled with the page.
func holdCells(t *testing.T, versions []int, seen []cells) {
	t.Helper()
	rows := pageRows(t)
	for i, version := range versions {
		if !slices.Contains(pageVersions, version) {
			continue
		}
		for id, lanes := range seen[i] {
			for at, database := range databases() {
				got, travelled := lanes[database]
				if travelled && (rows[id] == nil || !slices.Contains(strings.Split(rows[id][at], "; "), got)) {
					t.Errorf("PostgreSQL %d, %s: %s was %q, and %s says otherwise (-rewrite writes it)", version, database, id, got, matrixFile)
				}
			}
		}
	}
}

// pageRows are the cells of the page, by the road's id, in the order of heads.
func pageRows(t *testing.T) map[string][]string {
	t.Helper()
	page, err := os.ReadFile(matrixFile)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for line := range strings.Lines(string(page)) {
		row := strings.Split(strings.TrimSpace(line), "|")
		if len(row) < 4+len(heads()) || row[0] != "" {
			continue
		}
		cells := row[len(row)-1-len(heads()) : len(row)-1] // what a road is may have a bar in it
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows[strings.TrimSpace(row[1])] = cells
	}
	return rows
}

// TestPageIsWhole: the page has a row for every road, and no other.
func TestPageIsWhole(t *testing.T) {
	rows := pageRows(t)
	delete(rows, "road") // the heads
	delete(rows, "---")
	for _, road := range egress.Roads() {
		if rows[road.ID] == nil {
			t.Errorf("%s has no row for %s (-rewrite writes it)", matrixFile, road.ID)
		}
		delete(rows, road.ID)
	}
	for id := range rows {
		t.Errorf("%s has a row for %s, which is no road", matrixFile, id)
	}
}

// databases are those of the lanes, in the order of the page.
func databases() (all []string) {
	for _, shape := range shapes {
		for _, way := range ways {
			all = append(all, way.name+"_"+shape.name)
		}
	}
	return all
}

func what(road egress.Road) string {
	switch {
	case road.Below != 0:
		return fmt.Sprintf("%s (below %d)", road.What, road.Below)
	case road.From != 0:
		return fmt.Sprintf("%s (from %d on)", road.What, road.From)
	}
	return road.What
}

func heads() []string {
	var all []string
	for _, shape := range shapes {
		for _, way := range ways {
			all = append(all, shape.name+", "+way.title)
		}
	}
	return all
}

// both is what the versions say, once if they agree.
func both(seen []cells, id, database string) string {
	var said []string
	for _, version := range seen {
		if one := version[id][database]; one != "" && !slices.Contains(said, one) {
			said = append(said, one)
		}
	}
	return strings.Join(said, "; ")
}

func cell(text string) string { return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text) }

// outcomes are the columns of the table of totals, with what belongs there.
var outcomes = []struct {
	title string
	holds func(cell string) bool
}{
	{"refused or stopped", func(string) bool { return true }}, // what is none of the others
	{"counted", func(cell string) bool { return strings.HasPrefix(cell, "counted") }},
	{"masked", func(cell string) bool { return cell == "masked" }},
	{"passes", func(cell string) bool { return cell == "passes" }},
	{"open", func(cell string) bool { return cell == open }},
}

// totals says for each shape what became of the roads that lead out directly.
func totals(seen []cells) string {
	var b strings.Builder
	b.WriteString("| role | closed by the server | lead out directly | way |")
	for _, o := range outcomes {
		b.WriteString(" " + o.title + " |")
	}
	b.WriteString("\n|" + strings.Repeat("---|", 4+len(outcomes)) + "\n")
	for _, shape := range shapes {
		for _, way := range ways[1:] {
			closed, leads, counts := total(seen, shape.name, way)
			fmt.Fprintf(&b, "| %s | %d | %d | %s |", shape.name, closed, leads, way.title)
			for _, n := range counts {
				fmt.Fprintf(&b, " %d |", n)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// total counts the roads of all versions.
func total(seen []cells, shape string, way way) (closed, leads int, counts []int) {
	counts = make([]int, len(outcomes))
	for _, version := range seen {
		for _, lanes := range version {
			direct, other := lanes[ways[0].name+"_"+shape], lanes[way.name+"_"+shape]
			if direct != "leaves" && direct != "gone" {
				closed++
				continue
			}
			leads++
			at := 0
			for i, o := range outcomes[1:] {
				if o.holds(other) {
					at = i + 1
				}
			}
			counts[at]++
		}
	}
	return closed, leads, counts
}
