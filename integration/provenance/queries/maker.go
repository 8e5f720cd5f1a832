package queries

import (
	_ "embed"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// source is something in FROM that expressions can name. All columns made here
// are text.
type source struct {
	alias   string
	columns []string
}

// relations are what queries are made of.
var relations = []source{
	{"app.users", []string{"id", "email", "name", "phone", "boss", "note"}},
	{"app.orders", []string{"id", "user_id", "email", "total", "note"}},
	{"app.items", []string{"order_id", "id", "sku", "price", "label"}},
	{"other.users", []string{"id", "token", "email"}},
	{"app.made", []string{"id", "email", "low", "note"}},
	{"app.logs", []string{"id", "region", "line"}},
	{"app.logs_a", []string{"line", "region", "id"}},
	{"app.base", []string{"id", "name"}},
	{"ONLY app.base", []string{"id", "name"}},
	{"app.derived", []string{"id", "name", "secret"}},
	{"app.v_users", []string{"id", "mail", "name", "boss"}},
	{"app.v_orders", []string{"id", "mail", "who", "total"}},
	{"app.v_union", []string{"id", "x"}},
	{"app.v_tree", []string{"id", "path"}},
	{"app.v_using", []string{"id", "email", "name", "phone", "boss", "note", "user_id", "total", "memo"}},
	{"app.v_row", []string{"id", "doc"}},
	{"app.m_users", []string{"id", "mail"}},
}

// Schema makes what the queries are about: schemas app and other. All columns that
// queries name are text.
//
//go:embed schema.sql
var Schema string

// Maker makes random queries. Not all of them mean something to a server.
type Maker struct {
	*rand.Rand
	named int
	ctes  []source
	depth int
}

func (m *Maker) name(prefix string) string {
	m.named++
	return fmt.Sprintf("%s%d", prefix, m.named)
}

func pick[T any](m *Maker, list []T) T { return list[m.IntN(len(list))] }

func (m *Maker) chance(percent int) bool { return m.IntN(100) < percent }

// Statement makes a statement that returns rows.
func (m *Maker) Statement() string {
	m.named, m.ctes, m.depth = 0, nil, 0
	if m.chance(12) {
		return m.write()
	}
	text, _ := m.query(nil, 0)
	return text
}

// query makes a query of so many columns, any number for 0.
func (m *Maker) query(outer []source, width int) (string, []string) {
	m.depth++
	defer func() { m.depth-- }()
	switch {
	case m.depth > 4:
		return m.plain(outer, width)
	case m.chance(12):
		return m.with(outer, width)
	case m.chance(12):
		left, columns := m.query(outer, width)
		right, _ := m.query(outer, len(columns))
		return fmt.Sprintf("(%s) %s (%s)", left, pick(m, []string{"UNION", "UNION ALL", "EXCEPT", "INTERSECT", "EXCEPT ALL"}), right), columns
	case m.chance(4):
		return m.values(outer, width)
	}
	return m.plain(outer, width)
}

func (m *Maker) values(outer []source, width int) (string, []string) {
	if width == 0 {
		width = 1 + m.IntN(3)
	}
	var rows []string
	for range 1 + m.IntN(2) {
		rows = append(rows, "("+strings.Join(m.exprs(outer, width), ", ")+")")
	}
	columns := make([]string, width)
	for i := range columns {
		columns[i] = fmt.Sprintf("column%d", i+1)
	}
	return "VALUES " + strings.Join(rows, ", "), columns
}

func (m *Maker) with(outer []source, width int) (string, []string) {
	before := m.ctes
	defer func() { m.ctes = before }()
	name := m.name("c")
	if m.chance(20) {
		name = "users" // hides a relation of that name
	}
	var head string
	if m.chance(30) {
		base, columns := m.query(outer, 2)
		names := []string{m.name("k"), m.name("k")}
		from := m.name("u")
		head = fmt.Sprintf("WITH RECURSIVE %s(%s) AS ((%s) UNION SELECT %s.id, %s || %s.%s FROM app.users %s JOIN %s ON %s.boss = %s.%s)",
			name, strings.Join(names, ", "), base, from, names[1], from, pick(m, relations[0].columns), from, name, from, name, names[0])
		_ = columns
		m.ctes = append(m.ctes[:len(m.ctes):len(m.ctes)], source{name, names})
	} else {
		text, columns := m.query(outer, 0)
		if m.depth == 1 && m.chance(15) {
			text, columns = "DELETE FROM app.items RETURNING id, sku", []string{"id", "sku"}
		}
		head = fmt.Sprintf("WITH %s AS %s(%s)", name, pick(m, []string{"", "MATERIALIZED ", "NOT MATERIALIZED "}), text)
		m.ctes = append(m.ctes[:len(m.ctes):len(m.ctes)], source{name, columns})
	}
	text, columns := m.query(outer, width)
	return head + " " + text, columns
}

// plain makes a SELECT.
func (m *Maker) plain(outer []source, width int) (string, []string) {
	from, sources := m.from(outer)
	in := append(sources, outer...)
	if len(sources) > 0 && m.chance(70) { // mostly of its own
		in = sources
	}
	var list, columns []string
	group := ""
	switch kind := m.IntN(10); {
	case width == 0 && kind == 0:
		list, columns = []string{"*"}, nil
		for _, s := range sources {
			columns = append(columns, s.columns...)
		}
	case width == 0 && kind == 1:
		s := sources[0]
		list, columns = []string{s.alias + ".*", m.expr(in)}, append(append([]string{}, s.columns...), "")
	default:
		if width == 0 {
			width = 1 + m.IntN(4)
		}
		list = m.exprs(in, width)
		if kind == 2 {
			key := m.ref(in)
			group = " GROUP BY " + key
			for i := range list {
				list[i] = m.aggregate(in, key)
			}
		}
		columns = make([]string, width)
	}
	for i := range list {
		if len(list) == len(columns) && (m.chance(50) || columns[i] == "" && m.depth > 1) {
			columns[i] = m.name("a")
			list[i] += " AS " + columns[i]
		}
	}
	text := "SELECT "
	if m.chance(8) && group == "" {
		text += "DISTINCT "
	}
	text += strings.Join(list, ", ") + from
	if m.chance(35) {
		text += " WHERE " + m.condition(in)
	}
	text += group
	if m.chance(10) && group == "" {
		text += fmt.Sprintf(" ORDER BY %d", 1+m.IntN(len(list)))
	}
	return text, columns
}

// from makes a FROM clause.
func (m *Maker) from(outer []source) (string, []source) {
	var items []string
	var sources []source
	for range 1 + m.IntN(2) {
		text, more := m.item(append(sources, outer...), sources)
		items = append(items, text)
		sources = append(sources, more...)
	}
	return " FROM " + strings.Join(items, ", "), sources
}

// item makes an item of FROM; beside are those before it.
func (m *Maker) item(visible, beside []source) (string, []source) {
	switch kind := m.IntN(20); {
	case m.depth > 4:
		return m.relation()
	case kind < 3 && m.depth < 4:
		lateral, outer := "", visible[len(beside):]
		if m.chance(40) {
			lateral, outer = "LATERAL ", visible
		}
		text, columns := m.query(outer, 0)
		alias := m.name("s")
		names := ""
		if m.chance(30) && len(columns) > 0 {
			columns = append([]string{m.name("r")}, columns[1:]...)
			names = "(" + columns[0] + ")"
		}
		return fmt.Sprintf("%s(%s) AS %s%s", lateral, text, alias, names), []source{{alias, columns}}
	case kind < 7:
		return m.join(visible, beside)
	case kind == 8 && len(beside) > 0:
		return m.function(beside)
	}
	return m.relation()
}

func (m *Maker) relation() (string, []source) {
	s := pick(m, relations)
	if len(m.ctes) > 0 && m.chance(50) {
		s = pick(m, m.ctes)
	}
	alias := m.name("t")
	columns := s.columns
	names := ""
	if m.chance(15) && len(columns) > 0 {
		columns = append([]string{m.name("r")}, columns[1:]...)
		names = "(" + columns[0] + ")"
	}
	return s.alias + " AS " + alias + names, []source{{alias, columns}}
}

func (m *Maker) join(visible, beside []source) (string, []source) {
	m.depth++
	defer func() { m.depth-- }()
	kind := pick(m, []string{"JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"})
	left, a := m.item(visible, beside)
	besideRight := append(append([]source{}, a...), beside...)
	visibleRight := append(append([]source{}, a...), visible...)
	if kind[0] == 'R' || kind[0] == 'F' { // LATERAL would not see the left side
		besideRight, visibleRight = nil, visible[len(beside):]
	}
	right, b := m.item(visibleRight, besideRight)
	both := append(append([]source{}, a...), b...)
	common := shared(a, b)
	switch how := m.IntN(5); {
	case how == 0 && len(common) > 0:
		return fmt.Sprintf("%s NATURAL %s %s", left, kind, right), append(both, source{"", common})
	case how == 1:
		return left + " CROSS JOIN " + right, both
	case how == 2 || len(common) == 0:
		return fmt.Sprintf("%s %s %s ON %s = %s", left, kind, right, m.ref(a), m.ref(b)), both
	}
	using := common[:1+m.IntN(len(common))]
	text := fmt.Sprintf("%s %s %s USING (%s)", left, kind, right, strings.Join(using, ", "))
	if m.chance(20) {
		alias := m.name("j")
		return fmt.Sprintf("(%s) AS %s", text, alias), []source{{alias, using}}
	}
	return text, append(both, source{"", using})
}

// shared are the names that each of two sides has once, nil if one side has
// any twice.
func shared(a, b []source) (common []string) {
	left, right := counted(a), counted(b)
	for _, s := range a {
		for _, c := range s.columns {
			if left[c] > 1 && right[c] > 0 || right[c] > 1 {
				return nil
			}
			if c != "" && !slices.Contains(common, c) && left[c] == 1 && right[c] == 1 {
				common = append(common, c)
			}
		}
	}
	return common
}

func counted(sources []source) map[string]int {
	n := map[string]int{}
	for _, s := range sources {
		if s.alias == "" {
			continue // has them from the others
		}
		for _, c := range s.columns {
			n[c]++
		}
	}
	for _, s := range sources {
		if s.alias == "" {
			for _, c := range s.columns {
				n[c] = 1
			}
		}
	}
	return n
}

func (m *Maker) function(beside []source) (string, []source) {
	alias := m.name("f")
	switch m.IntN(5) {
	case 0:
		return fmt.Sprintf("unnest(ARRAY[%s, %s]) AS %s(x)", m.ref(beside), m.ref(beside), alias), []source{{alias, []string{"x"}}}
	case 1:
		return fmt.Sprintf("jsonb_each_text(to_jsonb(%s)) AS %s(k, v)", m.row(beside), alias), []source{{alias, []string{"k", "v"}}}
	case 2:
		return fmt.Sprintf("json_array_elements_text(json_build_array(%s, 'x')) AS %s", m.ref(beside), alias), []source{{alias, []string{"value"}}}
	case 3:
		return fmt.Sprintf("regexp_split_to_table(%s, 'q') WITH ORDINALITY AS %s(p, n)", m.ref(beside), alias), []source{{alias, []string{"p"}}}
	}
	return fmt.Sprintf("ROWS FROM (unnest(ARRAY[%s]), jsonb_object_keys(to_jsonb(%s))) AS %s(y, z)", m.ref(beside), m.row(beside), alias), []source{{alias, []string{"y", "z"}}}
}

func (m *Maker) exprs(in []source, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = m.expr(in)
	}
	return out
}

