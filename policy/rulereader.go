package policy

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/policy/strictyaml"
)

func (r *reader) rules(entries []ruleEntry) []*rule {
	if len(entries) > maxRules {
		r.errs.Addf(entries[maxRules].Position, "more than %d rules: use wildcards, or one rule with several names", maxRules)
		return nil
	}
	rules := make([]*rule, 0, len(entries))
	lines := map[string]int{}
	for i := range entries {
		entry := &entries[i]
		rule := r.rule(entry)
		if line, double := lines[rule.id]; double && rule.id != "" {
			r.errs.Addf(entry.ID.Position, "rule id %q is taken by the rule on line %d", rule.id, line)
		} else {
			lines[rule.id] = entry.Line
		}
		rules = append(rules, rule)
	}
	if r.errs.Err() == nil {
		r.unreachable(rules)
	}
	return rules
}

func (r *reader) rule(entry *ruleEntry) *rule {
	out := &rule{
		id: entry.ID.Value, place: entry.Position, position: r.source.At(entry.Position),
		message: strings.TrimSpace(entry.Message.Value), link: entry.Link.Value, owner: strings.TrimSpace(entry.Owner.Value),
	}
	if !identifier.MatchString(out.id) {
		r.errs.Addf(orElse(entry.ID.Position, entry.Position), "a rule needs an id made of %s", identifierWords)
	}
	out.effect, out.mode = r.effect(entry), r.mode(entry)
	out.kinds = r.kinds(entry, out.effect)
	out.relations = r.patterns(entry.Relations, "relation", out.effect)
	out.functions = r.patterns(entry.Functions, "function", out.effect)
	out.databases = r.names(entry.Databases, "database")
	r.declared(entry.Databases)
	out.classes = r.classPatterns(entry.Classes)
	out.destinations = r.placesNamed(entry.Destinations)
	out.when = r.condition(entry.When)
	out.users = r.names(entry.Users, "user")
	out.addresses = r.addresses(entry.Addresses)
	out.methods = r.methods(entry.Methods)
	out.groups = r.names(entry.Groups, "group")
	out.limits, out.limitsPosition = r.limits(entry.Limits)
	if entry.Limits != nil && out.effect == Deny && entry.Effect.Value == "deny" {
		r.errs.Addf(entry.Limits.Position, "a deny rule lets nothing through that could be limited: leave limits out")
	}
	out.unclassified = r.unclassified(entry)
	r.empties(entry)
	r.words(entry)
	return out
}

func orElse(a, b strictyaml.Position) strictyaml.Position {
	if a.IsZero() {
		return b
	}
	return a
}

// placesNamed reads names of destinations.
func (r *reader) placesNamed(texts []strictyaml.Text) []string {
	names := r.names(texts, "destination")
	for _, text := range texts {
		if text.Value != "" && !slices.Contains(r.placeNames, text.Value) {
			r.errs.Addf(text.Position, "%q is no destination of this document%s", text.Value, orKnown(text.Value, r.placeNames))
		}
	}
	return names
}

// effectNames lists what a rule may have as its effect.
var effectNames = []string{"deny", "allow", "mask", "carry", "hold"}

func (r *reader) effect(entry *ruleEntry) Verdict {
	at := orElse(entry.Effect.Position, entry.Position)
	if entry.Effect.IsZero() {
		r.errs.Addf(at, "a rule needs an effect: deny, allow, mask, carry or hold")
		return Deny
	}
	var effect Verdict
	if effect.UnmarshalText([]byte(entry.Effect.Value)) != nil {
		r.errs.Addf(at, "%q is not an effect%s", entry.Effect.Value, orKnown(entry.Effect.Value, effectNames))
	}
	return effect
}

func (r *reader) mode(entry *ruleEntry) Mode {
	if entry.Mode.IsZero() {
		return Enforce
	}
	at := slices.Index(modeNames[:], entry.Mode.Value)
	if at < 0 {
		r.errs.Addf(entry.Mode.Position, "%q is not a mode%s", entry.Mode.Value, orKnown(entry.Mode.Value, modeNames[:]))
		return Enforce
	}
	return Mode(at)
}

// unclassifiedNames are what a mask rule may say of columns without a class.
var unclassifiedNames = []string{"refuse", "pass"}

func (r *reader) unclassified(entry *ruleEntry) bool {
	word := entry.Unclassed
	switch {
	case word.IsZero():
		return false
	case entry.Effect.Value != Mask.String() && entry.Effect.Value != Carry.String():
		r.errs.Addf(word.Position, "unclassified belongs to mask and carry rules")
	case !slices.Contains(unclassifiedNames, word.Value):
		r.errs.Addf(word.Position, "%q is not a word for columns without a class%s", word.Value, orKnown(word.Value, unclassifiedNames))
	}
	return word.Value == "pass"
}

// Methods are the ways in which the proxy lets people prove who they are
// (Identity.Method).
func Methods() []string { return slices.Clone(methodNames) }

var methodNames = []string{"scram-sha-256", "scram-sha-256-plus", "cert", "jwt", "oauthbearer"}

func (r *reader) methods(texts []strictyaml.Text) []string {
	methods := make([]string, 0, len(texts))
	for _, text := range texts {
		switch {
		case !slices.Contains(methodNames, text.Value):
			r.errs.Addf(text.Position, "%q is not a method%s", text.Value, orKnown(text.Value, methodNames))
		case slices.Contains(methods, text.Value):
			r.errs.Addf(text.Position, "%s stands twice in this list", text.Value)
		}
		methods = append(methods, text.Value)
	}
	return methods
}

// orKnown ends a message about an unknown word with the one probably meant,
// or else with all there are.
func orKnown(got string, words []string) string {
	if best := strictyaml.Suggest(got, words); best != "" {
		return "; did you mean " + best + "?"
	}
	return "; accepted are " + strings.Join(words, ", ")
}

