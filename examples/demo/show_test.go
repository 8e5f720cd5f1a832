package demo

import (
	"slices"
	"strings"
	"testing"
)

func TestWrapped(t *testing.T) {
	word, table := strings.Repeat("x", 2*wide), "COPY  WHAT  "+strings.Repeat("x ", wide)
	for _, c := range []struct {
		line string
		want []string
	}{
		{"", []string{""}},
		{"short", []string{"short"}},
		{word, []string{word}},
		{table, []string{table}},
		{"DETAIL:  " + word[:wide-10] + " and more words", []string{"DETAIL:  " + word[:wide-10], "and more words"}},
		{word[:wide-1] + " " + word[:wide-1] + " end", []string{word[:wide-1], word[:wide-1], "end"}},
	} {
		if got := wrapped(c.line); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q", c.line, got)
		}
	}
}
