package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/statement"
)

// ruleReplication is the id of the refusal of what no entry under replication
// allows.
const ruleReplication = "builtin:replication"

// pgoutput is PostgreSQL's own output plugin, the only one that keeps to
// publications.
const pgoutput = "pgoutput"

// feed is a stream of changes that somebody may follow.
type feed struct {
	// who holds the id, and whose sessions are meant.
	who          rule
	slot, plugin string
	// publications are sorted.
	publications []string
	mayCreate    bool
}

// Feeds reports whether the session may follow any changes at all.
func (v *View) Feeds() bool { return len(v.feeds) > 0 }

// toldFeed reports whether all relations are known that a replication command
// may reach. Only a stream carries rows, and what it carries is known if it was
// measured (withFeed).
func toldFeed(st *statement.Statement) bool {
	return st.Replication != nil && (st.Replication.Command != statement.ReplicationStart || len(st.Relations) > 0)
}

// withFeed gives the start of a stream the columns that its publications hold.
// The statement itself is not changed.
func (c *ruling) withFeed() {
	st, fact := c.st, c.judge.req.Facts.Feed
	if st.Replication == nil || st.Replication.Command != statement.ReplicationStart {
		return
	}
	c.judge.volatile = true
	if fact == nil || fact.Problem != "" || fact.Plugin != pgoutput {
		return
	}
	changed := *st
	changed.Relations, changed.Columns = nil, nil
	for _, r := range fact.Columns {
		changed.Relations = append(changed.Relations, statement.Relation{Schema: r.Schema, Name: r.Name, Access: statement.Read, Position: -1})
		for _, column := range r.Columns {
			changed.Columns = append(changed.Columns, statement.Column{Schema: r.Schema, Relation: r.Name, Name: column, Use: statement.Output, Position: -1})
		}
	}
	c.st = &changed
}

// feedFor finds the entry that allows a replication command. Without one the
// command is refused in the words that are returned. Deny rules and classes can
// still be in its way.
func (c *ruling) feedFor() (*feed, Decision) {
	command := c.st.Replication
	if command == nil {
		return nil, Decision{}
	}
	if command.Physical {
		return nil, c.refuseFeed("physical replication, backups and commands of that kind carry the whole server past every rule, and no policy allows them",
			"For a copy of what you may read use pg_dump; to follow changes use logical replication with a slot and publications that the policy names.")
	}
	feeds := c.judge.view.feeds
	if len(feeds) == 0 {
		return nil, c.refuseFeed("no entry under replication names this user and this database",
			"Ask the owner of the policy for an entry under replication with your slot and publications.")
	}
	var missed []Reason
	for _, f := range feeds {
		why := f.missing(command, c.judge.req.Facts.Feed)
		if why == "" {
			return f, Decision{}
		}
		missed = append(missed, *reason(f.who.position, "entry %s: %s", f.who.id, why))
	}
	d := c.refuseFeed("no entry under replication that names this user and this database allows it",
		"Ask for exactly the slot and the publications of an entry, or ask the owner of the policy for another.")
	d.Reasons = append(d.Reasons, missed...)
	return nil, d
}

// granting lets a command pass under an entry, unless the client may not be
// given what comes.
func (c *ruling) granting(f *feed) Decision {
	if d, refused := c.refuseClient(); refused {
		return d
	}
	d := c.decision(Allow, f.who.id, c.st.Effects[0])
	d.because(f.who.position, "entry %s allows it", f.who.id)
	c.judge.bind(bound{f.who.limits.over(Limits{}), f.who.id, f.who.limitsPosition})
	return d
}

func (c *ruling) refuseFeed(why, hint string) Decision {
	d := c.decision(Deny, ruleReplication, c.st.Effects[0])
	d.because("", "%s", why)
	d.Hint = hint
	return d
}

// missing says what keeps an entry from allowing a command; "" if nothing does.
func (f *feed) missing(command *statement.ReplicationCommand, fact *FeedFact) string {
	switch command.Command {
	case statement.ReplicationConnect, statement.ReplicationIdentify:
		return ""
	}
	if command.Slot != f.slot {
		return "it is for slot " + f.slot
	}
	switch command.Command {
	case statement.ReplicationCreate:
		if command.Plugin != f.plugin {
			return "it is for the plugin " + f.plugin
		}
		return f.creating()
	case statement.ReplicationDrop:
		return f.creating()
	case statement.ReplicationStart:
		return f.missingFor(command, fact)
	}
	return "it knows no such command"
}

func (f *feed) creating() string {
	if !f.mayCreate {
		return "it lets nobody make or drop the slot (may_create)"
	}
	return ""
}

// pgoutputOptions are the options of pgoutput that add nothing to what the
// publications hold. Messages are looked at by their value.
var pgoutputOptions = []string{"proto_version", "publication_names", "binary", "messages", "streaming", "two_phase", "origin"}

// missingFor is missing for the start of a stream.
func (f *feed) missingFor(command *statement.ReplicationCommand, fact *FeedFact) string {
	switch {
	case fact == nil:
		return "the slot was not measured"
	case fact.Problem != "":
		return "the slot could not be measured: " + quote.Short(fact.Problem, maxReason)
	case fact.Plugin == "":
		return "the database has no logical slot of this name"
	case fact.Plugin != f.plugin:
		return fmt.Sprintf("it is for the plugin %s, and the slot has %s", f.plugin, quote.Short(fact.Plugin, maxName))
	case f.plugin != pgoutput:
		return ""
	case command.Messages:
		return "messages belong to no publication: leave the option out"
	}
	for _, option := range command.Options {
		if !slices.Contains(pgoutputOptions, option) {
			return fmt.Sprintf("the option %s is not known", quote.Short(option, maxName))
		}
	}
	asked := slices.Clone(command.Publications)
	slices.Sort(asked)
	if !slices.Equal(slices.Compact(asked), f.publications) {
		return "it is for publication_names " + quote.Short(strings.Join(f.publications, ", "), maxReason)
	}
	if len(fact.Columns) == 0 {
		return "its publications hold nothing, or are not there"
	}
	return ""
}

// unsoundFeed: a replication command has the kind of one and nothing beside it.
func unsoundFeed(st *statement.Statement) string {
	switch {
	case st.Replication == nil:
		return ""
	case st.Kind != statement.Replication || len(st.Effects) != 1 || len(st.Names) > 0:
		return "a replication command has the effects of something else"
	}
	return ""
}
