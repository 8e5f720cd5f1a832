// Command promql reads a JSON list of PromQL queries from standard input and
// writes, for each, what Prometheus' own parser sees in it. It is a module of
// its own, so that the product does not depend on Prometheus.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// query is what is in one query.
type query struct {
	// Problem is why it cannot be read.
	Problem string `json:"problem,omitempty"`
	// Metrics are the metrics it reads.
	Metrics []string `json:"metrics"`
	// Labels are the labels it selects or groups by.
	Labels []string `json:"labels"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "promql:", err)
		os.Exit(1)
	}
}

func run() error {
	var texts []string
	if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil {
		return fmt.Errorf("reading queries: %w", err)
	}
	var answers []query
	for _, text := range texts {
		answers = append(answers, read(text))
	}
	return json.NewEncoder(os.Stdout).Encode(answers)
}

func read(text string) (q query) {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		return query{Problem: err.Error()}
	}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			for _, m := range n.LabelMatchers {
				if m.Name == labels.MetricName {
					q.Metrics = append(q.Metrics, m.Value)
				} else {
					q.Labels = append(q.Labels, m.Name)
				}
			}
		case *parser.AggregateExpr:
			if !n.Without {
				q.Labels = append(q.Labels, n.Grouping...)
			}
		}
		return nil
	})
	return q
}
