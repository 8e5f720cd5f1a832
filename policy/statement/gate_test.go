package statement

import (
	"strings"
	"testing"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// treeDepth is the number of messages on the longest way into a tree.
func treeDepth(m protoreflect.Message) int {
	deepest := 0
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if field.Message() == nil {
			return true
		}
		if field.IsList() {
			for i := range value.List().Len() {
				deepest = max(deepest, treeDepth(value.List().Get(i).Message()))
			}
		} else {
			deepest = max(deepest, treeDepth(value.Message()))
		}
		return true
	})
	return deepest + 1
}

// messagesPerLevel is how many messages one counted thing can put on top of
// each other at most: a sub-select in the target list of another is seven.
const messagesPerLevel = 8

// flatDepth is the depth of a tree in which nothing is counted: statements
// such as CREATE TABLE have lists of lists.
const flatDepth = 40

// soundCount checks that the crude count bounds the depth of the tree.
func soundCount(t *testing.T, text string) {
	t.Helper()
	count := crudeCount(text)
	tree, err := pg.Parse(text)
	if err != nil {
		return
	}
	bound := messagesPerLevel*(count.operators+count.nesting) + flatDepth
	if depth := treeDepth(tree.ProtoReflect()); depth > bound {
		t.Fatalf("tree is %d deep, the count %+v promises %d", depth, count, bound)
	}
}

// Everything in the grammar that can be chained or nested without end, 150
// times over: none may make a tree that the count does not foresee.
func TestCountForeseesDepth(t *testing.T) {
	const n = 150
	chains := []string{
		"+1", "-1", "*1", "/1", "%1", "^1", "<1", "||'a'", "::int", "::int[]", "::pg_catalog.int4(1)", " OPERATOR(pg_catalog.+) 1",
		` COLLATE "C"`, " AT TIME ZONE 'utc'", " AT LOCAL", " IS NULL", " ISNULL", " NOTNULL", " IS NOT TRUE", " IS DOCUMENT", " IS NFC NORMALIZED",
		" IS JSON OBJECT", " IS DISTINCT FROM 1", " LIKE 'a'", " NOT ILIKE 'a' ESCAPE 'b'", " SIMILAR TO 'a'", " BETWEEN 1 AND 2",
		" IN (1)", " = ANY (ARRAY[1])", " AND true", " OR true", "[1]", "[1:2]", ".a", ", 1", "'\n'a'", "/**/+1", "\n--\n+1",
		" UNION SELECT 1", " EXCEPT ALL SELECT 1", " INTERSECT TABLE a", " UNION VALUES (1)", "; SELECT 1",
	}
	for _, c := range chains {
		soundCount(t, "SELECT x"+strings.Repeat(c, n))
		soundCount(t, "SELECT 1"+strings.Repeat(c, n))
	}
	wraps := [][2]string{
		{"(", ")"},
		{"(SELECT ", ")"},
		{"ARRAY[", "]"},
		{"ROW(", ")"},
		{"f(", ")"},
		{"NOT ", ""},
		{"- ", ""},
		{"+ ", ""},
		{"@ ", ""},
		{"~ ", ""},
		{"OPERATOR(pg_catalog.-) ", ""},
		{"CASE WHEN true THEN ", " END"},
		{"CASE ", " WHEN 1 THEN 1 END"},
		{"CAST(", " AS int)"},
		{"COALESCE(", ")"},
		{"EXISTS(SELECT ", ")"},
		{"(WITH a AS (SELECT 1) SELECT ", ")"},
		{"int '1' + ", ""},
		{"1 = ALL (SELECT ", ")"},
		{"EXTRACT(year FROM ", ")"},
		{"XMLFOREST(", " AS a)"},
		{"JSON_OBJECT('a': ", ")"},
		{"JSON_SCALAR(", ")"},
		{"(", ").a"},
		{"(", ")[1]"},
		{"(VALUES (", "))"},
		{"count(*) FILTER (WHERE ", ")"},
		{"a -> ", ""},
		{"x AND NOT ", ""},
		{"x OR x AND NOT ", ""},
		{"count(*) OVER (ORDER BY ", ")"},
	}
	for _, w := range wraps {
		soundCount(t, "SELECT "+strings.Repeat(w[0], n)+"1"+strings.Repeat(w[1], n))
	}
	tables := [][2]string{
		{"(", ")"},
		{"a JOIN ", " ON true"},
		{"(a CROSS JOIN ", ")"},
		{"a NATURAL JOIN ", ""},
		{"a, ", ""},
		{"LATERAL (SELECT * FROM ", ") x"},
		{"(SELECT * FROM ", ") x"},
		{"(TABLE a UNION SELECT * FROM ", ") x"},
	}
	for _, w := range tables {
		soundCount(t, "SELECT * FROM "+strings.Repeat(w[0], n)+"a"+strings.Repeat(w[1], n))
	}
	for _, c := range []string{" CROSS JOIN a", " NATURAL LEFT JOIN a", " JOIN a USING (b)", ", a", ".a"} {
		soundCount(t, "SELECT * FROM a"+strings.Repeat(c, n))
	}
	soundCount(t, strings.Repeat("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC ", n)+"SELECT 1;"+strings.Repeat(" END;", n))
	soundCount(t, strings.Repeat("WITH a AS (", n)+"SELECT 1"+strings.Repeat(") SELECT 1", n))
	soundCount(t, strings.Repeat("EXPLAIN ", n)+"SELECT 1")
	soundCount(t, "SELECT * FROM JSON_TABLE('1', '$' COLUMNS ("+strings.Repeat("NESTED PATH '$' COLUMNS (", n)+"a int"+strings.Repeat(")", n)+"))")
	soundCount(t, "CREATE SCHEMA s "+strings.Repeat("CREATE TABLE t (a int) ", n))
	soundCount(t, "SELECT 1::int"+strings.Repeat("[]", n))
}