func (r *reader) kinds(entry *ruleEntry, effect Verdict) kindSet {
	if entry.Kinds == nil {
		if effect != Deny {
			r.errs.Addf(entry.Position, `%s rule names its kinds; kinds: ["*"] means every kind but parse_error`, article(effect))
		}
		return everyKind
	}
	var set kindSet
	for _, text := range entry.Kinds {
		if text.Value == "*" {
			set |= everyKind
			continue
		}
		kind, err := statement.ParseKind(text.Value)
		switch {
		case err != nil:
			r.errs.Addf(text.Position, "%q is not a kind%s", text.Value, orKnown(text.Value, kindNames()))
		case kind == statement.ParseError:
			r.errs.Addf(text.Position, "parse_error is refused whatever a policy says: leave it out")
		case set.has(kind):
			r.errs.Addf(text.Position, "kind %s stands twice in this rule", kind)
		}
		set |= setOf(kind)
	}
	return set
}

// article puts an effect behind its article.
func article(effect Verdict) string {
	if effect == Allow {
		return "an allow"
	}
	return "a " + effect.String()
}

// patterns reads the names of relations or functions.
func (r *reader) patterns(texts []strictyaml.Text, what string, effect Verdict) []pattern {
	patterns := make([]pattern, 0, len(texts))
	for _, text := range texts {
		p, err := parsePattern(text.Value)
		switch {
		case err != nil:
			r.errs.Addf(text.Position, "%q is not the name of a %s: %v", text.Value, what, err)
		case p.bare && effect != Deny:
			r.errs.Addf(text.Position, "%s rule names a %s with its schema, such as public.%s: a bare name means whatever a session's search_path makes of it",
				article(effect), what, text.Value)
		case slices.Contains(patterns, p):
			r.errs.Addf(text.Position, "%s stands twice in this rule", text.Value)
		}
		patterns = append(patterns, p)
	}
	return patterns
}

func (r *reader) names(texts []strictyaml.Text, what string) []string {
	names := make([]string, 0, len(texts))
	for _, text := range texts {
		switch {
		case text.Value == "":
			r.errs.Addf(text.Position, "the name of a %s is empty", what)
		case strings.Contains(text.Value, "*"):
			r.errs.Addf(text.Position, "a %s is written out in full here; a rule without %ss is for all of them", what, what)
		case slices.Contains(names, text.Value):
			r.errs.Addf(text.Position, "%s stands twice in this rule", text.Value)
		}
		names = append(names, text.Value)
	}
	return names
}

// declared checks the names of databases against the section, if there is
// one.
func (r *reader) declared(texts []strictyaml.Text) {
	if r.databaseNames == nil {
		return
	}
	for _, text := range texts {
		if text.Value != "" && !slices.Contains(r.databaseNames, text.Value) {
			r.errs.Addf(text.Position, "database %q is not declared under databases%s", text.Value, orKnown(text.Value, r.databaseNames))
		}
	}
}

func (r *reader) addresses(texts []strictyaml.Text) []netip.Prefix {
	prefixes := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		prefix, err := parsePrefix(text.Value)
		switch {
		case err != nil:
			r.errs.Addf(text.Position, "%q is not an address range: write it like 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32", text.Value)
		case prefix.Addr().Is4In6():
			r.errs.Addf(text.Position, "%s is an IPv4 range in IPv6 clothes: write it as IPv4", text.Value)
		case prefix != prefix.Masked():
			r.errs.Addf(text.Position, "%s has bits behind the prefix: do you mean %s?", text.Value, prefix.Masked())
		case slices.Contains(prefixes, prefix):
			r.errs.Addf(text.Position, "%s stands twice in this rule", text.Value)
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes
}

func parsePrefix(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		return addr.Prefix(addr.BitLen())
	}
	return netip.ParsePrefix(text)
}

// empties refuses lists without entries: it cannot be told whether all or
// none is meant.
func (r *reader) empties(entry *ruleEntry) {
	r.emptyList(entry.Position, "kinds", entry.Kinds)
	r.emptyList(entry.Position, "relations", entry.Relations)
	r.emptyList(entry.Position, "functions", entry.Functions)
	r.emptyList(entry.Position, "classes", entry.Classes)
	r.emptyList(entry.Position, "databases", entry.Databases)
	r.emptyList(entry.Position, "users", entry.Users)
	r.emptyList(entry.Position, "addresses", entry.Addresses)
	r.emptyList(entry.Position, "methods", entry.Methods)
	r.emptyList(entry.Position, "groups", entry.Groups)
}

func (r *reader) emptyList(at strictyaml.Position, name string, texts []strictyaml.Text) {
	if texts != nil && len(texts) == 0 {
		r.errs.Addf(at, "the list %s is empty: name something, or leave it out to mean all", name)
	}
}

// words checks what the owner of the rule says to the client.
func (r *reader) words(entry *ruleEntry) {
	if utf8.RuneCountInString(entry.Message.Value) > maxMessage {
		r.errs.Addf(entry.Message.Position, "a message has at most %d characters", maxMessage)
	}
	if utf8.RuneCountInString(entry.Owner.Value) > maxName {
		r.errs.Addf(entry.Owner.Position, "an owner has at most %d characters", maxName)
	}
	if entry.Link.IsZero() {
		return
	}
	link, err := url.Parse(entry.Link.Value)
	if err != nil || link.Scheme != "https" && link.Scheme != "http" || link.Host == "" || len(entry.Link.Value) > maxLink {
		r.errs.Addf(entry.Link.Position, "a link is a web address of at most %d characters, such as https://wiki.example/data", maxLink)
	}
}
