package egress

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/cases"
	"github.com/sluice-pg/sluice/policy/statement"
)

// State is what becomes of who takes a road.
type State string

// The states, from the one that asks for most attention.
const (
	// Open: it leads out, and nothing is counted against a class.
	Open State = "open"
	// Counted: it leads out within limits, and counts against the class.
	Counted State = "counted"
	// Masked: what comes out has been masked.
	Masked State = "masked"
	// Passes: it is let pass, for a reason that the road has.
	Passes State = "passes"
	// ByPolicy: the policy refuses it, or holds it for somebody's approval.
	ByPolicy State = "closed by policy"
	// ByProxy: Sluice refuses it, whatever a policy says.
	ByProxy State = "closed by sluice"
	// ByPrivileges: the server does not let the role do it.
	ByPrivileges State = "closed by privileges"
	// Absent: the database has nothing there to take it by.
	Absent State = "nothing there"
)

// States are all states, in that order.
func States() []State {
	return []State{Open, Counted, Masked, Passes, ByPolicy, ByProxy, ByPrivileges, Absent}
}

// Answer is what a policy makes of a road.
type Answer struct {
	State State
	// Why says it in words.
	Why string
	// Rule is the id of the rule that decided, empty if none was asked.
	Rule string
	// Limits bind what comes out, where something does.
	Limits policy.Limits
}

// Judge asks the policy about everything that a road sends, with its names filled
// in. class is that of what the road takes, empty if it has none. q says who asks
// where, and when; its texts are not looked at. meaning says what names mean in the
// database; nil if nobody knows. The error is about the road.
func Judge(ctx context.Context, p *policy.Policy, a cases.Analyzer, q cases.Question, meaning cases.Meaning, r *Road, names Names, class string) (Answer, error) {
	if r.Always != "" {
		return Answer{State: ByProxy, Why: r.Always}, nil
	}
	texts, call, err := r.judged(names)
	if err != nil {
		return Answer{}, fmt.Errorf("egress: road %s: %w", r.ID, err)
	}
	q.Texts = texts
	decisions, err := cases.Ask(ctx, p, a, &q, meaning)
	if err != nil {
		return Answer{}, fmt.Errorf("egress: %w", err)
	}
	if call != nil {
		decisions = append(decisions, *callDecision(p, q, *call))
	}
	if len(decisions) == 0 {
		return Answer{}, fmt.Errorf("egress: road %s sends nothing that a policy could be asked about, and does not say what refuses it", r.ID)
	}
	return r.answer(decisions, class), nil
}

// judged are the texts that a policy is asked about, and the number of a function
// that is called without one. Messages that only name what an earlier one brought
// are judged with it.
func (r *Road) judged(names Names) (texts []string, call *uint32, err error) {
	parsed := false
	for _, s := range r.Steps {
		text, err := names.Fill(s.Text)
		if err != nil {
			return nil, nil, err
		}
		if s.SQL {
			if word, _, _ := strings.Cut(text, " "); parsed && (word == "EXECUTE" || word == "FETCH") {
				continue
			}
			texts = append(texts, text)
			continue
		}
		message, rest, _ := strings.Cut(text, " ")
		switch message {
		case "Parse", "Query":
			sql, err := quotedText(rest, message == "Parse")
			if err != nil {
				return nil, nil, err
			}
			texts, parsed = append(texts, sql), true
		case "FunctionCall":
			digits, _, _ := strings.Cut(rest, " ")
			oid, err := strconv.ParseUint(digits, 10, 32)
			if err != nil {
				return nil, nil, fmt.Errorf("%q is no number of a function", digits)
			}
			number := uint32(oid)
			call = &number
		}
	}
	return texts, call, nil
}

// quotedText is the text of a message: the first Go string behind its name, or the
// second, after a statement's name.
func quotedText(rest string, second bool) (string, error) {
	for {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return "", fmt.Errorf("%q does not begin with a quoted text", rest)
		}
		text, err := strconv.Unquote(quoted)
		if err != nil || !second {
			return text, err
		}
		rest, second = strings.TrimLeft(rest[len(quoted):], " "), false
	}
}

// callDecision is about a function that is called by its number.
func callDecision(p *policy.Policy, q cases.Question, oid uint32) *policy.Decision {
	st, known := policy.FunctionCall(oid)
	if !known {
		return &policy.Decision{Rule: "builtin:function-call"}
	}
	d := p.Decide(&policy.Request{
		Identity: q.Identity, Session: q.Session, Time: q.Time, Kind: st.Kind, Statements: []statement.Statement{st},
	})
	return &d
}

// answer sums decisions up: the first that refuses closes the road.
func (r *Road) answer(decisions []policy.Decision, class string) Answer {
	var out Answer
	discreet, reticent := false, false
	for _, d := range decisions {
		discreet, reticent = discreet || d.Discreet, reticent || d.Reticent
		switch d.Verdict {
		case policy.Allow:
		case policy.Mask:
			out = Answer{State: Masked, Rule: d.Rule, Why: "what comes out is masked", Limits: d.Limits}
		case policy.Hold:
			return Answer{State: ByPolicy, Rule: d.Rule, Why: "held until somebody approves it"}
		default:
			return Answer{State: ByPolicy, Rule: d.Rule, Why: because(&d)}
		}
	}
	switch {
	case (r.Leaves == Words || r.Leaves == DataError) && discreet, r.Leaves == DataError && reticent:
		return Answer{State: ByPolicy, Rule: decisions[0].Rule, Why: "what the server says of an error arrives without what could quote a value"}
	case out.State == Masked:
		return out
	}
	if r.Passes != "" {
		return Answer{State: Passes, Why: r.Passes}
	}
	for _, d := range decisions {
		if (r.Leaves == ToClient || r.Leaves == Words) && class != "" && slices.Contains(d.Classes, class) {
			return Answer{State: Counted, Rule: d.LimitsRule, Why: "counts as " + class, Limits: d.Limits}
		}
	}
	out = Answer{State: Open, Why: "nothing refuses it"}
	if r.Leaves == ToClient {
		last := decisions[len(decisions)-1]
		out.Limits, out.Rule = last.Limits, last.LimitsRule
		out.Why = "nothing counts it against a class"
	}
	return out
}

func because(d *policy.Decision) string {
	if len(d.Reasons) == 0 {
		return "refused"
	}
	text, _, _ := strings.Cut(d.Reasons[0].Text, "\n")
	return text
}
