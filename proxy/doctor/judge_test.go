package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// only returns the single check that a function reports.
func only(t *testing.T, look func(f *findings)) Check {
	t.Helper()
	f := &findings{}
	look(f)
	if len(f.checks) != 1 {
		t.Fatalf("want one check, got %v", f.checks)
	}
	return f.checks[0]
}

// want compares state and evidence, and that what is not in order has a fix.
func want(t *testing.T, what string, c Check, s State, evidence string) {
	t.Helper()
	if c.State != s || !strings.Contains(c.Evidence, evidence) {
		t.Errorf("%s: %s, %q; want %s, %q", what, c.State, c.Evidence, s, evidence)
	}
	if (c.State == OK) != (c.Fix == "") {
		t.Errorf("%s: %s with the fix %q", what, c.State, c.Fix)
	}
}

func TestOffset(t *testing.T) {
	for _, c := range []struct {
		offset, uncertain time.Duration
		state             State
		evidence          string
	}{
		{0, time.Millisecond, OK, "less than 1s"},
		{900 * time.Millisecond, time.Millisecond, OK, "less than 1s"},
		{1500 * time.Millisecond, time.Millisecond, Warning, "1.5s ahead of"},
		{-3 * time.Second, time.Millisecond, Warning, "3s behind"},
		{6 * time.Second, 500 * time.Millisecond, Problem, "6s ahead of"},
		{-time.Hour, time.Second, Problem, "1h0m0s behind"},
		{6 * time.Second, 2 * time.Second, Warning, "6s ahead of"}, // the way could be to blame
		{2 * time.Second, 2 * time.Second, OK, "less than 1s"},
	} {
		got := only(t, func(f *findings) { judgeOffset(f, c.offset, c.uncertain) })
		want(t, c.offset.String(), got, c.state, c.evidence)
	}
}

func TestKernelClock(t *testing.T) {
	for _, c := range []struct {
		code   int
		status int32
		state  State
	}{
		{unix.TIME_OK, 0, OK}, {unix.TIME_ERROR, 0, Warning}, {unix.TIME_OK, unix.STA_UNSYNC, Warning}, {unix.TIME_INS, unix.STA_PLL, OK},
	} {
		got := only(t, func(f *findings) { judgeKernelClock(f, c.code, c.status, time.Second) })
		want(t, "clock", got, c.state, "")
	}
}

func TestDisk(t *testing.T) {
	const much = 50 << 30
	for what, c := range map[string]struct {
		disk  disk
		state State
	}{
		"roomy":            {disk{free: much, inodes: 1e6, countsInodes: true}, OK},
		"without inodes":   {disk{free: much}, OK},
		"low":              {disk{free: 900 << 20, inodes: 1e6, countsInodes: true}, Warning},
		"full":             {disk{free: 20 << 20, inodes: 1e6, countsInodes: true}, Problem},
		"out of inodes":    {disk{free: much, inodes: 3, countsInodes: true}, Problem},
		"in memory":        {disk{free: much, inMemory: true}, Problem},
		"in a layer":       {disk{free: much, inLayer: true}, Warning},
		"full, in a layer": {disk{free: 1, inLayer: true}, Problem},
	} {
		want(t, what, only(t, func(f *findings) { judgeDisk(f, c.disk) }), c.state, "")
	}
}

// What is to be done about a trail that cannot be written follows its cause.
func TestTrialFix(t *testing.T) {
	for cause, want := range map[error]string{
		unix.ENOSPC: "Make room", unix.EDQUOT: "Make room", unix.EROFS: "mount", unix.EACCES: "chown", unix.EIO: "kernel's log",
	} {
		got := trialFix("trail", &fs.PathError{Op: "write", Path: "trail/x.tmp", Err: cause})
		if !strings.Contains(got, want) {
			t.Errorf("%v: %s", cause, got)
		}
	}
	low := only(t, func(f *findings) { judgeDisk(f, disk{free: 20 << 20}) })
	want(t, "nearly full", low, Problem, "20 MiB free")
}

