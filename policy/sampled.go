package policy

import "github.com/sluice-pg/sluice/policy/statement"

// sampled are the columns of PostgreSQL's statistics that hold values of
// whatever columns were analysed, by relation; from the catalogs of 13 to 18.
// How many values there are, and how often, is no value.
var sampled = map[string]map[string]bool{
	"pg_statistic": {
		"stavalues1": true, "stavalues2": true, "stavalues3": true, "stavalues4": true, "stavalues5": true,
	},
	"pg_stats": {
		"most_common_vals": true, "histogram_bounds": true, "most_common_elems": true, "range_bounds_histogram": true,
	},
	"pg_stats_ext":          {"most_common_vals": true},
	"pg_stats_ext_exprs":    {"most_common_vals": true, "histogram_bounds": true, "most_common_elems": true, "range_bounds_histogram": true},
	"pg_statistic_ext_data": {"stxdmcv": true, "stxdexpr": true},
}

// samples reports whether a column may hold values of any other column.
func samples(st *statement.Statement, c *statement.Column) bool {
	from := func(schema, relation string) bool {
		columns := sampled[relation]
		return columns != nil && (schema == "" || schema == "pg_catalog") && (c.Star || columns[c.Name])
	}
	if c.Relation != "" {
		return from(c.Schema, c.Relation)
	}
	for i := range st.Relations {
		if from(st.Relations[i].Schema, st.Relations[i].Name) {
			return true
		}
	}
	return false
}
