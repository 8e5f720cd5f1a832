package layers

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// Prefix begins the names of our variables.
const Prefix = "SLUICE_"

const fileSuffix = "_FILE"

// maxValue is how much is read from a file that holds a value, in bytes.
const maxValue = 64 << 10

// ours are variables that mean something elsewhere: the flags of commands
// have them, or the tests.
var ours = regexp.MustCompile(`^SLUICE_(CONFIG|TRAIL|TEST_[A-Z0-9_]+|FUZZ_TIME)$`)

// serviceLinks are variables that Kubernetes makes in every container for
// every service of the name space: of one named sluice, or sluice-admin.
var serviceLinks = regexp.MustCompile(`^SLUICE_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// serviceAddress is the value of one more of them, SLUICE_PORT, whose name
// could be that of a setting.
var serviceAddress = regexp.MustCompile(`^(tcp|udp|sctp)://`)

// Variable is the environment's name of a setting.
func Variable(setting string) string {
	return Prefix + strings.ToUpper(strings.Join(split(setting), "_"))
}

// assignment gives one setting a value.
type assignment struct {
	parts  []string
	text   string
	origin Origin
}

// fromEnvironment finds the settings in variables of the form NAME=value, in
// the order in which entries of lists have to be made.
func fromEnvironment(t reflect.Type, environ []string, paths map[string]bool) ([]assignment, error) {
	given := map[string]string{}
	for _, variable := range environ {
		if name, value, _ := strings.Cut(variable, "="); strings.HasPrefix(name, Prefix) && !isForeign(name, value) {
			given[name] = value
		}
	}
	var all []assignment
	var faults []error
	for name, value := range given {
		a, err := fromVariable(t, name, value, paths)
		switch {
		case err != nil:
			faults = append(faults, err)
		case value == "":
		case a.origin.file && given[strings.TrimSuffix(name, fileSuffix)] != "":
			faults = append(faults, fmt.Errorf("%s and %s are both set: keep one of them", strings.TrimSuffix(name, fileSuffix), name))
		default:
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b assignment) int { return slices.CompareFunc(a.parts, b.parts, compareParts) })
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return all, errors.Join(faults...)
}

func isForeign(name, value string) bool {
	return ours.MatchString(name) || serviceLinks.MatchString(name) || strings.HasSuffix(name, "_PORT") && serviceAddress.MatchString(value)
}

// compareParts puts entry 10 behind entry 9.
func compareParts(a, b string) int {
	m, errA := strconv.Atoi(a)
	n, errB := strconv.Atoi(b)
	if errA == nil && errB == nil {
		return m - n
	}
	return strings.Compare(a, b)
}

func fromVariable(t reflect.Type, name, value string, paths map[string]bool) (assignment, error) {
	rest := strings.TrimPrefix(name, Prefix)
	if parts := match(t, rest); parts != nil {
		return assignment{parts, value, Origin{Kind: Environment, Place: name}}, nil
	}
	parts := match(t, strings.TrimSuffix(rest, fileSuffix))
	if parts == nil || !strings.HasSuffix(rest, fileSuffix) {
		return assignment{}, fmt.Errorf("%s is no setting%s", name, nearVariable(t, rest))
	}
	setting := path(parts)
	if leafType(t, parts).Kind() != reflect.String {
		return assignment{}, fmt.Errorf("%s: %s is no text, and only a text can come from a file", name, setting)
	}
	if paths[unindexed(setting)] {
		return assignment{}, fmt.Errorf("%s: %s is the path of a file itself: set %s to it", name, setting, strings.TrimSuffix(name, fileSuffix))
	}
	if value == "" {
		return assignment{}, nil
	}
	text, err := oneLine(value)
	if err != nil {
		return assignment{}, fmt.Errorf("%s: %w", name, err)
	}
	return assignment{parts, text, Origin{Kind: Environment, Place: name, file: true}}, nil
}

// match finds the setting that a name without the prefix means, nil if none.
func match(t reflect.Type, rest string) []string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case isLeaf(t):
		return nil
	case t.Kind() == reflect.Slice:
		number, rest, found := strings.Cut(rest, "_")
		if !found || !entry.MatchString(number) {
			return nil
		}
		if parts := match(t.Elem(), rest); parts != nil {
			return append([]string{number}, parts...)
		}
		return nil
	}
	for i := range t.NumField() {
		key := keyOf(t.Field(i))
		upper := strings.ToUpper(key)
		if key == "" {
			continue
		}
		if rest == upper && isLeaf(t.Field(i).Type) {
			return []string{key}
		}
		if inner, found := strings.CutPrefix(rest, upper+"_"); found {
			if parts := match(t.Field(i).Type, inner); parts != nil {
				return append([]string{key}, parts...)
			}
		}
	}
	return nil
}

// leafType is the type of a setting that exists.
func leafType(t reflect.Type, parts []string) reflect.Type {
	first := slices.Clone(parts)
	for i, part := range first {
		if entry.MatchString(part) {
			first[i] = "0" // the one that a sample has
		}
	}
	v, err := reach(sample(t), first)
	if err != nil {
		panic("layers: " + err.Error())
	}
	return v.Type()
}

var numbers = regexp.MustCompile(`(^|_)\d+(_|$)`)

// nearVariable is the tail of a message about a variable that means nothing.
// Entries of lists count for the likeness only as numbers, whatever number.
func nearVariable(t reflect.Type, rest string) string {
	var names []string
	leaves(sample(t), "", func(path string, _ reflect.Value) { names = append(names, strings.TrimPrefix(Variable(path), Prefix)) })
	var written []string
	zeroed := numbers.ReplaceAllStringFunc(rest, func(found string) string {
		digits := strings.Trim(found, "_")
		written = append(written, digits)
		return strings.Replace(found, digits, "0", 1)
	})
	meant := strictyaml.Suggest(zeroed, names)
	if meant == "" {
		return "; sluice config schema lists them, and the names of its keys joined by _ are those of the variables"
	}
	meant = numbers.ReplaceAllStringFunc(meant, func(found string) string {
		if len(written) == 0 {
			return found
		}
		digits := written[0]
		written = written[1:]
		return strings.Replace(found, "0", digits, 1)
	})
	return "; did you mean " + Prefix + meant + "?"
}

// oneLine reads the value of a setting from a file. Its errors do not quote
// it.
func oneLine(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxValue+1))
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	switch {
	case len(data) > maxValue:
		return "", fmt.Errorf("%s is larger than %d bytes", path, maxValue)
	case text == "":
		return "", fmt.Errorf("%s is empty", path)
	case strings.ContainsAny(text, "\n\x00"):
		return "", fmt.Errorf("%s has more than the one line that a value is", path)
	}
	return text, nil
}