func TestRoom(t *testing.T) {
	server := answers{{"100", "3"}}
	want(t, "97 of 97", only(t, func(f *findings) { lookAtRoom(t.Context(), f, server, 97) }), OK, "room for 97")
	want(t, "98 of 97", only(t, func(f *findings) { lookAtRoom(t.Context(), f, server, 98) }), Warning, "98 sessions in, the server 97")
}

func TestIssuerEnd(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for end, warned := range map[string]bool{"": false, "1800086400": true, "1799999999": true, "1900000000": false} {
		f := &findings{}
		lookAtIssuerEnd(f, "issuer", end, now)
		if (len(f.checks) == 1) != warned {
			t.Errorf("end %q: %v", end, f.checks)
		}
	}
}

func TestHBA(t *testing.T) {
	proxy := netip.MustParseAddr("10.1.2.3")
	rule := func(kind, address, mask, method string) hbaRule {
		return hbaRule{line: "7", kind: kind, databases: "all", users: "all", address: address, netmask: mask, method: method}
	}
	for _, c := range []struct {
		rule     hbaRule
		state    State
		evidence string
	}{
		{rule("local", "", "", "peer"), OK, ""},
		{rule("local", "", "", "trust"), Warning, "line 7: local all all trust"},
		{rule("host", "127.0.0.1", "255.255.255.255", "scram-sha-256"), OK, ""},
		{rule("host", "127.0.0.1", "255.255.255.255", "trust"), Problem, "says a name"},
		{rule("host", "samehost", "", "scram-sha-256"), OK, ""},
		{rule("hostssl", "10.1.2.3", "255.255.255.255", "scram-sha-256"), OK, ""},
		{rule("hostssl", "::ffff:10.1.2.3", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "scram-sha-256"), OK, ""},
		{rule("hostssl", "10.1.2.4", "255.255.255.255", "scram-sha-256"), Warning, "10.1.2.4"},
		{rule("hostssl", "10.1.0.0", "255.255.0.0", "scram-sha-256"), Warning, "10.1.0.0/16"},
		{rule("hostssl", "0.0.0.0", "0.0.0.0", "cert"), Warning, "0.0.0.0/0"},
		{rule("hostssl", "::", "::", "md5"), Warning, "::/0"},
		{rule("hostssl", "all", "", "scram-sha-256"), Warning, "all"},
		{rule("hostssl", "samenet", "", "scram-sha-256"), Warning, "samenet"},
		{rule("hostssl", ".example.net", "", "scram-sha-256"), Warning, ".example.net"},
		{rule("host", "0.0.0.0", "0.0.0.0", "reject"), OK, ""},
		{rule("host", "10.0.0.0", "255.0.0.0", "password"), Problem, "in the clear"},
		{rule("hostssl", "10.1.2.3", "255.255.255.255", "ldap"), OK, ""},
		{rule("hostnossl", "all", "", "trust"), Problem, "says a name"},
		{hbaRule{line: "9", broken: "invalid"}, Problem, "line 9: invalid"},
	} {
		want(t, c.rule.String(), only(t, func(f *findings) { judgeHBA(f, []hbaRule{c.rule}, proxy) }), c.state, c.evidence)
	}
	over := only(t, func(f *findings) {
		judgeHBA(f, []hbaRule{rule("hostssl", "10.1.2.3", "255.255.255.255", "scram-sha-256")}, netip.Addr{})
	})
	want(t, "the proxy's address is not known", over, Warning, "10.1.2.3")
}

// answers gives the same rows to every question.
type answers [][]string

func (a answers) ask(_ context.Context, _ string, _ ...string) ([][]string, error) { return a, nil }

// silent fails at every question.
type silent struct{}

var errSilent = errors.New("no answer")

func (silent) ask(context.Context, string, ...string) ([][]string, error) { return nil, errSilent }

