package statement

// rowFunctions are PostgreSQL's own functions and aggregates that take a row
// of any table as their only argument and give its values away. "u.to_json" is
// to_json(u), unless the table has a column of that name. From pg_proc of
// 15.18: first argument record, anyelement, anynonarray, anycompatible,
// anycompatiblenonarray or "any", all others with defaults or variadic, and
// tried; those that only count or need OVER or WITHIN GROUP left out. 16 adds
// any_value and the strict aggregates, 18 min and max of rows. Functions of
// somebody's own are for the catalog to tell.
var rowFunctions = setOf(
	"any_out", "any_value", "anycompatible_out", "anycompatiblenonarray_out", "anyelement_out", "anynonarray_out",
	"array_agg", "concat", "hash_record", "json_agg", "json_agg_strict", "json_build_array", "json_build_object",
	"jsonb_agg", "jsonb_agg_strict", "jsonb_build_array", "jsonb_build_object", "max", "min",
	"quote_literal", "quote_nullable", "record_out", "record_send", "row_to_json", "to_json", "to_jsonb",
)

const untoldAttribute = "attribute notation may call a function"
