package corpus

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sluice-pg/sluice/policy/statement"
)

// Text is one text of a pool.
type Text struct {
	// Line is where it stands, from 1.
	Line int
	// SQL is the text as it is sent.
	SQL string
	// Everyday is true if no kind was announced: anything from ddl on is
	// expected. Otherwise Kind is expected, exactly.
	Everyday bool
	Kind     statement.Kind
}

// Pool reads the lines of a pool file. Errors name the line.
func Pool(content string) ([]Text, error) {
	var texts []Text
	current := Text{Everyday: true}
	line := 0
	for raw := range strings.Lines(content) {
		line++
		text := strings.TrimSuffix(raw, "\n")
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		if word, found := strings.CutPrefix(text, "== "); found {
			kind, err := statement.ParseKind(word)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", line, err)
			}
			current = Text{Kind: kind}
			continue
		}
		sql, err := unquote(text)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		current.Line, current.SQL = line, sql
		texts = append(texts, current)
	}
	return texts, nil
}

// unquote gives the text of a line, which is a Go string if it begins with a
// double quote: no statement does.
func unquote(line string) (string, error) {
	if !strings.HasPrefix(line, `"`) {
		return line, nil
	}
	sql, err := strconv.Unquote(line)
	if err != nil {
		return "", fmt.Errorf("not a Go string: %w", err)
	}
	return sql, nil
}
