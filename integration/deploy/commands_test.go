package deploy

import (
	"slices"
	"strings"
	"testing"
)

// These are all commands in the examples and in the Dockerfile, and where each
// is run.
var commands = []struct{ where, command, runBy string }{
	{"unit", "ExecStart", "TestUnitRuns"},
	{"unit", "ExecReload", "TestUnitRuns"},
	{"chart", "StatefulSet/sluice args", "TestChartRuns"},
	{"chart", "StatefulSet/sluice livenessProbe.httpGet", "TestChartRuns"},
	{"chart", "StatefulSet/sluice readinessProbe.httpGet", "TestChartRuns"},
	{"chart", "StatefulSet/sluice startupProbe.httpGet", "TestChartRuns"},
	{"chart", "Pod/psql command", "TestChartRuns"},
	{"job", "Job/sluice args", "TestJobRuns"},
	{"job", "Job/sluice startupProbe.httpGet", "TestJobRuns"},
	{"job", "Job/migrate command", "TestJobRuns"},
	{"compose", "database command", "TestComposeRuns"},
	{"compose", "database healthcheck", "TestComposeRuns"},
	{"compose", "prepare entrypoint", "TestComposeRuns"},
	{"compose", "sluice command", "TestComposeRuns"},
	{"compose", "sluice healthcheck", "TestComposeRuns"},
	{"image", "ENTRYPOINT", "TestComposeRuns"},
	{"image", "CMD", "TestComposeRuns"},
	{"image", "HEALTHCHECK", "TestComposeRuns"},
}

// The list above is complete, so a new command in an example needs a test.
func TestEveryCommandIsRun(t *testing.T) {
	var want, got []string
	for _, c := range commands {
		want = append(want, c.where+": "+c.command)
	}
	note := func(where, command string) { got = append(got, where+": "+command) }
	for _, line := range unitLines(t, "systemd/sluice.service") {
		if strings.HasPrefix(line.key, "Exec") {
			note("unit", line.key)
		}
	}
	for _, line := range unitLines(t, "systemd/sluice.socket") {
		if strings.HasPrefix(line.key, "Exec") {
			note("socket", line.key)
		}
	}
	for _, m := range rendered(t, "chart", "kubernetes/sluice") {
		noteContainers(m, func(command string) { note("chart", command) })
	}
	for _, m := range rendered(t, "manifests", "kubernetes/migration-job.yaml") {
		noteContainers(m, func(command string) { note("job", command) })
	}
	services, _ := rendered(t, "compose", "compose/compose.yaml")[0].at("services").value.(map[string]any)
	for name, service := range services {
		for _, key := range []string{"command", "entrypoint", "healthcheck", "post_start", "pre_stop"} {
			if (node{service}).at(key).value != nil {
				note("compose", name+" "+key)
			}
		}
	}
	for name := range imageCommands(t) {
		note("image", name)
	}
	slices.Sort(got)
	slices.Sort(want)
	got = slices.Compact(got)
	if !slices.Equal(got, want) {
		t.Errorf("the examples have the commands\n%s\nthis suite runs\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// podSpec is where a manifest has its pod, wherever its kind puts it.
func podSpec(manifest node) node {
	if manifest.at("kind").text() == "Pod" {
		return manifest.at("spec")
	}
	return manifest.at("spec", "template", "spec")
}

func noteContainers(manifest node, note func(string)) {
	pod := podSpec(manifest)
	for _, c := range append(pod.at("initContainers").list(), pod.at("containers").list()...) {
		who := manifest.at("kind").text() + "/" + c.at("name").text() + " "
		for _, key := range []string{"command", "args", "lifecycle"} {
			if c.at(key).value != nil {
				note(who + key)
			}
		}
		for _, probe := range []string{"startupProbe", "readinessProbe", "livenessProbe"} {
			for _, how := range []string{"httpGet", "exec", "tcpSocket", "grpc"} {
				if c.at(probe, how).value != nil {
					note(who + probe + "." + how)
				}
			}
		}
	}
}
