package statement

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Options bounds what is parsed, where and for how long. Zero values mean the
// defaults.
type Options struct {
	// MaxBytes is the longest text; a longer one is Problem 54000.
	// Default 4 MiB.
	MaxBytes int
	// MaxOperators is the longest chain of binary operators, casts, joins
	// and set operations, summed over the levels of nesting; more is
	// Problem 54001. Default 1500.
	MaxOperators int
	// InProcessBytes, InProcessOperators and InProcessNesting bound what
	// is parsed in this process. Defaults 64 KiB, 200 and 50. The counts
	// are crude and high: see gate.go.
	InProcessBytes     int
	InProcessOperators int
	InProcessNesting   int
	// Worker is the command line of a worker process, which must call
	// WorkerMain with its standard input and output. It is started with
	// an empty environment. Without one, a text that needs a worker is
	// refused.
	Worker []string
	// Workers is how many run at most. Default 2.
	Workers int
	// Timeout is how long a worker may take for one text before it is
	// killed. Default 5 s.
	Timeout time.Duration
	// CacheBytes bounds the memory in which analyses are kept for texts of
	// the same shape, about; negative for none. Default 32 MiB.
	CacheBytes int
	// Parsed is told of every text that was not in the cache: how long its
	// analysis took, and whether it is a Problem. It may be nil.
	Parsed func(took time.Duration, failed bool)
}

func (o Options) withDefaults() Options {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&o.MaxBytes, 4<<20)
	set(&o.MaxOperators, 1500)
	set(&o.InProcessBytes, 64<<10)
	set(&o.InProcessOperators, 200)
	set(&o.InProcessNesting, 50)
	set(&o.Workers, 2)
	if o.CacheBytes == 0 {
		o.CacheBytes = 32 << 20
	}
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	return o
}

// Analyzer turns texts into analyses. It is safe for concurrent use.
type Analyzer struct {
	opts  Options
	pool  *pool
	cache *cache // nil for none
}

// NewAnalyzer returns an Analyzer. Worker processes start when first needed.
func NewAnalyzer(opts Options) *Analyzer {
	opts = opts.withDefaults()
	a := &Analyzer{opts: opts, pool: newPool(opts.Worker, opts.Workers, opts.Timeout)}
	if opts.CacheBytes > 0 {
		a.cache = newCache(opts.CacheBytes)
	}
	return a
}

// Close ends the worker processes and waits for them. Texts being analysed
// meanwhile, and later ones that need a worker, get Problem XX000.
func (a *Analyzer) Close() error { return a.pool.close() }

// Analyze says what a text does. The result is never nil; whatever goes
// wrong, a cancelled ctx included, is a result of kind ParseError. It is
// shared with other callers, and nobody may change it.
//
// A text that differs from an earlier one only in white space, comments and
// literals that the analysis did not look at is not parsed again: it gets the
// analysis of the earlier one. What is refused is not kept, since a refusal
// names places and words of its own text.
func (a *Analyzer) Analyze(ctx context.Context, text string) *Analysis {
	if a.cache == nil {
		analysis, _ := a.analyze(ctx, text)
		return analysis
	}
	k := keys.Get().(*key)
	defer keys.Put(k)
	// What is longer goes to a worker or is refused, like everything else
	// that has no key.
	keyed := len(text) <= min(a.opts.InProcessBytes, a.opts.MaxBytes) && k.read(text)
	if keyed {
		if found := a.cache.find(k, text); found != nil {
			a.cache.hits.add(k.stripe)
			return found
		}
	}
	a.cache.misses.add(k.stripe)
	analysis, here := a.analyze(ctx, text)
	if keyed && here && analysis.Problem == nil {
		return a.cache.keep(k, analysis)
	}
	return analysis
}

// analyze is read, with somebody told of it.
func (a *Analyzer) analyze(ctx context.Context, text string) (analysis *Analysis, here bool) {
	if a.opts.Parsed == nil {
		return a.read(ctx, text)
	}
	began := time.Now()
	analysis, here = a.read(ctx, text)
	a.opts.Parsed(time.Since(began), analysis.Problem != nil)
	return analysis, here
}

// read reads a text; here says that it was parsed in this process.
func (a *Analyzer) read(ctx context.Context, text string) (analysis *Analysis, here bool) {
	if problem := a.bounds(text); problem != nil {
		return refused(problem), false
	}
	count := crudeCount(text)
	if len(text) <= a.opts.InProcessBytes && count.fits(a.opts) {
		b := &bodies{}
		analysis := judgeWith(text, b)
		if !b.unread || len(a.opts.Worker) == 0 {
			return analysis, true
		}
	}
	analysis, err := a.pool.analyze(ctx, text, a.opts.MaxOperators)
	if err != nil {
		return refused(workerProblem(err)), false
	}
	return analysis, false
}

// bounds refuses what no parser needs to see.
func (a *Analyzer) bounds(text string) *Problem {
	if len(text) > a.opts.MaxBytes {
		return &Problem{
			SQLSTATE: "54000",
			Message:  fmt.Sprintf("statement text of %d bytes is longer than the limit of %d", len(text), a.opts.MaxBytes),
			Hint:     "Send the data with COPY FROM STDIN, or split the text into several.",
			Position: -1,
		}
	}
	if at := strings.IndexByte(text, 0); at >= 0 {
		return &Problem{SQLSTATE: "22021", Message: "statement text has a zero byte", Position: at}
	}
	if !utf8.ValidString(text) {
		return &Problem{
			SQLSTATE: "22021",
			Message:  "statement text is not valid UTF-8",
			Hint:     "Sluice reads statements as UTF-8 only; set the client's encoding to UTF8.",
			Position: firstInvalid(text),
		}
	}
	return nil
}

func firstInvalid(text string) int {
	for i, r := range text {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				return i
			}
		}
	}
	return -1
}

// refused is the analysis of a text that could not be judged.
func refused(problem *Problem) *Analysis {
	return &Analysis{Kind: ParseError, Problem: problem}
}

// Sensitive reports whether the meaning of a text may depend on settings that
// change how text is read: it has a backslash or a byte above 127. Any other
// text reads alike whatever client_encoding, standard_conforming_strings and
// backslash_quote are.
func Sensitive(text string) bool {
	for i := range len(text) {
		if c := text[i]; c == '\\' || c >= 0x80 {
			return true
		}
	}
	return false
}
