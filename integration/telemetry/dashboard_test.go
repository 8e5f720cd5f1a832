package telemetry

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"testing"
)

// dashboard is what matters here of a Grafana dashboard.
type dashboard struct {
	Title      string `json:"title"`
	UID        string `json:"uid"`
	Version    int    `json:"schemaVersion"`
	Templating struct {
		List []struct {
			Name  string `json:"name"`
			Type  string `json:"type"`
			Query any    `json:"query"`
		} `json:"list"`
	} `json:"templating"`
	Panels []panel `json:"panels"`
}

type panel struct {
	ID          int    `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Type        string `json:"type"`
	GridPos     struct{ H, W, X, Y int }
	Targets     []struct {
		Expr    string `json:"expr"`
		RefID   string `json:"refId"`
		Instant bool   `json:"instant"`
	} `json:"targets"`
}

// query is what promql says of one query.
type query struct {
	Problem string   `json:"problem"`
	Metrics []string `json:"metrics"`
	Labels  []string `json:"labels"`
}

// checkDashboard reads the dashboard's queries with Prometheus' own parser.
// Every metric and label in them is one that a real run has.
func checkDashboard(t *testing.T, have series) {
	t.Helper()
	data, err := os.ReadFile("../../examples/grafana/sluice.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	if d.Title == "" || d.UID == "" || d.Version < 39 || len(d.Panels) < 10 {
		t.Errorf("it is no dashboard: %q, %q, schema %d, %d panels", d.Title, d.UID, d.Version, len(d.Panels))
	}
	checkLayout(t, d)
	var texts, places []string
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			places, texts = append(places, p.Title), append(texts, withoutVariables(target.Expr))
			// Of a range, Grafana shows the last value, also of a proxy that is gone.
			if target.Instant != (p.Type == "stat") {
				t.Errorf("%s: instant is %t", p.Title, target.Instant)
			}
		}
	}
	for i, q := range readQueries(t, texts) {
		switch {
		case q.Problem != "":
			t.Errorf("%s: %s: %s", places[i], texts[i], q.Problem)
		case len(q.Metrics) == 0:
			t.Errorf("%s: %s asks for no metric", places[i], texts[i])
		}
		checkQuery(t, places[i], q, have)
	}
}

func checkQuery(t *testing.T, place string, q query, have series) {
	t.Helper()
	labels := map[string]bool{"job": true, "instance": true} // Prometheus adds them
	for _, name := range q.Metrics {
		if len(have[name]) == 0 {
			t.Errorf("%s: there is no metric %s", place, name)
		}
		for _, s := range have[name] {
			for label := range s.labels {
				labels[label] = true
			}
		}
	}
	for _, label := range q.Labels {
		if !labels[label] {
			t.Errorf("%s: none of %v has a label %s", place, q.Metrics, label)
		}
	}
}

// checkLayout finds panels that lie over each other or outside.
func checkLayout(t *testing.T, d dashboard) {
	t.Helper()
	taken := map[[2]int]string{}
	var ids []int
	for _, p := range d.Panels {
		if slices.Contains(ids, p.ID) {
			t.Errorf("%s: its id is taken", p.Title)
		}
		ids = append(ids, p.ID)
		if p.Type != "row" && (p.Description == "" || len(p.Targets) == 0) {
			t.Errorf("%s: says or asks nothing", p.Title)
		}
		g := p.GridPos
		if g.W < 1 || g.H < 1 || g.X+g.W > 24 {
			t.Errorf("%s: lies outside", p.Title)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("%s lies over %s", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

// variable is what Grafana replaces before it asks.
var variable = regexp.MustCompile(`\$__rate_interval|\$[a-z]+`)

func withoutVariables(expr string) string {
	return variable.ReplaceAllStringFunc(expr, func(name string) string {
		if name == "$__rate_interval" {
			return "5m"
		}
		return ".+"
	})
}

// readQueries has Prometheus' parser read queries.
func readQueries(t *testing.T, texts []string) []query {
	t.Helper()
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", ".")
	cmd.Dir, cmd.Stdin = "promql", bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("reading the queries: %v\n%s", err, stderr.String())
	}
	var queries []query
	if err := json.Unmarshal(out, &queries); err != nil || len(queries) != len(texts) {
		t.Fatalf("%d queries of %d were read: %v", len(queries), len(texts), err)
	}
	return queries
}
