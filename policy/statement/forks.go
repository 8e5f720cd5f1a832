package statement

import (
	"strings"
)

// lookalike is syntax of another product or of a newer PostgreSQL, told by
// words that follow one another, so that the author of a refused text reads
// what is wrong with it and what to do.
type lookalike struct {
	// words are in lower case; with starts they begin the statement.
	words  string
	starts bool
	hint   string
	// first, if set, is the first word of the statement.
	first string
}

const (
	redshiftHint  = "This looks like Amazon Redshift, which Sluice does not stand in front of. On PostgreSQL use COPY (...) TO STDOUT and store the result where the policy allows it."
	cockroachHint = "This looks like CockroachDB, which Sluice does not stand in front of. On PostgreSQL use COPY (...) TO STDOUT, pg_dump or logical replication, as far as the policy allows them."
	greenplumHint = "This looks like Greenplum, which Sluice does not stand in front of. Leave the clause out: PostgreSQL has one server, no segments."
	edbHint       = "This looks like EDB Postgres Advanced Server or Oracle, which Sluice does not stand in front of. Use schemas and functions instead of packages, and a foreign server instead of a database link."
	mysqlHint     = "This looks like MySQL. On PostgreSQL use COPY, double quotes for names, and the catalog views."
	psqlHint      = "This looks like a command of psql, which psql runs itself and does not send. Run the file with psql, or put SQL in its place."
	replicaHint   = "This looks like a command of the replication protocol. It works on a replication connection (replication=database), if the policy names slot and publications for you."
	hint18        = "This looks like syntax of PostgreSQL 18; " + grammarOlder
	hint19        = "This looks like syntax of PostgreSQL 19; " + grammarOlder

	grammarOlder = "Sluice reads PostgreSQL 17 grammar and refuses newer syntax. Write it in the older way until Sluice reads it."
)

var lookalikes = []lookalike{
	{words: "unload", starts: true, hint: redshiftHint},
	{words: "iam_role", hint: redshiftHint, first: "copy"},
	{words: "distkey", hint: redshiftHint, first: "create"},
	{words: "sortkey", hint: redshiftHint, first: "create"},
	{words: "diststyle", hint: redshiftHint, first: "create"},
	{words: "export into", starts: true, hint: cockroachHint},
	{words: "import into", starts: true, hint: cockroachHint},
	{words: "import table", starts: true, hint: cockroachHint},
	{words: "backup", starts: true, hint: cockroachHint},
	{words: "restore", starts: true, hint: cockroachHint},
	{words: "create changefeed", starts: true, hint: cockroachHint},
	{words: "create schedule", starts: true, hint: cockroachHint},
	{words: "upsert", starts: true, hint: cockroachHint},
	{words: "as of system", hint: cockroachHint},
	{words: "on segment", hint: greenplumHint, first: "copy"},
	{words: "on coordinator", hint: greenplumHint, first: "copy"},
	{words: "external table", hint: greenplumHint},
	{words: "external web", hint: greenplumHint},
	{words: "distributed by", hint: greenplumHint},
	{words: "distributed randomly", hint: greenplumHint},
	{words: "distributed replicated", hint: greenplumHint},
	{words: "create package", starts: true, hint: edbHint},
	{words: "create or replace package", starts: true, hint: edbHint},
	{words: "drop package", starts: true, hint: edbHint},
	{words: "database link", hint: edbHint},
	{words: "connect by", hint: edbHint},
	{words: "into outfile", hint: mysqlHint},
	{words: "into dumpfile", hint: mysqlHint},
	{words: "load data", starts: true, hint: mysqlHint},
	{words: "identify_system", starts: true, hint: replicaHint},
	{words: "base_backup", starts: true, hint: replicaHint},
	{words: "start_replication", starts: true, hint: replicaHint},
	{words: "create_replication_slot", starts: true, hint: replicaHint},
	{words: "drop_replication_slot", starts: true, hint: replicaHint},
	{words: "alter_replication_slot", starts: true, hint: replicaHint},
	{words: "read_replication_slot", starts: true, hint: replicaHint},
	{words: "timeline_history", starts: true, hint: replicaHint},
	{words: "upload_manifest", starts: true, hint: replicaHint},
	{words: "returning with (", hint: hint18},
	{words: ") virtual", hint: hint18},
	{words: "without overlaps", hint: hint18},
	{words: "not enforced", hint: hint18},
	{words: "format json", hint: hint19, first: "copy"},
	{words: "group by all", hint: hint19},
	{words: "do select", hint: hint19, first: "insert"},
	{words: "ignore nulls", hint: hint19},
	{words: "respect nulls", hint: hint19},
	{words: "repack", starts: true, hint: hint19},
	{words: "wait for lsn", starts: true, hint: hint19},
	{words: "property graph", hint: hint19},
	{words: "graph_table", hint: hint19},
}

// lookalikeHint finds what a text that does not parse looks like, in the
// statement around a byte offset; "" if it looks like nothing known.
func lookalikeHint(text string, tokens []token, at int) string {
	words := wordsAround(text, tokens, at)
	if len(words) > 0 && words[0] == `\` {
		return psqlHint
	}
	for _, l := range lookalikes {
		if l.in(words) {
			return l.hint
		}
	}
	return ""
}

func (l lookalike) in(words []string) bool {
	if l.first != "" && (len(words) == 0 || words[0] != l.first) {
		return false
	}
	want := strings.Split(l.words, " ")
	for i := 0; i+len(want) <= len(words); i++ {
		if matchWords(words[i:], want) {
			return true
		}
		if l.starts {
			return false
		}
	}
	return false
}

func matchWords(words, want []string) bool {
	for i, w := range want {
		if words[i] != w {
			return false
		}
	}
	return true
}

// wordsAround are the words and punctuation of the statement at a byte offset,
// in lower case, with literals left out and no more than a bounded number.
func wordsAround(text string, tokens []token, at int) []string {
	const most = 2000
	var words []string
	for _, t := range tokens {
		switch {
		case t.comment():
			continue
		case t.is(';'):
			if at >= 0 && t.start >= at {
				return words
			}
			words = words[:0]
			continue
		}
		if len(words) < most {
			word := "?"
			if !t.literal() && t.end-t.start <= 64 {
				word = strings.ToLower(text[t.start:t.end])
			}
			words = append(words, word)
		}
	}
	return words
}
