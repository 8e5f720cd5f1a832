package statement

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// Option is an option of COPY, EXPLAIN, VACUUM and their like.
type Option struct {
	// Name is lower case.
	Name string `json:"name"`
	// Value is a number, true, false, or one of the words PostgreSQL and
	// its common extensions know; anything else is left out, since it may
	// be a value of the client's.
	Value    string `json:"value,omitempty"`
	Position int    `json:"position"`
}

// optionWords are the words that an option's value may be recorded as.
var optionWords = setOf(
	"on", "off", "true", "false", "auto", "none", "text", "csv", "binary", "json", "xml", "yaml", "parquet",
	"stop", "ignore", "default", "verbose", "silent", "match", "serialize", "parallel", "streaming", "any", "origin",
	"utf8", "snappy", "gzip", "zstd", "lz4", "uncompressed",
)

// options notes the options of a statement.
func (w *walker) options(list []*pg.Node) {
	const most = 200
	for _, n := range list {
		e := n.GetDefElem()
		if e == nil {
			continue
		}
		if len(w.st.Options) >= most {
			w.fail("statement has more than %d options", most)
			return
		}
		o := Option{Name: clip(strings.ToLower(e.Defname)), Value: w.optionValue(e.Arg), Position: w.place(e.Location)}
		if !slices.Contains(w.st.Options, o) {
			w.st.Options = append(w.st.Options, o)
		}
	}
}
