package protection

import "testing"

// Which conditions of two places are the same: the first with columns named as
// the map says, at another place than the second unless it is said otherwise.
func TestSameCondition(t *testing.T) {
	names := map[string]string{"tenant": "tenant_id", "made": "", "id": "id", "tenant_id": "tenant_id", "E-mail": "email", "email": "email"}
	columns := []string{"tenant", "made", "id", "tenant_id", "E-mail", "email"}
	rename := func(c string) (string, bool) { name := names[c]; return name, name != "" }
	for _, c := range []struct {
		there, here condition
		same        bool
	}{
		{condition{text: "(tenant_id = 1)"}, condition{text: "(tenant_id = 1)"}, true},
		{condition{text: "( tenant_id=1 )"}, condition{text: "(tenant_id = 1)"}, true},
		{condition{text: "(tenant = 1)"}, condition{text: "(tenant_id = 1)"}, true},
		{condition{text: `("E-mail" = 'a')`}, condition{text: "(email = 'a')"}, true},
		{condition{text: "(tenant = 2)"}, condition{text: "(tenant_id = 1)"}, false},
		{condition{text: "(made = 1)"}, condition{text: "(made = 1)"}, false}, // made of more than one column
		{condition{text: "(id = 'a b')"}, condition{text: "(id = 'a  b')"}, false},
		{condition{text: "(id = tenant(1))"}, condition{text: "(id = tenant_id(1))"}, false}, // a function
		{condition{text: "(id = x.tenant)"}, condition{text: "(id = x.tenant_id)"}, false},
		{condition{text: "(id = (1)::tenant)"}, condition{text: "(id = (1)::tenant_id)"}, false}, // a type
		{condition{text: "(id IN ( SELECT tenant FROM o))"}, condition{text: "(id IN ( SELECT tenant_id FROM o))"}, false},
		{condition{text: "f(id)", code: "1"}, condition{text: "f(id)", code: "1"}, false},
		{condition{text: "(id IN ( SELECT id FROM o))", elsewhere: true}, condition{text: "(id IN ( SELECT id FROM o))", elsewhere: true}, false},
		{condition{text: "true"}, condition{text: "true"}, true},
	} {
		there := c.there.digest(columns, rename, "there")
		here := c.here.digest(columns, func(c string) (string, bool) { return c, true }, "here")
		if (there == here) != c.same {
			t.Errorf("%+v and %+v: %v", c.there, c.here, !c.same)
		}
		again := c.there.digest(columns, rename, "there")
		if again != there {
			t.Errorf("%+v is not the same as itself", c.there)
		}
	}
	changed := condition{text: "f(id)", code: "2"}
	if before := (condition{text: "f(id)", code: "1"}); before.digest(columns, rename, "there") == changed.digest(columns, rename, "there") {
		t.Error("a condition stays the same when its function changes")
	}
}

func TestInvokerOption(t *testing.T) {
	for option, want := range map[string]bool{
		"security_invoker=true": true, "security_invoker=on": true, "security_invoker=1": true, "security_invoker=yes": true, "security_invoker=T": true,
		"security_invoker=false": false, "security_invoker=off": false, "security_invoker=0": false, "security_invoker=": false, "security_barrier=true": false,
	} {
		if invokes([]string{"fillfactor=70", option}) != want {
			t.Errorf("%s", option)
		}
	}
}
