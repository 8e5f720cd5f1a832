package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/policy/classify"
)

const (
	// sampleRows are the rows that are sampled, again and again; enough to be in
	// no processor's cache.
	sampleRows = 100_000
	// sampleTime is for how long they are.
	sampleTime = 300 * time.Millisecond
)

// sampledCopy holds looking at a stream for what it is likely to hold against
// the COPY that brings it.
func sampledCopy(o *options) benchCase {
	return benchCase{
		name: "copy-sampled", unit: "% of its speed", each: "1,000 rows", needsPeople: true, goal: likeUnsampled,
		what: fmt.Sprintf("COPY TO STDOUT of %d rows of 12 columns, text: the speed that is left if the processor that serves it also samples the rows", people(o)),
		run:  copySampled,
	}
}

// copySampled takes the time of a COPY and that of sampling its rows, both for
// each row. A proxy has a processor of its own to sample with; here the times
// are added, as if it had not.
func copySampled(ctx context.Context, s *stage, w *way) (work, error) {
	rows, err := s.peopleRows(ctx)
	if err != nil {
		return work{}, err
	}
	copied, err := copyPeople(textFormat)(ctx, s, w)
	if err != nil {
		return work{}, err
	}
	sampler := classify.NewSampler(classify.SamplerOptions{Layout: classify.Text})
	for _, row := range rows { // the first rows are all looked at: they are few in a long stream
		sampler.Row(row)
	}
	seen, start := 0, time.Now()
	for time.Since(start) < sampleTime {
		for _, row := range rows {
			sampler.Row(row)
		}
		seen += len(rows)
	}
	sampled, alone := time.Since(start).Seconds()/float64(seen), 1/copied.rate
	copied.rate = 100 * alone / (alone + sampled)
	return copied, nil
}

// peopleRows fetches rows as a COPY brings them.
func (s *stage) peopleRows(ctx context.Context) ([][]byte, error) {
	direct := way{port: s.server.Port()}
	conn, err := pgconn.Connect(ctx, direct.url(transport{}))
	if err != nil {
		return nil, fmt.Errorf("rows to sample: %w", err)
	}
	var into rowKeeper
	_, err = conn.CopyTo(ctx, &into, fmt.Sprintf("COPY (SELECT * FROM public.bench_people LIMIT %d) TO STDOUT", sampleRows))
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return nil, fmt.Errorf("rows to sample: %w", err)
	}
	return into.rows, nil
}

// rowKeeper keeps rows that are written one by one.
type rowKeeper struct{ rows [][]byte }

func (k *rowKeeper) Write(row []byte) (int, error) {
	k.rows = append(k.rows, slices.Clone(row))
	return len(row), nil
}
