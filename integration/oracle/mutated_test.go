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
const rounds = 3

// mutated spoils every text of the corpus a little and asks again. The server
// with the parser's own grammar must read exactly what the analysis reads; on
// every server, what both read must fall into as many statements.
func (o *oracle) mutated(t *testing.T, version int, analyzer *statement.Analyzer) {
	o.session.t = t
	random := rand.New(rand.NewPCG(1, 2))
	both := 0
	for i := range rounds * len(o.texts) {
		sql := o.texts[i%len(o.texts)]
		spoilt := spoil(random, sql, o.texts[random.IntN(len(o.texts))])
		analysis := analyzer.Analyze(context.Background(), spoilt)
		reads, _ := o.asks(spoilt)
		if version == grammar && reads != (analysis.Problem == nil) && !expected(spoilt, analysis.Problem) {
			t.Errorf("the server reads it: %t, the analysis: %v: %s", reads, analysis.Problem, written(spoilt))
		}
		if !reads || analysis.Problem != nil {
			continue
		}
		both++
		o.reset()
		o.query("BEGIN")
		o.compare(t, spoilt, len(analysis.Statements), o.query(spoilt))
	}
	if both < rounds*len(o.texts)/20 {
		t.Errorf("only %d spoilt texts are read by both", both)
	}
	t.Logf("%d of %d spoilt texts are read by both", both, rounds*len(o.texts))
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
	return problem.Message == "a string goes on behind a comment"
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