// ref names a column.
func (m *Maker) ref(in []source) string {
	if len(in) == 0 {
		return "'k'"
	}
	s := pick(m, in)
	if len(s.columns) == 0 {
		return "'l'"
	}
	c := pick(m, s.columns)
	switch {
	case c == "":
		return "'m'"
	case s.alias == "" || counted(in)[c] == 1 && m.chance(30):
		return c
	case m.chance(5):
		return "(" + s.alias + ")." + c
	}
	return s.alias + "." + c
}

// row names a whole row.
func (m *Maker) row(in []source) string {
	for range 5 {
		if len(in) == 0 {
			break
		}
		if s := pick(m, in); s.alias != "" {
			return s.alias
		}
	}
	return "ROW(1)"
}

// expr makes an expression of type text.
func (m *Maker) expr(in []source) string {
	m.depth++
	defer func() { m.depth-- }()
	if m.depth > 6 {
		return m.ref(in)
	}
	switch m.IntN(26) {
	case 0:
		return m.expr(in) + " || " + m.expr(in)
	case 1:
		return "upper(" + m.expr(in) + ")"
	case 2:
		return "coalesce(" + m.expr(in) + ", " + m.expr(in) + ")"
	case 3:
		return fmt.Sprintf("CASE WHEN %s THEN %s ELSE %s END", m.condition(in), m.expr(in), m.expr(in))
	case 4:
		return "(" + m.condition(in) + ")::text"
	case 5, 6:
		text, _ := m.query(in, 1)
		return "(SELECT max(x) FROM (" + text + ") AS " + m.name("q") + "(x))"
	case 7:
		text, _ := m.query(in, 1)
		return "(SELECT string_agg(x, ',' ORDER BY x) FROM (" + text + ") AS " + m.name("q") + "(x))"
	case 8:
		text, _ := m.query(in, 1)
		return "(SELECT count(*)::text FROM (" + text + ") AS " + m.name("q") + ")"
	case 9:
		return "row_to_json(" + m.row(in) + ")::text"
	case 10:
		return m.row(in) + "::text"
	case 11:
		return "(to_jsonb(" + m.row(in) + ") ->> 'id')"
	case 12:
		return "nullif(" + m.expr(in) + ", " + m.expr(in) + ")"
	case 13:
		return "greatest(" + m.expr(in) + ", " + m.expr(in) + ")"
	case 14:
		return "max(" + m.ref(in) + ") OVER (PARTITION BY " + m.ref(in) + ")"
	case 15:
		return "substr(" + m.expr(in) + ", 1, 30)"
	case 16:
		return "concat_ws('-', " + m.expr(in) + ", " + m.expr(in) + ")"
	case 17:
		return "md5(" + m.expr(in) + ")"
	case 18:
		text, _ := m.query(in, 1)
		return "ARRAY(SELECT x FROM (" + text + ") AS " + m.name("q") + "(x) ORDER BY x)::text"
	}
	return m.ref(in)
}

