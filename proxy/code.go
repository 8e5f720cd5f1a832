package proxy

import (
	"context"
	"sync"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/follow"
)

// lookInto has the request say what its names mean, and what the code does that
// its statements run, as far as it can be seen in the catalog. Where the session
// may have changed functions that the catalog does not have yet there is nothing
// to say about calls: they are then code that cannot be judged.
func (s *session) lookInto(ctx context.Context, p *policy.Policy, book *policy.Book, seen catalog.Sight, r *policy.Request) {
	code := s.database.catalog.code.of(book, p, s.server.analyzer)
	reach := func(f catalog.OID) *catalog.Reached { return code.Reach(ctx, f, seen.Path) }
	r.Facts.Catalog = p.CatalogFact(book, seen, reach, r.Statements)
	f := follow.Follower{Sight: seen, Code: code, Policy: p, Book: book}
	if !s.pending.codeInDoubt() {
		r.Facts.Calls = f.Calls(ctx, r.Statements)
	}
	r.Facts.Runs = f.Runs(ctx, r.Statements)
}

// followed keeps what was found out about the code of a database for as long as
// its catalog and the policy are the same. Any number of goroutines may use it.
type followed struct {
	mu     sync.Mutex
	book   *policy.Book
	policy *policy.Policy
	code   *catalog.Code
}

func (f *followed) of(book *policy.Book, p *policy.Policy, reader catalog.CodeReader) *catalog.Code {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.code == nil || f.book != book || f.policy != p {
		f.book, f.policy, f.code = book, p, catalog.NewCode(book.Snapshot, reader, p.Stated)
	}
	return f.code
}
