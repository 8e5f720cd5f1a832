package strictyaml

import (
	"slices"
	"strings"
)

// Suggest returns the name that was probably meant by a mistyped one, or
// "" if none is near. One typing slip per three characters is forgiven, and
// so is a name that was cut short.
func Suggest(got string, names []string) string {
	got = strings.ToLower(got)
	if len(got) > 64 {
		return ""
	}
	best, bestDistance := "", max(1, len([]rune(got))/3)+1
	for _, name := range slices.Sorted(slices.Values(names)) {
		distance := slips(got, strings.ToLower(name))
		if distance < bestDistance {
			best, bestDistance = name, distance
		}
	}
	if best != "" || len(got) < 3 {
		return best
	}
	for _, name := range slices.Sorted(slices.Values(names)) {
		if strings.HasPrefix(strings.ToLower(name), got) {
			return name
		}
	}
	return ""
}

// slips counts the insertions, deletions, replacements and swaps of
// neighbours between two names.
func slips(a, b string) int {
	from, to := []rune(a), []rune(b)
	table := make([][]int, len(from)+1)
	for i := range table {
		table[i] = make([]int, len(to)+1)
		table[i][0] = i
	}
	for j := range table[0] {
		table[0][j] = j
	}
	for i := 1; i <= len(from); i++ {
		for j := 1; j <= len(to); j++ {
			change := 1
			if from[i-1] == to[j-1] {
				change = 0
			}
			table[i][j] = min(table[i-1][j]+1, table[i][j-1]+1, table[i-1][j-1]+change)
			if i > 1 && j > 1 && from[i-1] == to[j-2] && from[i-2] == to[j-1] {
				table[i][j] = min(table[i][j], table[i-2][j-2]+1)
			}
		}
	}
	return table[len(from)][len(to)]
}

// meant is the tail of an error message about an unknown name.
func meant(got string, names []string) string {
	if best := Suggest(got, names); best != "" {
		return "; did you mean " + best + "?"
	}
	if len(names) == 0 || len(names) > 30 {
		return ""
	}
	return "; known are " + strings.Join(slices.Sorted(slices.Values(names)), ", ")
}
