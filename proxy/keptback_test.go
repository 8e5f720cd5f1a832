package proxy

import (
	"strings"
	"testing"
)

// Words that the author of a function chose are shown to nobody, whatever code
// they come under, and neither are those of which it cannot be told.
func TestWordsOfRaiseAreLeftOut(t *testing.T) {
	const value = "anna@example.com"
	for name, c := range map[string]struct {
		fields map[byte]string
		shown  string // of the message
	}{
		"a constraint":    {map[byte]string{'C': "23505", 'M': "duplicate key", 'D': value, 'n': "users_pkey", 'R': "_bt_check_unique"}, "duplicate key"},
		"a value":         {map[byte]string{'C': "22P02", 'M': value, 'R': "pg_strtoint32"}, "SQLSTATE 22P02"},
		"RAISE":           {map[byte]string{'C': "23505", 'M': value, 'n': value, 'c': value, 't': value, 's': value, 'd': value, 'R': "exec_stmt_raise"}, "SQLSTATE 23505"},
		"nobody knows":    {map[byte]string{'C': "23505", 'M': value, 'n': value}, "SQLSTATE 23505"},
		"no code at all":  {map[byte]string{'M': value, 'W': value, 'q': value}, "SQLSTATE XX000"},
		"a code too long": {map[byte]string{'C': "2", 'M': value, 'R': "f"}, "SQLSTATE 2"},
	} {
		e := withoutValues(c.fields)
		all := e.Message + e.Detail + e.Hint + e.Where + e.InternalQuery + e.SchemaName + e.TableName + e.ColumnName + e.DataTypeName + e.ConstraintName
		if strings.Contains(all, value) || !strings.Contains(e.Message, c.shown) {
			t.Errorf("%s: %+v", name, e)
		}
		n := noticeWithoutValues(c.fields)
		if strings.Contains(n.Message+n.Detail+n.ConstraintName, value) || n.Message != e.Message && !strings.Contains(n.Message, "may quote a value") {
			t.Errorf("%s as a notice: %+v", name, n)
		}
	}
}

func TestMessageKeys(t *testing.T) {
	if given := messageKey([]byte("given")); string(given) != "given" {
		t.Errorf("%q", given)
	}
	if one, other := messageKey(nil), messageKey(nil); len(one) != 32 || string(one) == string(other) {
		t.Error("a key that is made is not one of its own")
	}
}
