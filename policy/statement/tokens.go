package statement

import (
	"fmt"

	pg "github.com/pganalyze/pg_query_go/v6"
	"github.com/pganalyze/pg_query_go/v6/parser"
	"google.golang.org/protobuf/encoding/protowire"
)

// token is one token of the parser's own lexer.
type token struct {
	start, end int
	kind       pg.Token
	keyword    pg.KeywordKind
}

func (t token) comment() bool {
	return t.kind == pg.Token_SQL_COMMENT || t.kind == pg.Token_C_COMMENT
}

// literal reports whether the token is a value: a string of any quoting, a
// bit string or a number. Parameters are not values.
func (t token) literal() bool {
	switch t.kind {
	case pg.Token_SCONST, pg.Token_USCONST, pg.Token_BCONST, pg.Token_XCONST, pg.Token_ICONST, pg.Token_FCONST:
		return true
	}
	return false
}

// name reports whether the token is a word that is no keyword.
func (t token) name() bool { return t.kind == pg.Token_IDENT || t.kind == pg.Token_UIDENT }

// is reports whether the token is a single character of punctuation.
func (t token) is(c byte) bool { return t.kind == pg.Token(c) }

// scan runs the parser's lexer, which does not recurse. The answer is decoded
// by hand: a text of commas has millions of tokens, and the generated decoder
// needs ten times the room.
func scan(text string) ([]token, error) {
	raw, err := parser.ScanToProtobuf(text)
	if err != nil {
		return nil, err
	}
	const resultTokens = 2 // ScanResult.tokens
	tokens := make([]token, 0, len(raw)/10+1)
	for len(raw) > 0 {
		number, kind, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return nil, fmt.Errorf("statement: scan result: %w", protowire.ParseError(n))
		}
		raw = raw[n:]
		if number != resultTokens || kind != protowire.BytesType {
			n = protowire.ConsumeFieldValue(number, kind, raw)
			if n < 0 {
				return nil, fmt.Errorf("statement: scan result: %w", protowire.ParseError(n))
			}
			raw = raw[n:]
			continue
		}
		message, n := protowire.ConsumeBytes(raw)
		if n < 0 {
			return nil, fmt.Errorf("statement: scan result: %w", protowire.ParseError(n))
		}
		raw = raw[n:]
		t, err := decodeToken(message)
		if err != nil {
			return nil, err
		}
		if t.start < 0 || t.end < t.start || t.end > len(text) {
			return nil, fmt.Errorf("statement: the scanner placed a token outside the text")
		}
		tokens = append(tokens, t)
	}
	return tokens, nil
}

// decodeToken reads one ScanToken: start 1, end 2, token 4, keyword kind 5,
// all varints.
func decodeToken(message []byte) (token, error) {
	var t token
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 || kind != protowire.VarintType {
			return t, fmt.Errorf("statement: scan token: unexpected field")
		}
		message = message[n:]
		value, n := protowire.ConsumeVarint(message)
		if n < 0 {
			return t, fmt.Errorf("statement: scan token: %w", protowire.ParseError(n))
		}
		message = message[n:]
		switch number {
		case 1:
			t.start = int(int32(value))
		case 2:
			t.end = int(int32(value))
		case 4:
			t.kind = pg.Token(value)
		case 5:
			t.keyword = pg.KeywordKind(value)
		}
	}
	return t, nil
}
