package policy

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/strictyaml"
)

var (
	// slotName is how the server lets slots be called
	// (ReplicationSlotValidateName).
	slotName = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)
	// pluginName is that of a library, as far as anybody calls one.
	pluginName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)
)

// feeds reads who may follow which changes.
func (r *reader) feeds(entries []feedEntry) []*feed {
	feeds := make([]*feed, 0, len(entries))
	lines := map[string]int{}
	for i := range entries {
		entry := &entries[i]
		one := r.feed(entry)
		if line, double := lines[one.who.id]; double && one.who.id != "" {
			r.errs.Addf(entry.ID.Position, "the id %q is taken by the entry on line %d", one.who.id, line)
		} else {
			lines[one.who.id] = entry.Line
		}
		feeds = append(feeds, one)
	}
	return feeds
}

func (r *reader) feed(entry *feedEntry) *feed {
	out := &feed{
		who: rule{
			id: entry.ID.Value, place: entry.Position, position: r.source.At(entry.Position), effect: Allow,
			owner: strings.TrimSpace(entry.Owner.Value),
		},
		slot: entry.Slot.Value, plugin: entry.Plugin.Value, mayCreate: entry.MayCreate,
	}
	if !identifier.MatchString(out.who.id) {
		r.errs.Addf(orElse(entry.ID.Position, entry.Position), "an entry of replication needs an id made of %s", identifierWords)
	}
	if utf8.RuneCountInString(entry.Owner.Value) > maxName {
		r.errs.Addf(entry.Owner.Position, "an owner has at most %d characters", maxName)
	}
	r.follower(entry, &out.who)
	out.who.limits, out.who.limitsPosition = r.limits(entry.Limits)
	if !slotName.MatchString(out.slot) {
		r.errs.Addf(orElse(entry.Slot.Position, entry.Position), "an entry of replication names its slot, made of lower-case letters, digits and underscores, at most 63 of them")
	}
	if entry.Plugin.IsZero() {
		out.plugin = pgoutput
	} else if !pluginName.MatchString(out.plugin) {
		r.errs.Addf(entry.Plugin.Position, "%q is not the name of an output plugin, such as pgoutput, test_decoding or wal2json", entry.Plugin.Value)
	}
	out.publications = r.publications(entry, out.plugin)
	return out
}

// follower reads who may follow. Nobody is meant by leaving something out.
func (r *reader) follower(entry *feedEntry, who *rule) {
	for _, list := range []struct {
		name  string
		texts []strictyaml.Text
	}{{"users", entry.Users}, {"databases", entry.Databases}} {
		if len(list.texts) == 0 {
			r.errs.Addf(entry.Position, "an entry of replication names its %s", list.name)
		}
	}
	r.emptyList(entry.Position, "addresses", entry.Addresses)
	r.emptyList(entry.Position, "methods", entry.Methods)
	who.users, who.databases = r.names(entry.Users, "user"), r.names(entry.Databases, "database")
	r.declared(entry.Databases)
	who.addresses, who.methods = r.addresses(entry.Addresses), r.methods(entry.Methods)
}

// publications reads the names of publications, sorted.
func (r *reader) publications(entry *feedEntry, plugin string) []string {
	switch {
	case plugin == pgoutput && len(entry.Publications) == 0:
		r.errs.Addf(entry.Position, "an entry of replication with the plugin pgoutput names its publications")
	case plugin != pgoutput && entry.Publications != nil:
		r.errs.Addf(entry.Position, "the plugin %s knows no publications and streams the whole database: leave publications out", quote.Short(plugin, maxName))
	}
	names := make([]string, 0, len(entry.Publications))
	for _, text := range entry.Publications {
		switch {
		case text.Value == "" || len(text.Value) > maxName || strings.Contains(text.Value, "*"):
			r.errs.Addf(text.Position, "%q is not the name of a publication: write it out in full, as the catalog has it", text.Value)
		case slices.Contains(names, text.Value):
			r.errs.Addf(text.Position, "%s stands twice in this entry", text.Value)
		}
		names = append(names, text.Value)
	}
	slices.Sort(names)
	return names
}
