package probe

import (
	"context"
	"sync"
)

// try is one combination of what pg_hba.conf looks at.
type try struct {
	transport   Transport
	user        string
	unknown     bool
	database    string
	replication bool
}

// strangerPrefix begins the made-up name. PostgreSQL's log shows it where a
// try was turned away, and shows application_name only where it was let in.
const strangerPrefix = "sluice_probe_"

// plan lists the tries in two rounds: the name that cannot exist first, so
// that an open door is known before any name that may exist is sent.
// The id is random and new, so no role can have the stranger's name.
func plan(t Target, id string, transports []Transport) [2][]try {
	databases := []string{}
	for _, name := range t.Databases {
		databases = appendNew(databases, name)
	}
	databases = appendNew(databases, "postgres")
	users := []string{"postgres"}
	for _, name := range t.Users {
		users = appendNew(users, name)
	}
	stranger := strangerPrefix + id
	var rounds [2][]try
	for _, transport := range transports {
		rounds[0] = append(rounds[0], tries(transport, stranger, true, databases)...)
		for _, user := range users {
			rounds[1] = append(rounds[1], tries(transport, user, false, databases)...)
		}
	}
	return rounds
}

// tries lists what one user is tried with over one transport.
func tries(transport Transport, user string, unknown bool, databases []string) []try {
	var out []try
	for _, database := range databases {
		out = append(out, try{transport: transport, user: user, unknown: unknown, database: database})
	}
	return append(out, try{transport: transport, user: user, unknown: unknown, replication: true})
}

// visit measures one address.
func (d *door) visit(ctx context.Context, address string) *visit {
	v := &visit{address: address}
	d.measureTLS(ctx, v)
	if v.err != nil {
		return v
	}
	transports := []Transport{Plain}
	if v.tls.Offered {
		transports = append(transports, TLSAsked)
	}
	if v.tls.Direct {
		transports = append(transports, TLSDirect)
	}
	for _, round := range plan(d.target, d.id, transports) {
		d.round(ctx, v, round)
	}
	return v
}

// round makes tries, a few at a time, and keeps their results in order.
func (d *door) round(ctx context.Context, v *visit, tries []try) {
	attempts := make([]Attempt, len(tries))
	shown := make([]*certificate, len(tries))
	inParallel(len(tries), func(i int) {
		attempts[i], shown[i] = d.knock(ctx, v.address, tries[i])
	})
	for i, a := range attempts {
		v.attempts = append(v.attempts, a)
		if a.Answer == AnswerUnknown {
			v.problems = append(v.problems, "a try over "+string(a.Transport)+" had no clear answer: "+a.Evidence)
		}
		if shown[i] != nil {
			v.tls.shown(shown[i])
		}
	}
}

// inParallel calls work(0) to work(n-1), a few at a time, and waits.
func inParallel(n int, work func(i int)) {
	var wait sync.WaitGroup
	free := make(chan struct{}, parallel)
	for i := range n {
		free <- struct{}{}
		wait.Go(func() {
			defer func() { <-free }()
			work(i)
		})
	}
	wait.Wait()
}
