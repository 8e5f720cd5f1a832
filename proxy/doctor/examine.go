package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/sluice-pg/sluice/proxy"
)

// The limits of one examination. Grace is for what ignores its context, such
// as a file on a server that is away.
const (
	timeout = 30 * time.Second
	grace   = 2 * time.Second
)

// examination looks at one subject.
type examination struct {
	// name stands in the report if it does not come back in time.
	name    string
	subject string
	look    func(ctx context.Context, f *findings)
}

// Examine looks at everything that config names, all at once. It returns when
// all have answered or their time is over; a database that is down stops no
// other examination.
func Examine(ctx context.Context, config *proxy.Config) *Report {
	now := time.Now
	list := []examination{
		{"users", "", func(_ context.Context, f *findings) { lookAtUsers(f, config) }},
		{"policy", "", func(_ context.Context, f *findings) { lookAtPolicy(f, config) }},
		{"trail", "", func(ctx context.Context, f *findings) { lookAtTrail(ctx, f, config) }},
		{"clock.synchronised", "", func(_ context.Context, f *findings) { lookAtKernelClock(f) }},
	}
	for _, l := range config.Listen {
		list = append(list, examination{"listen.address", l.Address, func(ctx context.Context, f *findings) {
			lookAtListen(ctx, f, l, config.Trail.Dir, now())
		}})
	}
	if address := config.Admin.Address; address != "" {
		list = append(list, examination{"admin.address", address, func(ctx context.Context, f *findings) { lookAtAdmin(ctx, f, address) }})
	}
	for _, issuer := range config.OIDC {
		list = append(list, examination{providerKeys, issuer.Name, func(ctx context.Context, f *findings) { lookAtProvider(ctx, f, issuer) }})
	}
	for _, d := range config.Databases {
		list = append(list,
			examination{"upstream.tls", d.Name, func(ctx context.Context, f *findings) { lookAtUpstream(ctx, f, d.Upstream, now()) }},
			examination{"database.login", d.Name, func(ctx context.Context, f *findings) {
				if d.Credential.Vault != nil {
					lookThroughVault(ctx, f, config, d, now())
					return
				}
				lookAtDatabase(ctx, f, d, config.Limits, now())
			}},
		)
	}
	for i := range config.Destinations {
		d := &config.Destinations[i]
		list = append(list,
			examination{"upstream.tls", d.Name, func(ctx context.Context, f *findings) { lookAtUpstream(ctx, f, d.Server, now()) }},
			examination{"place.login", d.Name, func(ctx context.Context, f *findings) { lookAtPlace(ctx, f, config, d) }},
		)
	}
	r := &Report{SchemaVersion: SchemaVersion, Checks: examineAll(ctx, list, timeout, grace)}
	r.sort()
	r.Time = now().UTC().Truncate(time.Second)
	return r
}

// examineAll runs examinations side by side and returns what they found.
func examineAll(ctx context.Context, list []examination, timeout, grace time.Duration) []Check {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	results := make([]chan []Check, len(list))
	for i, e := range list {
		// Room for one: who comes too late finds nobody and leaves.
		results[i] = make(chan []Check, 1)
		go func() {
			f := &findings{subject: e.subject}
			e.look(ctx, f)
			results[i] <- f.checks
		}()
	}
	late := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, func() { close(late) }) })
	defer stop()
	var all []Check
	for i, e := range list {
		select {
		case checks := <-results[i]:
			all = append(all, checks...)
			continue
		case <-late:
		}
		select { // late holds for the one that was waited for, not for all behind it
		case checks := <-results[i]:
			all = append(all, checks...)
		default:
			all = append(all, Check{
				Name: e.name, Subject: e.subject, State: Unknown,
				Evidence: fmt.Sprintf("no answer within %s", timeout+grace),
				Fix:      "Find out what does not answer: a file system, a name server, a firewall that drops packets.",
			})
		}
	}
	return all
}
