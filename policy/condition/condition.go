package condition

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/ext"
)

// Limits of a condition. The costs are CEL's units, about one per step and
// one per ten characters looked at; MaxCost is reached in a few
// milliseconds.
const (
	// MaxLength is the length of a condition's text in bytes.
	MaxLength = 2000
	// MaxEstimate is the largest estimate accepted, for lists of
	// assumedItems entries with texts of assumedText characters.
	MaxEstimate = 1_000_000
	// MaxCost is where a running evaluation ends.
	MaxCost = 100_000

	assumedItems = 64
	assumedText  = 256
	maxNesting   = 25
)

// Condition is a compiled condition. It never changes, so any number of
// goroutines may use it.
type Condition struct {
	program cel.Program
	names   []string
}

// Mistake is what is wrong with a condition's text. Line and Column count
// from 1, columns in characters; zero for the text as a whole.
type Mistake struct {
	Line, Column int
	Message      string
}

// Error implements error.
func (m *Mistake) Error() string { return m.Message }

// environment is made once: it does not depend on any policy.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	object := func(name string) *cel.Type { return cel.ObjectType("condition." + name) }
	return cel.NewEnv(
		ext.NativeTypes(
			ext.ParseStructTags(true), reflect.TypeFor[Identity](), reflect.TypeFor[Session](),
			reflect.TypeFor[Statement](), reflect.TypeFor[Destination](),
		),
		cel.Variable("identity", object("Identity")),
		cel.Variable("session", object("Session")),
		cel.Variable("statement", object("Statement")),
		cel.Variable("destination", object("Destination")),
		cel.Variable("destinations", cel.ListType(object("Destination"))),
		cel.Variable("purpose", cel.StringType),
		cel.Variable("now", cel.TimestampType),
		cel.ParserRecursionLimit(maxNesting),
		cel.ParserExpressionSizeLimit(MaxLength),
		cel.DefaultUTCTimeZone(true),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateDurationLiterals()),
	)
})

// Compile reads a condition. The error joins one *Mistake for each thing
// that is wrong.
func Compile(text string) (*Condition, error) {
	if len(text) > MaxLength {
		return nil, mistakef("a condition has at most %d bytes, this one has %d", MaxLength, len(text))
	}
	if strings.TrimSpace(text) == "" {
		return nil, mistakef("there is nothing to evaluate: leave the key out to mean always")
	}
	env, err := environment()
	if err != nil {
		return nil, fmt.Errorf("condition: %w", err)
	}
	checked, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, mistakes(issues)
	}
	if !checked.OutputType().IsExactType(cel.BoolType) {
		return nil, mistakef("a condition is true or false, and this is %s", checked.OutputType())
	}
	estimate, err := env.EstimateCost(checked, sizes{})
	if err != nil {
		return nil, mistakef("what this condition costs cannot be estimated: %v", err)
	}
	if estimate.Max > MaxEstimate {
		return nil, mistakef("this condition may cost %d steps on a large statement, at most %d are accepted: avoid lists within lists and regular expressions over them",
			estimate.Max, MaxEstimate)
	}
	program, err := env.Program(checked, cel.CostLimit(MaxCost))
	if err != nil {
		return nil, mistakef("%v", err)
	}
	return &Condition{program: program, names: namesIn(checked)}, nil
}

func mistakef(format string, args ...any) error {
	return &Mistake{Message: fmt.Sprintf(format, args...)}
}

// mistakes gives each issue as a *Mistake. Of a text that is not CEL only the
// first counts: what the parser says after it usually follows from it.
func mistakes(issues *cel.Issues) error {
	var all []error
	for _, e := range issues.Errors() {
		all = append(all, &Mistake{Line: e.Location.Line(), Column: max(1, e.Location.Column()+1), Message: words(e.Message)})
		if strings.HasPrefix(e.Message, syntaxError) {
			break
		}
	}
	return errors.Join(all...)
}

// sizes tells the estimator how large an input is taken to be.
type sizes struct{}

// EstimateSize implements cost.Estimator.
func (sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	if len(node.Path()) == 0 {
		return nil
	}
	switch node.Type().Kind() {
	case cel.ListKind, cel.MapKind:
		text := cost.SizeEstimate{Max: assumedText}
		return &cost.SizeEstimate{Max: assumedItems, Key: &text, Elem: &text}
	case cel.StringKind:
		return &cost.SizeEstimate{Max: assumedText}
	}
	return nil
}

// EstimateCallCost implements cost.Estimator; the library's own estimates
// stand.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// namesIn lists the variables that a condition names.
func namesIn(checked *cel.Ast) []string {
	var names []string
	ast.PreOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.IdentKind {
			names = append(names, strings.TrimPrefix(e.AsIdent(), "."))
		}
	}))
	slices.Sort(names)
	return slices.Compact(names)
}

// UsesTime reports whether the answer may depend on the time.
func (c *Condition) UsesTime() bool { return slices.Contains(c.names, "now") }

// UsesDestination reports whether the answer may depend on where data would
// go, and what was measured there.
func (c *Condition) UsesDestination() bool {
	return slices.Contains(c.names, "destination") || slices.Contains(c.names, "destinations")
}

// Holds evaluates the condition. It never panics; an error is the answer of
// a condition that could not be evaluated within its bounds.
func (c *Condition) Holds(in *Input) (holds bool, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			holds, err = false, fmt.Errorf("condition: %v", fault)
		}
	}()
	out, _, err := c.program.Eval(in.variables())
	if err != nil {
		return false, fmt.Errorf("condition: %w", err)
	}
	holds, isBool := out.Value().(bool)
	if !isBool {
		return false, errors.New("condition: the answer is neither true nor false")
	}
	return holds, nil
}
