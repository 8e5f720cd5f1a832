package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
)

// firstAtomic is the first server_version_num with bodies of SQL statements.
const firstAtomic = 140000

// readFunctions reads functions, the names of PostgreSQL's own, and aggregates.
func (l *loader) readFunctions(ctx context.Context) error {
	atomic := atomicBody
	if l.snapshot.Server < firstAtomic {
		atomic = noAtomicBody
	}
	return l.steps(ctx, []step{
		{fmt.Sprintf(askFunctions, atomic), l.function},
		{askOwnFunctions, func(r *row) { l.snapshot.in(l.schema(r)).ownFunctions[r.Text()] = true }},
		{askAggregates, func(r *row) {
			if f := l.snapshot.functions[r.oid()]; f != nil {
				f.Support = append(f.Support, r.oid())
			}
		}},
	})
}

func (l *loader) function(r *row) {
	f := &Function{OID: r.oid(), Schema: l.schema(r), Name: r.Text(), Kind: r.Char(), Language: r.Text(), Volatility: r.Char(), SecurityDefiner: r.Bool(), Owner: r.Text()}
	source := r.Next()
	sum := sha256.Sum256(source)
	f.Digest = "sha256:" + hex.EncodeToString(sum[:])
	f.Types, f.Arguments = r.Texts(), r.Texts()
	f.Result, f.ResultRelation = r.oid(), r.oid()
	f.Settings, f.Extension = r.Texts(), r.Text()
	if support := r.oid(); support >= FirstUser {
		f.Support = []OID{support}
	}
	f.Atomic, f.Note = r.Bool(), r.Text()
	if !f.Atomic && (f.Language == "sql" || f.Language == "plpgsql") {
		f.Body = l.kept.Keep(source)
	}
	f.Signature = quote.Name(f.Schema, f.Name) + "(" + strings.Join(f.Types, ", ") + ")"
	l.snapshot.addFunction(f)
}
