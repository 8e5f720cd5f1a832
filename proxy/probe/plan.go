package probe

import (
	"context"
	"fmt"
	"sync"
)

// try is one combination of what pg_hba.conf looks at.
type try struct {
	transport   Transport
	user        string
	unknown     bool
	database    string
	replication bool
	// iterations asks how a SCRAM verifier was made.
	iterations bool
}

// strangerPrefix begins the made-up name. PostgreSQL's log shows it where a
// try was turned away, and shows application_name only where it was let in. The
// made-up database has the same name.
const strangerPrefix = "sluice_probe_"

// plan lists the tries in two rounds: the name that cannot exist first, so
// that an open door is known before any name that may exist is sent.
// The id is random and new, so no role can have the stranger's name.
func plan(t Target, id string, whole bool, transports []Transport) [2][]try {
	databases := []string{}
	for _, name := range t.Databases {
		databases = appendNew(databases, name)
	}
	databases = appendNew(databases, "postgres")
	if whole {
		databases = appendNew(appendNew(databases, "template1"), strangerPrefix+id)
	}
	users := []string{"postgres"}
	for _, name := range t.Users {
		users = appendNew(users, name)
	}
	stranger := strangerPrefix + id
	var rounds [2][]try
	for _, transport := range transports {
		rounds[0] = append(rounds[0], tries(transport, stranger, true, whole, databases)...)
		for _, user := range users {
			rounds[1] = append(rounds[1], tries(transport, user, false, whole, databases)...)
		}
	}
	return rounds
}

// tries lists what one user is tried with over one transport. Logical
// replication is tried with the first database, which is the copy's.
func tries(transport Transport, user string, unknown, whole bool, databases []string) []try {
	var out []try
	for i, database := range databases {
		out = append(out, try{
			transport: transport, user: user, unknown: unknown, database: database,
			iterations: whole && !unknown && i == 0,
		})
	}
	out = append(out, try{transport: transport, user: user, unknown: unknown, replication: true})
	if whole {
		out = append(out, try{transport: transport, user: user, unknown: unknown, database: databases[0], replication: true})
	}
	return out
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
	if d.options.Whole {
		d.measureProtocol(ctx, v)
	}
	open := d.reaching(ctx, v)
	for i, round := range plan(d.target, d.id, d.options.Whole, transports) {
		if most := maxTries / max(1, len(open)*(i+1)); len(round) > most {
			v.problems = append(v.problems, fmt.Sprintf("%d tries were left out: there are too many users", len(round)-most))
			round = round[:most]
		}
		for _, from := range open {
			d.round(ctx, v, from, round)
		}
	}
	return v
}

// round makes tries, a few at a time, and keeps their results in order.
func (d *door) round(ctx context.Context, v *visit, from vantage, tries []try) {
	attempts := make([]Attempt, len(tries))
	shown := make([]*certificate, len(tries))
	inParallel(len(tries), func(i int) {
		attempts[i], shown[i] = d.knock(ctx, v.address, from, tries[i])
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
