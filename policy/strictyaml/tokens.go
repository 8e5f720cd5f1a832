package strictyaml

import (
	"strings"

	"github.com/goccy/go-yaml/token"
)

// refusedTokens are the parts of YAML that make a document read differently
// from how it looks.
var refusedTokens = map[token.Type]string{
	token.AnchorType:         "anchors (&name) are not accepted: write the value out where it is meant",
	token.AliasType:          "aliases (*name) are not accepted: write the value out; a text that begins with * needs quotes",
	token.MergeKeyType:       "merge keys (<<) are not accepted: write the keys out",
	token.TagType:            "tags (!name) are not accepted; a text that begins with ! needs quotes",
	token.DirectiveType:      "directives (%NAME) are not accepted",
	token.MappingKeyType:     "explicit keys (?) are not accepted: write key: value",
	token.InvalidType:        "this cannot be read as YAML",
	token.UnknownType:        "this cannot be read as YAML",
	token.BinaryIntegerType:  "numbers are written in decimal",
	token.OctetIntegerType:   "numbers are written in decimal; a text that looks like a number needs quotes",
	token.HexIntegerType:     "numbers are written in decimal; a text that looks like a number needs quotes",
	token.InfinityType:       "infinity is not accepted as a number",
	token.NanType:            "not-a-number is not accepted",
	token.CollectEntryType:   "",
	token.SequenceEntryType:  "",
	token.MappingValueType:   "",
	token.SequenceStartType:  "",
	token.SequenceEndType:    "",
	token.MappingStartType:   "",
	token.MappingEndType:     "",
	token.CommentType:        "",
	token.LiteralType:        "",
	token.FoldedType:         "",
	token.DocumentHeaderType: "",
	token.DocumentEndType:    "",
}

// checkTokens refuses what this package does not read, bounds the nesting
// before the recursive parser sees it, and notes every scalar so that none
// can get lost between text and tree.
func (d *Document) checkTokens(tokens token.Tokens) error {
	errs := d.Errors()
	var columns []int
	brackets := 0
	for _, t := range tokens {
		if why := refusedTokens[t.Type]; why != "" {
			if d.tabIndents(position(t)) {
				// An editor that writes one tab writes many.
				errs.Addf(position(t), "%s", tabWords)
				break
			}
			if t.Error != "" {
				why = "not valid YAML: " + t.Error
			}
			errs.Addf(position(t), "%s", why)
			continue
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
		}
		if scalar(t.Type) {
			d.unread[t] = true
		}
		columns = indent(columns, t, brackets)
		if brackets > MaxNesting || len(columns) > MaxNesting {
			errs.Addf(position(t), "nested deeper than %d levels", MaxNesting)
			break
		}
	}
	return errs.Err()
}

const tabWords = "not valid YAML: this line is indented with a tab; use spaces"

// tabIndents reports whether what stands before the first word of a line has
// a tab in it.
func (d *Document) tabIndents(at Position) bool {
	line, _ := d.line(at.Line)
	return strings.Contains(line[:len(line)-len(strings.TrimLeft(line, " \t"))], "\t")
}

// indent keeps the columns at which the open blocks begin. Every block is
// at least one column to the right of the one around it, so the number of
// rising columns bounds the nesting.
func indent(columns []int, t *token.Token, brackets int) []int {
	if brackets > 0 || t.Type == token.CommentType || t.Position == nil {
		return columns
	}
	opens := t.Type == token.SequenceEntryType || t.Next != nil && t.Next.Type == token.MappingValueType
	if !opens {
		return columns
	}
	for len(columns) > 0 && columns[len(columns)-1] >= t.Position.Column {
		columns = columns[:len(columns)-1]
	}
	return append(columns, t.Position.Column)
}

func scalar(t token.Type) bool {
	switch t {
	case token.SingleQuoteType, token.DoubleQuoteType, token.NullType, token.IntegerType,
		token.FloatType, token.StringType, token.BoolType:
		return true
	}
	return false
}
