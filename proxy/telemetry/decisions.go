package telemetry

import (
	"context"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// decision is what decisions are counted by.
type decision struct {
	verdict policy.Verdict
	kind    statement.Kind
	rule    string
}

// maxDecisions bounds how many different ones are counted apart; a policy that
// is edited for years does not fill memory. The rest counts as "other".
const maxDecisions = 1500

// decisions counts them. Who counts keeps the counter, so that counting is one
// addition.
type decisions struct {
	mu    sync.Mutex
	known map[decision]*count
}

type count struct {
	n      atomic.Int64
	labels metric.MeasurementOption
}

func (d *decisions) register(meter metric.Meter) error {
	d.known = map[decision]*count{}
	_, err := meter.Int64ObservableCounter("sluice.decisions", metric.WithUnit("{decision}"),
		metric.WithDescription("Decisions on record, by verdict, kind and rule."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			d.mu.Lock()
			defer d.mu.Unlock()
			for _, c := range d.known {
				o.Observe(c.n.Load(), c.labels)
			}
			return nil
		}))
	return err
}

// counter returns the counter of a kind of decision.
func (d *decisions) counter(of decision) *count {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, ok := d.known[of]
	if !ok && len(d.known) >= maxDecisions {
		of.rule = "other"
		c, ok = d.known[of]
	}
	if !ok {
		c = &count{labels: metric.WithAttributeSet(attribute.NewSet(
			verdictKey.String(of.verdict.String()), kindKey.String(of.kind.String()), ruleKey.String(of.rule),
		))}
		d.known[of] = c
	}
	return c
}
