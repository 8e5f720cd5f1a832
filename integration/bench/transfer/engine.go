package main

import (
	"context"
	"fmt"
	"os"
	"runtime/pprof"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/proxy/transfer"
)

// engine is what the process that is measured does.
func engine(ctx context.Context, streams int) error {
	if profile := os.Getenv("PROFILE"); profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	open := func(dsn string) transfer.Opener {
		return func(ctx context.Context) (*pgconn.PgConn, error) { return pgconn.Connect(ctx, dsn) }
	}
	job := transfer.Job{
		Copy: os.Getenv("COPY"), Source: open(os.Getenv("FROM")), Destination: open(os.Getenv("TO")), Owner: "sluice_owner",
		Streams: streams, LeaseUntil: time.Now().Add(time.Hour),
	}
	if os.Getenv("BENCH_PHASES") != "" {
		var last transfer.Phase
		job.Progress = func(p transfer.Progress) {
			if p.Phase != last {
				last = p.Phase
				fmt.Fprintf(os.Stderr, "%8.2fs %s: %d rows, %d MB\n", p.Elapsed.Seconds(), p.Phase, p.Rows, p.Bytes>>20)
			}
		}
	}
	for _, t := range tables {
		job.Items = append(job.Items, transfer.Item{Schema: "public", Name: t, Grants: []transfer.Grant{{Role: "analyst", Privileges: []string{"SELECT"}}}})
	}
	_, err := transfer.Run(ctx, job)
	return err
}
