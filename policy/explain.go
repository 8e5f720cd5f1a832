package policy

import (
	"strings"
	"unicode/utf8"
)

// maxPrimary is how long the first line of an error should be, in
// characters: longer ones are cut by logs and chat windows.
const maxPrimary = 120

// minSubject is how much of the subject stays, however long the rest is.
const minSubject = 16

// cannot says why a verdict between allow and deny is a refusal for the
// client: nothing in this program does what it asks for.
var cannot = map[Verdict]string{
	Mask:  "Sluice cannot mask values, so the statement is refused",
	Carry: "Sluice cannot carry rows itself, so the statement is refused",
	Hold:  "Sluice cannot ask anybody for approval, so the statement is refused",
}

// Explain puts a decision into the words a client reads. The message alone
// tells what was refused, by which rule, under which request id, and what to
// type to learn more; where possible it has no more than 120 characters, and
// only the subject is ever cut. The detail holds the reasons, one a line,
// with the place of the rule. The hint says what to do instead; it may be
// empty. The id is the request's, letters and digits.
func Explain(d Decision, id string) (message, detail, hint string) {
	verb := explainVerbs[d.Verdict]
	if d.Rule == ruleParse {
		verb = ", refused by rule "
	}
	tail := verb + strings.TrimPrefix(d.Rule, "builtin:") + " [req " + id + "]; SHOW sluice.why_" + id
	const head = "sluice: "
	room := max(minSubject, maxPrimary-len(head)-utf8.RuneCountInString(tail))
	detail = details(d.Reasons)
	if why := cannot[d.Verdict]; why != "" {
		detail += "\n" + why
	}
	return head + shorten(d.Subject, room) + tail, detail, d.Hint
}

var explainVerbs = map[Verdict]string{
	Deny:  " refused by rule ",
	Hold:  " is held back by rule ",
	Carry: " has to be carried by rule ",
	Mask:  " has to be masked by rule ",
	Allow: " allowed by rule ",
}

// shorten cuts a text to a number of characters, the mark of the cut
// included.
func shorten(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return strings.TrimRight(string([]rune(text)[:most-1]), " ") + "…"
}

func details(reasons []Reason) string {
	lines := make([]string, 0, len(reasons))
	for _, r := range reasons {
		line := r.Text
		if r.Position != "" {
			line += " (" + r.Position + ")"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}
