package identity

import (
	"errors"
	"fmt"
)

// refuse words a refusal. Which check a token failed is no secret from whoever
// holds it: until its signature is known to be good, all that is looked at is
// what the client sent itself and what every client is told (the issuer).
func (l Login) refuse(cause error) *Failure {
	f := &Failure{Code: codeInvalidAuthorization, Cause: cause}
	name := l.Provider.issuer.Name
	switch {
	case errors.Is(cause, ErrProvider), errors.Is(cause, ErrUsedFull):
		f.Message = fmt.Sprintf("sluice: tokens of %s cannot be checked at the moment", name)
		f.Hint = "this is not your token's fault; try again in a minute. The proxy's log has the cause"
		return f
	case l.Rule.Method == MethodJWT:
		f.Code = codeInvalidPassword
		f.Message = fmt.Sprintf("password authentication failed for user %q", l.User)
	default:
		f.Message = fmt.Sprintf("OAuth bearer authentication failed for user %q", l.User)
	}
	f.Hint = hintFor(cause, name, l.User)
	return f
}

// hints say what to do about a refused token.
var hints = []struct {
	cause error
	words string
}{
	{ErrExpired, "the token has expired: get a new one"},
	{ErrNotYetValid, "the token is not valid yet; if it is new, the provider's clock and the proxy's differ"},
	{ErrTooOld, "the token was issued too long ago: get a new one"},
	{ErrReplayed, "the token was used before, and each is for one login: get a new one"},
	{ErrIssuer, "the token is from another issuer"},
	{ErrAudience, "the token is for another audience: ask for one that is meant for this proxy"},
	{ErrGroup, "you are in none of the groups that may log in here"},
	{ErrBound, "the token is bound to a key, which cannot be used here: ask for a plain bearer token"},
	{ErrUnknownKey, "the token is signed with a key that the provider does not show; if its keys changed just now, try again in some seconds"},
}

func hintFor(cause error, issuer, user string) string {
	if errors.Is(cause, ErrDiscovery) {
		return "get a token of " + issuer + " and log in with it"
	}
	for _, h := range hints {
		if errors.Is(cause, h.cause) {
			return h.words
		}
	}
	if errors.Is(cause, ErrOtherPerson) {
		return fmt.Sprintf("the token is not for %q: connect as the name it is for", user)
	}
	return "give a token of " + issuer + " that has not expired"
}
