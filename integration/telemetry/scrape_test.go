package telemetry

import (
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// series are the samples of a scrape: by the name that a query would use, and
// for each its labels. A histogram has the names _bucket, _sum and _count.
type series map[string][]sample

type sample struct {
	labels map[string]string
	value  float64
}

// parse reads the text format of Prometheus.
func parse(t *testing.T, text string) series {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	all := series{}
	add := func(name string, labels map[string]string, value float64) {
		all[name] = append(all[name], sample{labels, value})
	}
	for name, family := range families {
		for _, m := range family.Metric {
			labels := map[string]string{}
			for _, l := range m.Label {
				labels[l.GetName()] = l.GetValue()
			}
			if h := m.Histogram; h != nil {
				for _, b := range h.Bucket {
					in := map[string]string{"le": strconv.FormatFloat(b.GetUpperBound(), 'g', -1, 64)}
					for k, v := range labels {
						in[k] = v
					}
					add(name+"_bucket", in, float64(b.GetCumulativeCount()))
				}
				add(name+"_sum", labels, h.GetSampleSum())
				add(name+"_count", labels, float64(h.GetSampleCount()))
				continue
			}
			add(name, labels, m.GetCounter().GetValue()+m.GetGauge().GetValue()+m.GetUntyped().GetValue())
		}
	}
	return all
}

// sum adds up the samples of a name that have certain labels.
func (s series) sum(name string, labels ...string) (total float64) {
	for _, one := range s[name] {
		matches := true
		for i := 0; i < len(labels); i += 2 {
			matches = matches && one.labels[labels[i]] == labels[i+1]
		}
		if matches {
			total += one.value
		}
	}
	return total
}