func (m *Maker) aggregate(in []source, key string) string {
	switch m.IntN(5) {
	case 0:
		return key
	case 1:
		return "max(" + m.expr(in) + ")"
	case 2:
		return "count(" + m.expr(in) + ")::text"
	case 3:
		return fmt.Sprintf("string_agg(%s, ',' ORDER BY %s) FILTER (WHERE %s)", m.ref(in), m.row(in), m.condition(in))
	}
	return "min(" + m.ref(in) + ")"
}

func (m *Maker) condition(in []source) string {
	switch m.IntN(7) {
	case 0:
		return m.expr(in) + " IS NOT NULL"
	case 1:
		text, _ := m.query(in, 1)
		return m.ref(in) + " IN (" + text + ")"
	case 2:
		text, _ := m.query(in, 0)
		return "EXISTS (" + text + ")"
	case 3:
		return "NOT " + m.condition(in)
	case 4:
		return m.condition(in) + " OR " + m.condition(in)
	}
	return m.ref(in) + pick(m, []string{" = ", " <> ", " < "}) + m.expr(in)
}

// write makes a statement that writes and returns rows.
func (m *Maker) write() string {
	target := relations[m.IntN(4)]
	alias := m.name("w")
	own := []source{{alias, target.columns}}
	column := target.columns[1+m.IntN(len(target.columns)-1)]
	switch m.IntN(4) {
	case 0:
		text, _ := m.query(nil, 2)
		return fmt.Sprintf("INSERT INTO %s AS %s (id, %s) %s RETURNING %s", target.alias, alias, column, text, m.returned(own))
	case 1:
		from, sources := m.from(nil)
		in := append(own, sources...)
		return fmt.Sprintf("UPDATE %s AS %s SET %s = %s%s WHERE %s RETURNING %s", target.alias, alias, column, m.expr(in), from, m.condition(in), m.returned(in))
	case 2:
		text, sources := m.from(nil)
		in := append(own, sources...)
		return fmt.Sprintf("DELETE FROM %s AS %s USING %s WHERE %s RETURNING %s", target.alias, alias, strings.TrimPrefix(text, " FROM "), m.condition(in), m.returned(in))
	}
	text, sources := m.relation()
	in := append(own, sources...)
	return fmt.Sprintf("MERGE INTO %s AS %s USING %s ON %s = %s WHEN MATCHED THEN UPDATE SET %s = %s WHEN NOT MATCHED THEN INSERT (id, %s) VALUES ('9', %s) RETURNING %s",
		target.alias, alias, text, m.ref(own), m.ref(sources), column, m.expr(in), column, m.expr(sources), m.returned(in))
}

func (m *Maker) returned(in []source) string {
	if m.chance(30) {
		return "*"
	}
	return strings.Join(m.exprs(in, 1+m.IntN(3)), ", ")
}
