package proxy

import (
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// maxApplicationName is what the server keeps of an application name, in
	// bytes (NAMEDATALEN-1).
	maxApplicationName = 63
	// shownUser is how much of a person's name goes into it, in bytes, and
	// shownID how much of the session's id: enough to find it in the trail.
	shownUser = 20
	shownID   = 10
)

// personName is what a person is called: several may use one user name.
func (s *session) personName() string {
	if b := s.identity.Bearer; b != nil && b.Name != "" {
		return b.Name
	}
	return s.identity.User
}

// personID tells people apart who have the same name somewhere else.
func (s *session) personID() string {
	if b := s.identity.Bearer; b != nil {
		return b.Issuer + " " + b.Subject
	}
	return ""
}

// namedParams are the client's settings. Where Vault makes the logins, the
// application name says to whom a session belongs: pg_stat_activity and the
// server's log then lead to the trail, also where the role's name is Vault's
// choice. A role that the proxy makes itself has all of it in its comment.
func (s *session) namedParams() []param {
	if s.database.config.Credential.Vault == nil {
		return s.startup.params
	}
	name := applicationName(s.startup.application, s.personName(), s.id)
	params := slices.Clone(s.startup.params)
	for i := range params {
		if strings.EqualFold(params[i].name, "application_name") {
			params[i].value = name
			return params
		}
	}
	return append(params, param{"application_name", name})
}

// applicationName is the client's own name for itself, as much of it as fits,
// and behind it the person and the session.
func applicationName(application, user, id string) string {
	suffix := "[sluice " + firstBytes(user, shownUser) + " " + firstBytes(id, shownID) + "]"
	if application == "" {
		return suffix
	}
	return firstBytes(application, maxApplicationName-len(suffix)-1) + " " + suffix
}

// firstBytes cuts a text to so many bytes without cutting a character.
func firstBytes(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
