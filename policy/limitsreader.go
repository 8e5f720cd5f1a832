package policy

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// unlimited is how a document lifts a limit.
const unlimited = "unlimited"

// limits reads what a rule or the defaults say about limits, with its place.
func (r *reader) limits(entry *limitsEntry) (limitSet, string) {
	if entry == nil {
		return limitSet{}, ""
	}
	set := limitSet{
		rows:     readLimit(r, entry.Rows, "rows", "a whole number or "+unlimited, parseCount),
		bytes:    readLimit(r, entry.Bytes, "bytes", "a number of bytes such as 65536, 64KiB, 8MiB or 1GiB, or "+unlimited, parseBytes),
		duration: readLimit(r, entry.Duration, "duration", "a time span such as 30s or 5m, or "+unlimited, parseSpan),
	}
	if entry.Rows.IsZero() && entry.Bytes.IsZero() && entry.Duration.IsZero() {
		r.errs.Addf(entry.Position, "limits name rows, bytes or duration; leave the key out to keep the defaults")
	}
	return set, r.source.At(entry.Position)
}

// readLimit reads one limit; nil if it is not given or not understood. A
// limit of nothing is a mistake: who means that wants a deny rule.
func readLimit[T ~int64](r *reader, entry strictyaml.Scalar, name, form string, parse func(string) (T, error)) *T {
	if entry.IsZero() {
		return nil
	}
	if entry.Value == unlimited {
		return new(T)
	}
	value, err := parse(entry.Value)
	switch {
	case err != nil:
		r.errs.Addf(entry.Position, "%s is %s, not %q", name, form, entry.Value)
	case value <= 0:
		r.errs.Addf(entry.Position, "%s must be more than nothing: write %s to lift the limit, or a deny rule to refuse", name, unlimited)
	default:
		return &value
	}
	return nil
}

// count is the one way to write a whole number.
var count = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

func parseCount(text string) (int64, error) {
	if !count.MatchString(text) {
		return 0, errNoNumber
	}
	return strconv.ParseInt(text, 10, 64)
}

// byteUnits are the binary units of the IEC (80000-13).
var byteUnits = []struct {
	name  string
	shift uint
}{{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}}

var (
	errNoNumber = errors.New("no whole number")
	errTooLarge = errors.New("more bytes than can be counted")
)

func parseBytes(text string) (int64, error) {
	for _, unit := range byteUnits {
		number, found := strings.CutSuffix(text, unit.name)
		if !found {
			continue
		}
		n, err := parseCount(number)
		if err != nil {
			return 0, err
		}
		if n > (1<<62)>>unit.shift {
			return 0, errTooLarge
		}
		return n << unit.shift, nil
	}
	return parseCount(text)
}

func parseSpan(text string) (time.Duration, error) { return time.ParseDuration(text) }
