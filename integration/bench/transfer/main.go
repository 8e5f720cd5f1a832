package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
)

func main() {
	size := flag.Int("size", 300, "about how many megabytes of tables to copy")
	rounds := flag.Int("rounds", 3, "how often every way takes its turn")
	streams := flag.Int("streams", 2, "streams of the engine")
	only := flag.String("ways", "", "only ways whose name matches this")
	part := flag.Int("engine", 0, "be the engine with this many streams (for the program itself)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := error(nil)
	if *part > 0 {
		err = engine(ctx, *part)
	} else {
		err = bench(ctx, *size, *rounds, *streams, *only)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sluice:", err)
		os.Exit(1)
	}
}

// turn is what one turn of a way took.
type turn struct {
	took   time.Duration
	cpu    spent
	memory int64
}

func bench(ctx context.Context, size, rounds, streams int, only string) (err error) {
	match, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	s, err := newStage(ctx, size, streams)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	want, err := content(ctx, s.from, "shop")
	if err != nil {
		return err
	}
	ways := slices.DeleteFunc(s.ways(), func(w way) bool { return !match.MatchString(w.name) })
	if len(ways) == 0 {
		return fmt.Errorf("no way that is installed matches %q", only)
	}
	// A new server makes the files of its log in the first turn, which is nobody's.
	if _, err := s.turn(ctx, ways[0], want); err != nil {
		return fmt.Errorf("%s: %w", ways[0].name, err)
	}
	turns := map[string][]turn{}
	for round := range rounds {
		for i := range ways {
			w := ways[(round+i)%len(ways)]
			t, err := s.turn(ctx, w, want)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			turns[w.name] = append(turns[w.name], t)
			fmt.Fprintf(os.Stderr, "round %d: %-16s %.2f s; processors: source %.1f s, destination %.1f s, programs %.1f s\n", round+1, w.name,
				t.took.Seconds(), t.cpu.source.Seconds(), t.cpu.destination.Seconds(), t.cpu.programs.Seconds())
		}
	}
	return report(ctx, s, ways, turns)
}

// turn empties the destination, copies, and compares.
func (s *stage) turn(ctx context.Context, w way, want string) (turn, error) {
	for _, text := range []string{"DROP DATABASE IF EXISTS copy WITH (FORCE)", "CREATE DATABASE copy", "CHECKPOINT"} {
		if err := s.to.Exec(ctx, "postgres", text); err != nil {
			return turn{}, err
		}
	}
	if w.name == "sluice" {
		if err := s.to.Exec(ctx, "copy", setUp); err != nil {
			return turn{}, err
		}
	}
	before, err := s.cpu()
	if err != nil {
		return turn{}, err
	}
	began := time.Now()
	memory, err := w.copy(ctx)
	t := turn{took: time.Since(began), memory: memory}
	if err != nil {
		return t, err
	}
	// Backends end a moment after their clients.
	time.Sleep(300 * time.Millisecond)
	after, err := s.cpu()
	if err != nil {
		return t, err
	}
	t.cpu = after.since(before)
	got, err := content(ctx, s.to, "copy")
	if err == nil && got != want {
		err = fmt.Errorf("the copy differs:\n%s\n%s", want, got)
	}
	return t, err
}

// setUp is what the destination of a carried copy has.
const setUp = `GRANT CREATE ON DATABASE copy TO sluice_owner; GRANT CREATE ON SCHEMA public TO sluice_owner; CREATE SCHEMA sluice AUTHORIZATION sluice_owner; SET ROLE sluice_owner;
CREATE TABLE sluice.lease (copy text PRIMARY KEY, valid_until timestamptz NOT NULL); GRANT USAGE ON SCHEMA sluice TO PUBLIC; GRANT SELECT ON sluice.lease TO PUBLIC`

func newStage(ctx context.Context, size, streams int) (*stage, error) {
	dir, err := os.MkdirTemp("", "bench-transfer-")
	if err != nil {
		return nil, err
	}
	s := &stage{dir: dir, streams: streams}
	config := map[string]string{"shared_buffers": "512MB", "max_wal_size": "8GB", "checkpoint_timeout": "30min", "autovacuum": "off", "fsync": "off"}
	if s.from, err = pgserver.Start(ctx, pgserver.Options{Version: 15, Database: "shop", Config: config}); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if s.to, err = pgserver.Start(ctx, pgserver.Options{Version: 15, Config: config, InitSQL: []string{
		"CREATE ROLE sluice_owner; CREATE ROLE carries LOGIN PASSWORD 'carries it' IN ROLE sluice_owner; CREATE ROLE analyst",
	}}); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if err := load(ctx, s.from, size); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *stage) close() error {
	var errs []error
	for _, server := range []*pgserver.Server{s.from, s.to} {
		if server != nil {
			errs = append(errs, server.Stop())
		}
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// report prints the medians as Markdown.
func report(ctx context.Context, s *stage, ways []way, turns map[string][]turn) error {
	rows, err := s.from.Query(ctx, "shop", "SELECT pg_size_pretty(sum(pg_table_size(c.oid))), pg_size_pretty(sum(pg_indexes_size(c.oid))) FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
	if err != nil {
		return err
	}
	fmt.Printf("%d tables of %s with indexes of %s, %d streams\n\n| way | median s | all | sluice is so many times as fast | processors s | peak RSS MiB |\n|---|---|---|---|---|---|\n", len(tables), rows[0][0], rows[0][1], s.streams)
	for _, w := range ways {
		all := turns[w.name]
		var words []string
		var memory int64
		for _, t := range all {
			words = append(words, fmt.Sprintf("%.2f", t.took.Seconds()))
			memory = max(memory, t.memory)
		}
		ratio, rss := "", ""
		if own := turns["sluice"]; len(own) > 0 {
			ratio = fmt.Sprintf("%.2f", median(all).Seconds()/median(own).Seconds())
		}
		if memory > 0 {
			rss = fmt.Sprintf("%.0f", float64(memory)/(1<<20))
		}
		fmt.Printf("| %s | %.2f | %s | %s | %.1f | %s |\n", strings.ReplaceAll(w.name, "|", "to"), median(all).Seconds(), strings.Join(words, " "), ratio, medianCPU(all).Seconds(), rss)
	}
	return nil
}

// median is that of the times.
func median(turns []turn) time.Duration {
	return middle(turns, func(t turn) time.Duration { return t.took })
}

// medianCPU is that of the processor times.
func medianCPU(turns []turn) time.Duration {
	return middle(turns, func(t turn) time.Duration { return t.cpu.sum() })
}

func middle(turns []turn, of func(turn) time.Duration) time.Duration {
	var all []time.Duration
	for _, t := range turns {
		all = append(all, of(t))
	}
	slices.Sort(all)
	return all[len(all)/2]
}
