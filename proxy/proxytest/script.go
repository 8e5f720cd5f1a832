package proxytest

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	divider        = "----"
	acceptedMarker = "accepted difference"
	serverMarker   = "server"
)

// Script is a wire script taken apart; Format puts it together again
// without changing what a person wrote.
type Script struct {
	// Policy is what the proxy must run; "allow-all" if the file does not
	// say.
	Policy string
	// Only is "direct" or "proxy" if the script is for one of them.
	Only string
	// Server is which versions understand the script.
	Server Condition
	blocks []*block
}

// block is one paragraph: comments, a directive with its input, and the
// answers. A paragraph of comments has no directive.
type block struct {
	line    int
	lead    []string
	head    string
	input   []string
	answers []*answer
}

// answer is what is expected when its condition holds.
type answer struct {
	accepted bool
	server   Condition
	// marker is the line that introduces the answer, as written.
	marker string
	lines  []string
}

// Condition is a bound on the server's major version. The zero value holds
// for every version.
type Condition struct {
	op      string
	version int
}

// Holds reports whether a server of that major version meets the condition.
func (c Condition) Holds(version int) bool {
	switch c.op {
	case "":
		return true
	case "<":
		return version < c.version
	case "<=":
		return version <= c.version
	case ">":
		return version > c.version
	case ">=":
		return version >= c.version
	case "!=":
		return version != c.version
	}
	return version == c.version
}

func parseCondition(s string) (Condition, error) {
	for _, op := range []string{"<=", ">=", "!=", "<", ">", "="} {
		rest, ok := strings.CutPrefix(s, op)
		if !ok {
			continue
		}
		n, err := strconv.Atoi(rest)
		if err != nil || n < 10 || n > 99 {
			return Condition{}, fmt.Errorf("%q is no server version", rest)
		}
		return Condition{op, n}, nil
	}
	return Condition{}, fmt.Errorf("%q is no condition such as >=14", s)
}

// ParseScript reads a script. Errors begin with the number of the line.
func ParseScript(text string) (*Script, error) {
	s := &Script{Policy: allowAll}
	var paragraph []string
	lines := strings.Split(text, "\n")
	for i, line := range append(lines, "") {
		if line != "" {
			paragraph = append(paragraph, line)
			continue
		}
		if len(paragraph) == 0 {
			continue
		}
		if err := s.add(paragraph, i+1-len(paragraph)); err != nil {
			return nil, err
		}
		paragraph = nil
	}
	return s, nil
}

func (s *Script) add(paragraph []string, line int) error {
	b := &block{line: line}
	rest := paragraph
	for len(rest) > 0 && (strings.HasPrefix(rest[0], "#") || s.header(b, rest[0])) {
		b.lead = append(b.lead, rest[0])
		rest = rest[1:]
	}
	s.blocks = append(s.blocks, b)
	if len(rest) == 0 {
		return s.readHeader(b)
	}
	if isDivider(rest[0]) {
		return fmt.Errorf("line %d: an answer without a directive", line+len(b.lead))
	}
	b.head, rest = rest[0], rest[1:]
	for len(rest) > 0 && !isDivider(rest[0]) {
		b.input = append(b.input, rest[0])
		rest = rest[1:]
	}
	for i, l := range rest {
		if !isDivider(l) {
			last := b.answers[len(b.answers)-1]
			last.lines = append(last.lines, l)
			continue
		}
		a, err := parseAnswer(l)
		if err != nil {
			return fmt.Errorf("line %d: %w", line+len(paragraph)-len(rest)+i, err)
		}
		b.answers = append(b.answers, a)
	}
	if len(b.answers) > 0 && b.answers[0].marker != divider {
		return fmt.Errorf("line %d: the first answer has to be the common one, under %q alone", line, divider)
	}
	return s.readHeader(b)
}

// header reports whether a line of the first paragraph sets something for
// the whole script.
func (s *Script) header(b *block, line string) bool {
	if len(s.blocks) > 0 {
		return false
	}
	word, _, _ := strings.Cut(line, " ")
	return word == "policy" || word == "only" || word == "server"
}

func (s *Script) readHeader(b *block) error {
	for i, line := range b.lead {
		word, rest, _ := strings.Cut(line, " ")
		var err error
		switch word {
		case "policy":
			s.Policy = rest
		case "only":
			if s.Only = rest; rest != "direct" && rest != "proxy" {
				err = fmt.Errorf("only what? direct or proxy")
			}
		case "server":
			s.Server, err = parseCondition(rest)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", b.line+i, err)
		}
	}
	return nil
}

func isDivider(line string) bool {
	return line == divider || strings.HasPrefix(line, divider+" ")
}

func parseAnswer(line string) (*answer, error) {
	a := &answer{marker: line}
	if line == divider {
		return a, nil
	}
	what, reason, _ := strings.Cut(strings.TrimPrefix(line, divider+" "), ": ")
	if strings.TrimSpace(reason) == "" {
		return nil, fmt.Errorf("%q gives no reason after a colon", line)
	}
	for _, word := range strings.Split(what, ", ") {
		condition, isServer := strings.CutPrefix(word, serverMarker+" ")
		var err error
		switch {
		case word == acceptedMarker:
			a.accepted = true
		case isServer:
			a.server, err = parseCondition(condition)
		default:
			err = fmt.Errorf("%q is neither %q nor \"server CONDITION\"", word, acceptedMarker)
		}
		if err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Format returns the script as text, one blank line between paragraphs.
func (s *Script) Format() string {
	var paragraphs []string
	for _, b := range s.blocks {
		lines := append([]string(nil), b.lead...)
		if b.head != "" {
			lines = append(append(lines, b.head), b.input...)
		}
		for _, a := range b.answers {
			lines = append(append(lines, a.marker), a.lines...)
		}
		paragraphs = append(paragraphs, strings.Join(lines, "\n"))
	}
	return strings.Join(paragraphs, "\n\n") + "\n"
}

// expect returns the answer a target must give, nil if the script has none
// yet. An accepted difference comes before a difference between servers,
// and that before the common answer.
func (b *block) expect(proxy bool, version int) *answer {
	var best *answer
	for _, a := range b.answers {
		if (a.accepted && !proxy) || !a.server.Holds(version) {
			continue
		}
		if best == nil || weight(a) > weight(best) {
			best = a
		}
	}
	return best
}

func weight(a *answer) int {
	w := 0
	if a.accepted {
		w += 2
	}
	if a.server.op != "" {
		w++
	}
	return w
}
