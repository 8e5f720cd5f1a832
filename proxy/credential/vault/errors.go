package vault

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

var (
	// ErrAway says that Vault could not be asked, or could not answer now: it
	// is unreachable, sealed, a standby, or asks for fewer questions.
	ErrAway = errors.New("Vault is away")
	// ErrDenied says that Vault answered with 403: the token is not valid any
	// more, or its policies do not allow what was asked.
	ErrDenied = errors.New("Vault denies it")

	// errGone says that a lease or token does not exist, or not any more.
	errGone = errors.New("Vault does not know it any more")
	// errFixed says that a lease cannot be renewed at all.
	errFixed = errors.New("it cannot be renewed")
	// errNothing says that Vault looked at a path and found nothing: it answers
	// 404 and says no word. Where it has nowhere to look it says so.
	errNothing = errors.New("Vault has nothing there")
	// errTaken says that something is where something was to be created.
	errTaken = errors.New("something is there already")
)

// failure is a call to Vault that did not do what it should. It never holds
// what Vault wrote, except words that are listed in known.
type failure struct {
	doing  string // what was wanted, such as "renew a lease"
	status int    // of HTTP; 0 if there was no answer
	said   string // recognised words of the answer
	kinds  []error
	cause  error // why there was no answer
	// passing says that the same call may succeed later.
	passing bool
	// undone says that Vault certainly did nothing.
	undone bool
}

func (f *failure) Error() string {
	switch {
	case f.status == 0 && errors.Is(f, ErrAway):
		return fmt.Sprintf("%s: %s: %v", f.doing, ErrAway, f.cause)
	case f.status == 0:
		return fmt.Sprintf("%s: %v", f.doing, f.cause)
	case f.said != "":
		return fmt.Sprintf("%s: %s (status %d)", f.doing, f.said, f.status)
	default:
		return fmt.Sprintf("%s: %s (status %d)", f.doing, meaning(f.status), f.status)
	}
}

// Unwrap lets errors.Is find kinds and cause.
func (f *failure) Unwrap() []error {
	if f.cause != nil {
		return append([]error{f.cause}, f.kinds...)
	}
	return f.kinds
}

// Status codes that Vault adds to those of HTTP (its documentation of
// sys/health).
const (
	statusRecovering = 472 // disaster recovery secondary
	statusStandby    = 473 // performance standby
)

// meaning words a status code for people.
func meaning(status int) string {
	switch {
	case status == statusRecovering || status == statusStandby:
		return "this Vault is a standby, and does not take questions"
	case status >= 300 && status < 400:
		return "this Vault is a standby and refers to another address; name one that leads to the active Vault"
	case status == http.StatusTooManyRequests:
		return "Vault asks for fewer questions"
	case status == http.StatusServiceUnavailable:
		return "Vault is sealed or not ready"
	case status == http.StatusBadGateway || status == http.StatusGatewayTimeout:
		return "there is no Vault behind the load balancer"
	case status == http.StatusForbidden:
		return "Vault denies it: the token is not valid any more, or its policies do not allow this"
	case status == http.StatusNotFound:
		return "Vault has nothing at this path; are the mount and the name right?"
	case status >= 500:
		return "Vault could not do it; its log says why"
	default:
		return "Vault refuses the question"
	}
}

// known are words of Vault's answers that say more than the status, with what
// is to be said in their place. The words are those of Vault 1.21 and OpenBao
// 2, in the packages vault and builtin/logical/database and the plug-in kv.
var known = []struct {
	words string
	said  string
	kind  error
}{
	{"invalid lease", "there is no such lease", errGone},
	{"lease not found", "there is no such lease", errGone},
	{"lease expired", "the lease has ended", errGone},
	{"invalid accessor", "there is no such token", errGone},
	{"token not found", "there is no such token", errGone},
	{"lease is not renewable", "the lease is not renewable", errFixed},
	{"not renewable", "it is not renewable", errFixed},
	{"unknown role", "there is no such role in Vault", nil},
	{"invalid role or secret id", "the AppRole's role id or secret id is not valid", nil},
	{"invalid role id", "the AppRole's role id is not valid", nil},
	{"invalid secret id", "the AppRole's secret id is not valid", nil},
	{"invalid role name", "there is no such role at the login method", nil},
	{"role could not be found", "there is no such role at the login method", nil},
	{"vault is sealed", "Vault is sealed", nil},
	{"invalid token", "the token is not valid any more", nil},
	{"bad token", "the token is not valid any more", nil},
	{"no handler for route", "nothing is mounted there; is the mount right?", nil},
	{"unsupported path", "the engine that is mounted there has no such path; is the mount right?", nil},
	{"check-and-set parameter did not match", "something is there already", errTaken},
	{"non-versioned to versioned", "the engine is just being upgraded to version 2", ErrAway},
	{"batch tokens cannot", "a batch token cannot do this; let the login method give service tokens", nil},
	{"permission denied", "Vault denies it: the token is not valid any more, or its policies do not allow this", nil},
}

// understand fills in what a status code and Vault's words mean.
func (f *failure) understand(words []string) {
	text := strings.ToLower(strings.Join(words, "\n"))
	for _, k := range known {
		if !strings.Contains(text, k.words) {
			continue
		}
		f.said = k.said
		if k.kind != nil {
			f.kinds = append(f.kinds, k.kind)
		}
		f.passing = k.kind == ErrAway
		f.undone = f.passing
		break
	}
	switch s := f.status; {
	case s == http.StatusNotFound && text == "":
		f.kinds = append(f.kinds, errNothing)
	case s == http.StatusForbidden:
		// A token that is gone is not a right that is missing.
		if !errors.Is(f, errGone) {
			f.kinds = append(f.kinds, ErrDenied)
		}
	case s == http.StatusTooManyRequests, s == statusRecovering, s == statusStandby,
		s == http.StatusServiceUnavailable, s >= 300 && s < 400:
		f.kinds, f.passing, f.undone = append(f.kinds, ErrAway), true, true
	case s == http.StatusBadGateway, s == http.StatusGatewayTimeout:
		f.kinds, f.passing = append(f.kinds, ErrAway), true
	case s >= 500:
		f.passing = true
	}
}

// wrap names our side at the boundary of the package; nil stays nil.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("vault: %s: %w", doing, err)
}

// passes tells whether trying again later may help.
func passes(err error) bool {
	var f *failure
	return errors.As(err, &f) && f.passing
}