// What could not be asked is unknown, never in order.
func TestNothingAskedIsNotInOrder(t *testing.T) {
	f := &findings{}
	ctx := t.Context()
	lookAtServerClock(ctx, f, silent{}, time.Now)
	lookAtVersion(ctx, f, silent{}, time.Now())
	lookAtRoom(ctx, f, silent{}, 1)
	lookAtIssuer(ctx, f, silent{}, "people", "", time.Now())
	lookAtGroup(ctx, f, silent{}, "people")
	lookAtAttributes(ctx, f, silent{}, "people")
	lookAtMemberships(ctx, f, silent{}, "people")
	lookAtOwnership(ctx, f, silent{}, "people")
	lookAtLogins(ctx, f, silent{}, "people")
	lookAtBackstops(ctx, f, silent{}, "people")
	lookAtPublic(ctx, f, silent{}, "shop")
	lookAtHBA(ctx, f, silent{})
	if len(f.checks) < 16 {
		t.Errorf("only %d checks", len(f.checks))
	}
	for _, c := range f.checks {
		want(t, c.Name, c, Unknown, errSilent.Error())
	}
}

// An issuer needs REPLICATION where it makes logins for replication, and only
// there.
func TestIssuerForReplication(t *testing.T) {
	for _, c := range []struct {
		super, replication, feeders, old string
		status                           State
		words                            string
	}{
		{"f", "f", "", "f", OK, "makes roles"},
		{"f", "t", "", "f", Problem, "reads everything"},
		{"f", "t", "feeders", "f", OK, "makes roles"},
		{"f", "f", "feeders", "f", Problem, "cannot make logins for replication"},
		{"f", "t", "feeders", "t", Problem, "only a superuser can"},
		{"t", "t", "feeders", "t", Warning, "nobody else can make logins"},
		{"t", "t", "feeders", "f", Problem, "is a superuser"},
		{"t", "f", "", "t", Problem, "is a superuser"},
	} {
		f := &findings{}
		lookAtIssuer(t.Context(), f, answers{{"issuer", c.super, "t", c.replication, "f", "", "t", c.old}}, "people", c.feeders, time.Now())
		if len(f.checks) != 1 {
			t.Fatalf("%+v", f.checks)
		}
		want(t, fmt.Sprintf("%+v", c), f.checks[0], c.status, c.words)
		if made := strings.Contains(f.checks[0].Fix, "CREATEROLE REPLICATION"); made != (c.super == "t" && c.feeders != "" && c.old == "f") {
			t.Errorf("%+v: %s", c, f.checks[0].Fix)
		}
	}
}

// clockAt is a server whose clock is off, at the end of a slow way.
type clockAt struct {
	now    *time.Time
	offset time.Duration
	ways   []time.Duration
}

func (c *clockAt) ask(context.Context, string, ...string) ([][]string, error) {
	way := c.ways[0]
	c.ways = append(c.ways[1:], way)
	*c.now = c.now.Add(way / 2)
	at := c.now.Add(c.offset)
	*c.now = c.now.Add(way - way/2)
	return [][]string{{strconv.FormatInt(at.UnixMicro(), 10)}}, nil
}

func TestServerClock(t *testing.T) {
	for _, c := range []struct {
		offset time.Duration
		state  State
	}{{0, OK}, {2 * time.Second, Warning}, {-2 * time.Second, Warning}, {time.Minute, Problem}, {-time.Minute, Problem}} {
		now := time.Unix(1_800_000_000, 0)
		server := &clockAt{now: &now, offset: c.offset, ways: []time.Duration{4 * time.Second, 20 * time.Millisecond, time.Second}}
		got := only(t, func(f *findings) { lookAtServerClock(t.Context(), f, server, func() time.Time { return now }) })
		want(t, c.offset.String(), got, c.state, "")
	}
	got := only(t, func(f *findings) { lookAtServerClock(t.Context(), f, answers{{"noon"}}, time.Now) })
	want(t, "no number", got, Unknown, "noon")
}
