package oracle

import (
	"context"
	"math/rand/v2"
	"regexp"
	"testing"

	"github.com/sluice-pg/sluice/policy/statement"
)

// grammar is the version whose grammar the parser has.
const grammar = 17

// rounds is how often each text is spoilt.
const rounds = 2

// mutated spoils every text of the corpus a little, makes others up from what
// lexers stumble over, and asks again. The server with the parser's own
// grammar must read exactly what the analysis reads; on every server, what
// both read must fall into as many statements.
func (o *oracle) mutated(t *testing.T, version int, analyzer *statement.Analyzer) {
	o.session.t = t
	random := rand.New(rand.NewPCG(1, 2))
	all, both := 0, 0
	ask := func(sql string) {
		all++
		analysis := analyzer.Analyze(context.Background(), sql)
		reads, _ := o.asks(sql)
		if version == grammar && reads != (analysis.Problem == nil) && !expected(sql, analysis.Problem) {
			t.Errorf("the server reads it: %t, the analysis: %v: %s", reads, analysis.Problem, written(sql))
		}
		if !reads || analysis.Problem != nil {
			return
		}
		both++
		o.reset()
		o.query("BEGIN")
		o.compare(t, sql, len(analysis.Statements), o.query(sql))
	}
	for range rounds {
		for _, sql := range o.texts {
			ask(spoil(random, sql, o.texts[random.IntN(len(o.texts))]))
			ask(compose(random))
		}
	}
	if both < all/20 {
		t.Errorf("only %d texts are read by both", both)
	}
	t.Logf("%d of %d texts are read by both", both, all)
	o.reset()
}

// expected are the differences that differences.txt gives reasons for. The
// parser is made to read normalized texts too, and takes a parameter in some
// places where the server wants a constant, or a name behind it: there it
// reads more. The analysis refuses what could be read in two ways.
func expected(sql string, problem *statement.Problem) bool {
	if problem == nil {
		return parameter.MatchString(sql)
	}
	return problem.Message == "a comment stands within a string or name"
}

var parameter = regexp.MustCompile(`\$[0-9]`)

// tokens are roughly those of SQL; it does not matter if some are cut in two.
var tokens = regexp.MustCompile(`[A-Za-z_][A-Za-z_0-9]*|[0-9.]+|\s+|'[^']*'|"[^"]*"|--|/\*|\*/|\$[a-z]*\$|::|.`)

// seeds are what makes texts fall apart.
var seeds = []string{";", "'", `"`, "--", "/*", "*/", "$$", "\\", "\n", "(", ")", ",", ";;", "E'", "U&'", "$a$", "$1", "BEGIN", "END", ";COMMIT;", "SELECT 1;", " -- \n"}

// spoil changes a text in one to three places, with help of another text.
func spoil(random *rand.Rand, sql, other string) string {
	parts, others := tokens.FindAllString(sql, -1), tokens.FindAllString(other, -1)
	for range 1 + random.IntN(2) {
		if len(parts) == 0 || len(others) == 0 {
			break
		}
		i, j := random.IntN(len(parts)), random.IntN(len(parts))
		switch random.IntN(6) {
		case 0:
			parts = append(parts[:i:i], parts[i+1:]...)
		case 1:
			parts[i], parts[j] = parts[j], parts[i]
		case 2:
			parts[i] = others[random.IntN(len(others))]
		case 3:
			parts[i] += seeds[random.IntN(len(seeds))]
		case 4:
			parts[i] = seeds[random.IntN(len(seeds))] + parts[i]
		case 5:
			parts = append(append(parts[:i:i], ";"), others[random.IntN(len(others)):]...)
		}
	}
	out := ""
	for _, part := range parts {
		out += part
	}
	return out
}

// pieces are what compose puts together.
var pieces = []string{
	"1", "a", "'a'", "''", `'\'`, `E'\''`, `E'\\'`, `U&'\0041'`, "x'1'", "b'1'", "n'a'", "$$a$$", "$a$;$a$", `"a"`, `U&"a"`, " UESCAPE '!'",
	" ", " ", "\n", "\r", "\t", "\f", "--x\n", "--x\r", "-- ' \n", "/*x*/", "/* ' */", "/*/**/*/", "/*", "*/", "--",
	";", ";", ",", ",", "||", "+", "-", "*", "@", "?", "::text", " AS ", "(", ")", "[", ".", ":", "'", `"`, "E'", "$$", `\`,
	" SELECT ", " DO ", " VALUES (1)", " TABLE a", " BEGIN", " END", " CREATE FUNCTION f() RETURNS int BEGIN ATOMIC ", " CASE WHEN TRUE THEN 1 ",
}

// compose makes a text up.
func compose(random *rand.Rand) string {
	sql := []string{"SELECT ", "DO ", "SELECT 1", "VALUES ('a')"}[random.IntN(4)]
	for range 1 + random.IntN(7) {
		sql += pieces[random.IntN(len(pieces))]
	}
	return sql
}
