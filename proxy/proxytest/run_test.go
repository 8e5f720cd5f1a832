package proxytest

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func fakeTarget(f *Fake, policy string) Target {
	return Target{
		Name: "fake", Policy: policy, Version: 15, User: "u", Database: "d",
		Dial: func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", f.Addr())
		},
		Admin: func(context.Context, string) (string, error) { return "t", nil },
	}
}

const fakeScript = `connect show=client_encoding verbose
----
ParameterStatus client_encoding "UTF8"
BackendKeyData key 4 bytes
ReadyForQuery I

send
Query "one"
Parse "" "two"
Bind "" ""
Execute ""
Sync
until ReadyForQuery x2
----
CommandComplete "SELECT 0"
ReadyForQuery I
ParseComplete
BindComplete
CommandComplete "SELECT 0"
ReadyForQuery I

await
SELECT anything
----

admin
SELECT anything
----
t

send
cancel main
until 0 messages
hang-up
----

dial other
SSLRequest
answer
Startup 3.0 user=$user
login
Terminate
expect-close
----
answer N
logged in
ReadyForQuery I
closed
`

func TestRunPlaysAScript(t *testing.T) {
	f := StartFake(t, FakeConfig{})
	file := filepath.Join(t.TempDir(), "script.txt")
	if err := os.WriteFile(file, []byte(fakeScript), 0o600); err != nil {
		t.Fatal(err)
	}
	Run(t, file, fakeTarget(f, ""), fakeTarget(f, "allow-all"), fakeTarget(f, "another"))
	if n := len(f.Texts()); n != 4 {
		t.Errorf("two targets should have sent four statements, not %d", n)
	}
	if n := len(f.Cancels()); n != 2 {
		t.Errorf("two targets should have sent two cancel requests, not %d", n)
	}
	if got := f.Startups()[0]; len(got) != 2 || got[0] != (Parameter{"user", "u"}) || got[1] != (Parameter{"database", "d"}) {
		t.Errorf("start-up parameters: %v", got)
	}
}

func TestJudge(t *testing.T) {
	s, err := ParseScript("send\n----\na\nb\n---- accepted difference: why\nc\n---- server =18: no idea\nd\n")
	if err != nil {
		t.Fatal(err)
	}
	b := s.blocks[0]
	direct, proxy := Target{Version: 15}, Target{Version: 15, Policy: allowAll}
	newest := Target{Version: 18}
	tests := []struct {
		target Target
		got    string
		want   string // what the complaint has in it; empty for none
	}{
		{direct, "a b", ""},
		{direct, "a x", "- b\n+ x\n"},
		{direct, "a", "- b\n"},
		{direct, "a b c", "+ c\n"},
		{proxy, "c", ""},
		{proxy, "a b", "- c\n+ a\n+ b\n"},
		{newest, "d", ""},
		{newest, "a b", "- d"},
	}
	for _, tt := range tests {
		got := b.judge(tt.target, strings.Fields(tt.got))
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("version %d, policy %q, answer %q: %q", tt.target.Version, tt.target.Policy, tt.got, got)
		}
	}
	b.answers[1].lines = []string{"a", "b"}
	if got := b.judge(proxy, []string{"a", "b"}); !strings.Contains(got, "none any more") {
		t.Errorf("a difference that is none: %q", got)
	}
	b.answers = nil
	if got := b.judge(direct, nil); !strings.Contains(got, "-rewrite") {
		t.Errorf("no answer: %q", got)
	}
}

func TestWhoRunsWhat(t *testing.T) {
	direct, proxy, strict := Target{Version: 15}, Target{Version: 15, Policy: allowAll}, Target{Version: 15, Policy: "empty"}
	for head, want := range map[string]string{
		"# nothing special":        "direct proxy",
		"only direct":              "direct",
		"only proxy":               "proxy",
		"policy empty":             "strict",
		"server >=16":              "",
		"server <16\npolicy empty": "strict",
	} {
		s, err := ParseScript(head + "\n\nconnect\n")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range []struct {
			name string
			t    Target
		}{{"direct", direct}, {"proxy", proxy}, {"strict", strict}} {
			if c.t.runs(s) {
				got = append(got, c.name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q runs on %q, want %q", head, got, want)
		}
	}
}
