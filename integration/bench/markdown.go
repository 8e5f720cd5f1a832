package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// markdown is the result for people.
func markdown(r *report) string {
	var b strings.Builder
	b.WriteString("# What a proxy costs\n\n")
	if r.Options.Quick {
		b.WriteString("**Made with -quick: this shows that the bench works. The figures mean nothing.**\n\n")
	}
	fmt.Fprintf(&b, "The same work, directly and through proxies, in turns on one machine: at most %d rounds\n"+
		"each, %d s a turn for pgbench. Figures are medians. `README.md` says how they are made.\n", r.Options.Rounds, r.Options.Seconds)
	if r.Ended != "" {
		fmt.Fprintf(&b, "\n**The run ended early, in case `%s`: it and those behind it are missing.**\n", r.Ended)
	}
	goalsTable(&b, r)
	speedTable(&b, r)
	cpuTable(&b, r)
	memoryTable(&b, r)
	b.WriteString("\n## Cases\n\n")
	for _, c := range r.Cases {
		fmt.Fprintf(&b, "- `%s`: %s\n", c.Name, c.What)
	}
	machineList(&b, r.Machine)
	return b.String()
}

func goalsTable(b *strings.Builder, r *report) {
	table := [][]string{{"case", "goal", "way", "found", "goal is"}}
	for _, c := range r.Cases {
		for _, v := range c.Goals {
			stands := string(v.Standing)
			if v.Standing != met {
				stands = "**" + stands + "**"
			}
			table = append(table, []string{"`" + c.Name + "`", v.Goal, v.Way, v.Found, stands})
		}
	}
	writeTable(b, "Goals", "", table)
}

func speedTable(b *strings.Builder, r *report) {
	table := [][]string{append(append([]string{"case", "unit"}, wayNames(r, true)...), "spread")}
	for _, c := range r.Cases {
		row := []string{"`" + c.Name + "`", c.Unit}
		direct := named(c.Ways, wayDirect)
		row = append(row, cells(r, c, true, func(w wayResult) string {
			cell := number(w.Rate)
			if direct != nil && w.Name != wayDirect {
				cell += fmt.Sprintf(" (%.2f)", ratio(w, *direct))
			}
			return cell
		})...)
		table = append(table, append(row, fmt.Sprintf("%.0f %%", 100*spread(c.Ways))))
	}
	writeTable(b, "Speed", "More is better. In brackets: the share of direct, as the median of what it was in each round.\n"+
		"Spread: how far the rounds of one way lie apart, at most, in percent of its median.", table)
}

func cpuTable(b *strings.Builder, r *report) {
	table := [][]string{append([]string{"case", "µs per"}, wayNames(r, false)...)}
	for _, c := range r.Cases {
		table = append(table, append([]string{"`" + c.Name + "`", c.Each}, cells(r, c, false, func(w wayResult) string { return fmt.Sprintf("%.1f", w.CPU) })...))
	}
	writeTable(b, "Processor time of the proxy", "Microseconds of all its threads and processes. Less is better.", table)
}

func memoryTable(b *strings.Builder, r *report) {
	table := [][]string{append([]string{"case", "what"}, wayNames(r, false)...)}
	for _, c := range r.Cases {
		name := "`" + c.Name + "`"
		table = append(table, append([]string{name, "peak, MiB"}, cells(r, c, false, func(w wayResult) string { return fmt.Sprintf("%.1f", mebibytes(w.PeakRSS)) })...))
		switch c.memory {
		case overIdle:
			table = append(table, append([]string{name, "peak over idle, MiB"}, cells(r, c, false, func(w wayResult) string { return fmt.Sprintf("%.1f", mebibytes(w.Growth)) })...))
		case perSession:
			table = append(table, append([]string{name, "each session, KiB"}, cells(r, c, false, func(w wayResult) string { return fmt.Sprintf("%.1f", kibibytes(w.Growth)) })...))
		}
	}
	writeTable(b, "Memory of the proxy", "Resident memory of all its processes. Less is better.", table)
}

// cells are one figure for every way that stands in the heads of the columns;
// empty for those that took no part in the case.
func cells(r *report, c caseResult, direct bool, figure func(wayResult) string) []string {
	var out []string
	for _, name := range wayNames(r, direct) {
		cell := ""
		if w := named(c.Ways, name); w != nil {
			cell = figure(*w)
		}
		out = append(out, cell)
	}
	return out
}

// wayNames are the heads of the columns.
func wayNames(r *report, direct bool) []string {
	var names []string
	for _, c := range r.Cases {
		for _, w := range c.Ways {
			if (direct || w.Name != wayDirect) && !slices.Contains(names, w.Name) {
				names = append(names, w.Name)
			}
		}
	}
	return names
}

// spread is the largest (highest - lowest) / median of the ways.
func spread(ways []wayResult) float64 {
	var widest float64
	for _, w := range ways {
		low, high := math.Inf(1), math.Inf(-1)
		for _, s := range w.Samples {
			low, high = min(low, s.Rate), max(high, s.Rate)
		}
		if w.Rate > 0 {
			widest = max(widest, (high-low)/w.Rate)
		}
	}
	return widest
}

// writeTable writes a table whose first row is its head, unless there is
// nothing else in it.
func writeTable(b *strings.Builder, title, words string, table [][]string) {
	if len(table) < 2 || len(table[0]) < 3 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n", title)
	if words != "" {
		b.WriteString(words + "\n\n")
	}
	for i, row := range table {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
}

func machineList(b *strings.Builder, m machine) {
	b.WriteString("\n## Machine\n\n")
	fmt.Fprintf(b, "- %d cores: %s; %.1f GiB of memory\n", m.Cores, m.CPU, float64(m.Memory)/(1<<30))
	fmt.Fprintf(b, "- Linux %s, %s; data and trails on %s\n", m.Kernel, m.System, m.Files)
	fmt.Fprintf(b, "- load average before the run: %s\n", m.Load)
	for _, v := range m.Versions {
		fmt.Fprintf(b, "- %s: %s\n", v[0], v[1])
	}
}

// number is a rate with thousands set apart, for small rates with a decimal.
func number(v float64) string {
	if v < 100 {
		return fmt.Sprintf("%.1f", v)
	}
	digits := fmt.Sprintf("%.0f", v)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
