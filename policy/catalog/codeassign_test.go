package catalog

import (
	"fmt"
	"strings"
	"testing"
)

func TestAssignments(t *testing.T) {
	computes := (&Code{snapshot: NewSnapshot(nil, nil)}).computes
	for body, want := range map[string]string{
		"BEGIN RETURN NEW; END":                                                                            "",
		"BEGIN NEW.at := now(); RETURN NEW; END":                                                           "at()",
		"BEGIN NEW.at = now(); RETURN (NEW); END":                                                          "at()",
		"BEGIN NEW.shown := NEW.email; RETURN NEW; END":                                                    "shown(email)",
		"BEGIN NEW.shown := lower(OLD.email) || '-' || new.id; RETURN NEW; END":                            "shown(email,id)",
		"DECLARE v text := NEW.email; BEGIN NEW.shown := v; RETURN NEW; END":                               "shown(any)",
		"BEGIN NEW.shown := (SELECT email FROM people LIMIT 1); RETURN NEW; END":                           "shown(any)",
		"BEGIN SELECT email INTO NEW.shown FROM people; RETURN NEW; END":                                   "(any)",
		"BEGIN SELECT email INTO STRICT NEW.shown FROM people; RETURN NEW; END":                            "(any)",
		"BEGIN SELECT id, email INTO x, NEW.shown FROM people; RETURN NEW; END":                            "(any)",
		"BEGIN FETCH c INTO x, NEW.shown; RETURN NEW; END":                                                 "(any)",
		"BEGIN INSERT INTO log VALUES (NEW.email) RETURNING id INTO NEW.log; RETURN NEW; END":              "(any)",
		"DECLARE n ALIAS FOR NEW; BEGIN n.shown := n.email; RETURN NEW; END":                               "(any)",
		"BEGIN NEW.state := 'sent; to nobody'; NEW.shown := 'a;' || NEW.email; RETURN NEW; END":            "state() shown(email)",
		"BEGIN NEW.state := 'it''s ' || v; RETURN NEW; END":                                                "state(any)",
		"BEGIN NEW.note := app.mail_of(NEW.user_id); RETURN NEW; END":                                      "note(any)",
		"BEGIN NEW.note := mail_of(NEW.user_id); RETURN NEW; END":                                          "note(any)",
		"BEGIN FOR NEW.note IN SELECT email FROM people LOOP END LOOP; RETURN NEW; END":                    "(any)",
		"BEGIN \"new\".note := NEW.email; RETURN NEW; END":                                                 "(email)",
		"BEGIN \"new\".note = NEW.email; RETURN NEW; END":                                                  "(any)",
		"BEGIN NEW . note := NEW.email; RETURN NEW; END":                                                   "(any)",
		"BEGIN NEW.note /* x */ := NEW.email; RETURN NEW; END":                                             "note(email)",
		"BEGIN -- a; when\n NEW.note = NEW.email; RETURN NEW; END":                                         "note(email)",
		"BEGIN x := '; if'; NEW.note = NEW.email; RETURN NEW; END":                                         "note(email)",
		"BEGIN x := $t$ no $t$; NEW.note = NEW.email; RETURN NEW; END":                                     "(any)",
		"BEGIN x := E'\\''; NEW.note := NEW.email; RETURN NEW; END":                                        "(any)",
		"BEGIN /* /* */ */ NEW.note := NEW.email; RETURN NEW; END":                                         "(any)",
		"BEGIN NEW.note := new.email.x; RETURN NEW; END":                                                   "note(any)",
		"BEGIN CALL fills(1, NEW.shown); RETURN NEW; END":                                                  "(any)",
		"BEGIN SELECT name INTO v FROM people WHERE id = NEW.id; RETURN NEW; END":                          "",
		"BEGIN INSERT INTO log VALUES (NEW.email); RETURN NEW; END":                                        "",
		"BEGIN GET DIAGNOSTICS NEW.n = ROW_COUNT; RETURN NEW; END":                                         "n(any)",
		"BEGIN SELECT now() INTO STRICT x; RETURN NEW; END":                                                "",
		"BEGIN NEW := OLD; RETURN NEW; END":                                                                "(any)",
		"BEGIN NEW.list[1] := NEW.email; RETURN NEW; END":                                                  "(any)",
		"BEGIN NEW.\"Shown\" := NEW.email; RETURN NEW; END":                                                "(email)",
		"BEGIN IF NEW.status = OLD.email THEN NEW.at = now(); END IF; RETURN NEW; END":                     "at()",
		"BEGIN IF a AND NEW.status = 'x' THEN INSERT INTO log VALUES (NEW.email); END IF; RETURN NEW; END": "",
		"BEGIN\n -- if it is not there\n NEW.slug = lower(NEW.email);\n RETURN NEW; END":                   "slug(email)",
		"BEGIN RETURN hstore(NEW); END":                                                                    "(any)",
		"BEGIN INSERT INTO log VALUES (1) RETURNING id INTO n; RETURN NULL; END":                           "",
		"BEGIN renew := 1; anew.x := 2; RETURN NEW; END":                                                   "",
		"": "(any)",
	} {
		f := &Function{Language: "plpgsql", Body: body}
		var got []string
		for _, a := range f.assignments(computes) {
			from := strings.Join(a.from, ",")
			if a.any {
				from = "any"
			}
			got = append(got, fmt.Sprintf("%s(%s)", a.column, from))
		}
		if have := strings.Join(got, " "); have != want {
			t.Errorf("%s: %s, want %s", body, have, want)
		}
	}
	if all := (&Function{Language: "c", Body: "x"}).assignments(computes); len(all) != 1 || !all[0].any {
		t.Errorf("a body in C: %+v", all)
	}
}
