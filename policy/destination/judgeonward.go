package destination

import (
	"fmt"
	"slices"
)

// onward judges by which ways data goes on from the place by itself.
func (j *judge) onward() {
	if j.floor.OnwardCopies == "" {
		return
	}
	j.archive()
	in := j.m.Inside
	for _, list := range []struct {
		known bool
		what  string
		why   string
	}{
		{in.Slots.Known, "Which replication slots there are", in.Slots.Evidence},
		{in.Walsenders.Known, "Who is streaming", in.Walsenders.Evidence},
		{in.Publications.Known, "What is published", in.Publications.Evidence},
		{in.Subscriptions.Known, "What is subscribed to", in.Subscriptions.Evidence},
		{in.ForeignServers.Known, "Which foreign servers there are", in.ForeignServers.Evidence},
	} {
		if !list.known {
			j.unknown(CodeOnward, list.what, list.why, fixSetup)
		}
	}
	for _, s := range in.Slots.Value {
		j.way(s.Name, fmt.Sprintf("The replication slot %q keeps changes for somebody who fetches them.", Clean(s.Name)), "pg_replication_slots")
	}
	for _, w := range in.Walsenders.Value {
		from := ""
		if w.Address != "" {
			from = " from " + Clean(w.Address)
		}
		j.way(w.Application, fmt.Sprintf("Somebody%s is being sent all changes as %q (%q).", from, Clean(w.Role), Clean(w.Application)), "pg_stat_replication")
	}
	for _, p := range in.Publications.Value {
		what := "some tables"
		if p.AllTables {
			what = "all tables, also those that are yet to come"
		}
		j.way(p.Name, fmt.Sprintf("The publication %q offers subscribers %s.", Clean(p.Name), what), "pg_publication")
	}
	for _, s := range in.ForeignServers.Value {
		j.way(s.Name, fmt.Sprintf("The foreign server %q (%s) leads elsewhere.", Clean(s.Name), Clean(s.Wrapper)), "pg_foreign_server")
	}
}

// way adds a way onward that the policy does not name.
func (j *judge) way(name, sentence, evidence string) {
	if name != "" && slices.Contains(j.floor.Onward, name) {
		return
	}
	j.add(CodeOnward, Medium, sentence, "Remove it, or name it in the policy as a place where data may go on to.", evidence)
}

// archive judges the archiving of the write-ahead log.
func (j *judge) archive() {
	switch value, known := j.m.Inside.setting("archive_mode"); {
	case !known:
		j.unknown(CodeOnward, "Whether the write-ahead log is archived", j.m.Inside.Settings["archive_mode"].Evidence, fixSetup)
	case value != "off":
		j.way("archive", "The write-ahead log is archived (archive_mode = "+Clean(value)+"): what is deleted lives on there.", "archive_mode")
	}
}
