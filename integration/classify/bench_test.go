package classify

import (
	"io"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/classify"
)

// people is a table of twelve columns, as a shop has it.
const people = `
CREATE TABLE people AS
SELECT i AS id, 'person' || i || '@example.com' AS email, 'Ada Costa' AS name, 'DE' AS country, timestamptz '2019-12-04' + i * interval '1 s' AS seen,
  i % 2 = 0 AS active, (i::bigint * 7919) % 100000 AS zip, NULL::text AS note, 'placed' AS status, (i % 900) / 10.0 AS weight, 'Cam v2' AS model, md5('x' || i) AS mark
FROM generate_series(1, 300000) AS i;`

// sampling is a reader of a COPY stream that samples it: what the driver hands
// over at once is one message, which is one row.
type sampling struct{ *classify.Sampler }

func (s sampling) Write(row []byte) (int, error) {
	s.Row(row)
	return len(row), nil
}

// BenchmarkSampledCopy reads the same COPY from a real server with and without a
// sampler, in turns, and reports the best of both rates, which other work on the
// machine disturbs least, their ratio, and what the sampler adds to the
// processor's time of the reader.
func BenchmarkSampledCopy(b *testing.B) {
	world := harness.NewWorld(b, 15)
	world.Exec(b, "shop", people)
	world.Exec(b, "shop", "VACUUM ANALYZE people")
	conn, err := pgconn.Connect(b.Context(), world.Server.SuperuserDSN("shop"))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(b.Context())
	var size int64
	one := func(w io.Writer) (wall, processor time.Duration) {
		begin, used := time.Now(), ownTime(b)
		tag, err := conn.CopyTo(b.Context(), w, "COPY people TO STDOUT")
		if err != nil || tag.RowsAffected() != 300_000 {
			b.Fatal(tag, err)
		}
		return time.Since(begin), ownTime(b) - used
	}
	count := &counter{}
	one(count)
	size = count.n
	var walls, processors [2][]time.Duration
	for b.Loop() {
		for i, w := range []io.Writer{io.Discard, sampling{classify.NewSampler(classify.SamplerOptions{Layout: classify.Text})}} {
			wall, processor := one(w)
			walls[i], processors[i] = append(walls[i], wall), append(processors[i], processor)
		}
	}
	plain, sampled := slices.Min(walls[0]).Seconds(), slices.Min(walls[1]).Seconds()
	b.ReportMetric(float64(size)/plain/1e6, "MB/s-plain")
	b.ReportMetric(float64(size)/sampled/1e6, "MB/s-sampled")
	b.ReportMetric(plain/sampled, "ratio")
	b.ReportMetric(float64((slices.Min(processors[1])-slices.Min(processors[0])).Nanoseconds())/300_000, "cpu-ns/row-more")
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// ownTime is what this process has used of the processors.
func ownTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