// The count does not fall for quoting.
func TestCountIgnoresQuoting(t *testing.T) {
	for _, text := range []string{
		"SELECT '++++'", "SELECT \"++++\"", "SELECT $$++++$$", "SELECT /*+++++*/ 1", "SELECT 1 --+++\n", "SELECT E'\\'++++'", "SELECT '((((('", "SELECT '[[[[['",
	} {
		if c := crudeCount(text); c.operators+c.nesting < 4 {
			t.Errorf("%s counts %+v", text, c)
		}
	}
	if c := crudeCount("SELECT 1AT TIME ZONE 'x', UnIoN, é, \"case\""); c.operators != 2 || c.nesting != 1 {
		t.Errorf("words count %+v", c)
	}
}

func TestDeepComment(t *testing.T) {
	deep := strings.Repeat("/*", 65) + strings.Repeat("*/", 65)
	for text, want := range map[string]bool{
		deep:                                         true,
		"SELECT 1" + deep:                            true,
		"SELECT 'a''b' " + deep:                      true,
		"SELECT E'\\'' " + deep:                      true,
		"SELECT $a$ $b$ $a$ " + deep:                 true,
		"SELECT a$a$" + deep:                         true,
		"SELECT $1" + deep:                           true,
		"-- x\n" + deep:                              true,
		"SELECT '" + deep + "'":                      false,
		"SELECT \"" + deep + "\"":                    false,
		"SELECT $$" + deep + "$$":                    false,
		"SELECT $é$" + deep + "$é$":                  false,
		"SELECT E'\\'" + deep + "'":                  false,
		"-- " + deep:                                 false,
		"SELECT '" + deep:                            false,
		"/* " + strings.Repeat("/* */", 1000) + "*/": false,
	} {
		if got := deepComment(text) >= 0; got != want {
			t.Errorf("%.40q: deep %t, want %t", text, got, want)
		}
	}
}

func TestSensitive(t *testing.T) {
	for text, want := range map[string]bool{"": false, "SELECT 'a'": false, "SELECT '\\'": true, "SELECT 'ü'": true, "\x7f": false, "\x80": true} {
		if Sensitive(text) != want {
			t.Errorf("Sensitive(%q) is not %t", text, want)
		}
	}
}
