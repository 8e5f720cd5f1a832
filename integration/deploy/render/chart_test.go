package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const (
	chartPath = "../../../examples/kubernetes/sluice"
	jobPath   = "../../../examples/kubernetes/migration-job.yaml"
)

type object map[string]any

// at follows keys and, in lists, goes into the first entry.
func (o object) at(keys ...string) any {
	var v any = map[string]any(o)
	for _, key := range keys {
		if list, ok := v.([]any); ok && len(list) > 0 {
			v = list[0]
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}

// rendered returns the checked manifests by kind and name.
func rendered(t *testing.T, values string) map[string]object {
	t.Helper()
	text, err := chartFolder(chartPath, []byte(values))
	if err != nil {
		t.Fatal(err)
	}
	if err := checkManifests(text); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return parse(t, text)
}

func parse(t *testing.T, text []byte) map[string]object {
	t.Helper()
	all := map[string]object{}
	for document := range strings.SplitSeq("\n"+string(text), "\n---") {
		var o object
		if err := yaml.Unmarshal([]byte(document), &o); err != nil {
			t.Fatal(err)
		}
		if len(o) > 0 {
			all[o.at("kind").(string)+"/"+o.at("metadata", "name").(string)] = o
		}
	}
	return all
}

func everything(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("testdata/values/all.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestChartRenders(t *testing.T) {
	always := []string{
		"ConfigMap/gate-sluice", "NetworkPolicy/gate-sluice", "Pod/gate-sluice-test", "PodDisruptionBudget/gate-sluice",
		"Service/gate-sluice", "Service/gate-sluice-pods", "ServiceAccount/gate-sluice", "StatefulSet/gate-sluice",
	}
	for name, c := range map[string]struct {
		values string
		want   []string
	}{
		"defaults":   {"", always},
		"everything": {everything(t), append(always, "ServiceMonitor/gate-sluice")},
		"least": {
			"podDisruptionBudget: {enabled: false}\nnetworkPolicy: {enabled: false}\ntest: {enabled: false}",
			[]string{"ConfigMap/gate-sluice", "Service/gate-sluice", "Service/gate-sluice-pods", "ServiceAccount/gate-sluice", "StatefulSet/gate-sluice"},
		},
	} {
		got := rendered(t, c.values)
		for _, want := range c.want {
			if got[want] == nil {
				t.Errorf("%s: there is no %s", name, want)
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %d objects, want %d", name, len(got), len(c.want))
		}
	}
}

// With every optional value set, each of them can be found in what is
// rendered.
func TestEveryValueArrives(t *testing.T) {
	text, err := chartFolder(chartPath, []byte(everything(t)))
	if err != nil {
		t.Fatal(err)
	}
	var known, set map[string]any
	defaults, err := os.ReadFile(filepath.Join(chartPath, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(yaml.Unmarshal(defaults, &known), yaml.Unmarshal([]byte(everything(t)), &set)); err != nil {
		t.Fatal(err)
	}
	// These are never empty, so that other tests see them.
	for _, key := range []string{"config", "existingSecret", "tlsSecret", "terminationGracePeriodSeconds", "resources", "test"} {
		delete(known, key)
	}
	for key := range known {
		if set[key] == nil {
			t.Errorf("testdata/values/all.yaml does not set %s", key)
		}
	}
	for _, want := range []string{
		"registry.example.net/sluice@sha256:", "name: registry", "replicas: 3", "checksum/policy:", "tokens-stay",
		"100Gi", "storageClassName: \"fast\"", "type: LoadBalancer", "port: 6000", "example.net/internal", "team: shop",
		"kubernetes.io/metadata.name: monitoring", "cidr: 10.0.0.0/8", "- Egress", "maxUnavailable: 30%", "interval: 15s",
		"release: prometheus", "example.net/role", "example.net/a: b", "example.net/team: databases", "kubernetes.io/os: linux",
		"key: databases", "nodeAffinity", "topology.kubernetes.io/zone", "- --debug", "900MiB", "emptyDir", "mountPath: /more",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is set and not rendered", want)
		}
	}
}

func TestValuesAreChecked(t *testing.T) {
	for values, says := range map[string]string{
		"replica: 2":                                    "replica",
		"replicas: many":                                "replicas",
		"replicas: 0":                                   "replicas",
		"image: {repository: \"\"}":                     "repository",
		"image: {digest: latest}":                       "digest",
		"image: {pullPolicy: Sometimes}":                "pullPolicy",
		"service: {port: 70000}":                        "port",
		"service: {type: ExternalName}":                 "type",
		"config: {listen: []}":                          "listen",
		"config: {trail: {dir: /tmp/trail}}":            "dir",
		"config: {admin: {address: \"\"}}":              "address",
		"config: {admin: null}":                         "admin",
		"config: {policy: policy.yaml}":                 "policy",
		"policy: {version: 1}":                          "policy",
		"persistence: {size: much}":                     "size",
		"existingSecret: Sluice_Secret":                 "existingSecret",
		"networkPolicy: {client: []}":                   "client",
		"serviceMonitor: {interval: often}":             "interval",
		"extraEnv: [{value: x}]":                        "name",
		"terminationGracePeriodSeconds: 1h":             "terminationGracePeriodSeconds",
		"podDisruptionBudget: {maxUnavailable: always}": "maxUnavailable",
	} {
		if _, err := chartFolder(chartPath, []byte(values)); err == nil {
			t.Errorf("%s: was accepted", values)
		} else if !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want an error about %s", values, err, says)
		}
	}
}

// The pods are those that everything else speaks of, and the pod of the test
// is none of them.
func TestSelectors(t *testing.T) {
	all := rendered(t, everything(t))
	pods := all["StatefulSet/gate-sluice"].at("spec", "template", "metadata", "labels")
	tester := all["Pod/gate-sluice-test"].at("metadata", "labels")
	for name, keys := range map[string][]string{
		"StatefulSet/gate-sluice":         {"spec", "selector", "matchLabels"},
		"Service/gate-sluice":             {"spec", "selector"},
		"Service/gate-sluice-pods":        {"spec", "selector"},
		"PodDisruptionBudget/gate-sluice": {"spec", "selector", "matchLabels"},
		"NetworkPolicy/gate-sluice":       {"spec", "podSelector", "matchLabels"},
	} {
		selector := all[name].at(keys...)
		if !selects(selector, pods) {
			t.Errorf("%s does not select the pods: %v", name, selector)
		}
		if selects(selector, tester) {
			t.Errorf("%s selects the pod of the test", name)
		}
	}
	monitor := all["ServiceMonitor/gate-sluice"]
	labels := func(name string) any { return all[name].at("metadata", "labels") }
	if s := monitor.at("spec", "selector", "matchLabels"); !selects(s, labels("Service/gate-sluice-pods")) || selects(s, labels("Service/gate-sluice")) {
		t.Errorf("the ServiceMonitor selects by %v", s)
	}
	port := monitor.at("spec", "endpoints", "port")
	found := false
	for _, p := range all["Service/gate-sluice-pods"].at("spec", "ports").([]any) {
		found = found || p.(map[string]any)["name"] == port
	}
	if !found {
		t.Errorf("the ServiceMonitor asks port %v, which the service does not have", port)
	}
}

func selects(selector, labels any) bool {
	s, ok := selector.(map[string]any)
	l, _ := labels.(map[string]any)
	for key, value := range s {
		ok = ok && l[key] == value
	}
	return ok && len(s) > 0
}

// A new configuration restarts the pods; a new policy does so only where it is
// not to be read again.
func TestChecksums(t *testing.T) {
	sums := func(values string) object {
		return rendered(t, values)["StatefulSet/gate-sluice"].at("spec", "template", "metadata", "annotations").(map[string]any)
	}
	const config, policy = "checksum/config", "checksum/policy"
	plain, changed := sums(""), sums("config: {greeting: true}")
	if plain[config] == nil || plain[config] == changed[config] {
		t.Error("a changed configuration does not restart the pods")
	}
	if plain[policy] != nil || sums("policy: 'version: 1 # changed'")[config] != plain[config] {
		t.Error("a changed policy restarts the pods")
	}
	if a, b := sums("reloadPolicy: false"), sums("{reloadPolicy: false, policy: 'version: 1 # changed'}"); a[policy] == nil || a[policy] == b[policy] {
		t.Error("reloadPolicy: false, and a changed policy does not restart the pods")
	}
}

// Nothing runs as root, writes into its image or keeps rights it does not use.
func TestPodsAreConfined(t *testing.T) {
	job, err := os.ReadFile(jobPath)
	if err != nil {
		t.Fatal(err)
	}
	all := rendered(t, "")
	pods := map[string]object{
		"proxy": all["StatefulSet/gate-sluice"].at("spec", "template", "spec").(map[string]any),
		"test":  all["Pod/gate-sluice-test"].at("spec").(map[string]any),
		"job":   parse(t, job)["Job/migration"].at("spec", "template", "spec").(map[string]any),
	}
	for name, pod := range pods {
		if pod.at("securityContext", "runAsNonRoot") != true || pod.at("securityContext", "seccompProfile", "type") != "RuntimeDefault" {
			t.Errorf("%s: the pod's securityContext is %v", name, pod.at("securityContext"))
		}
		if name != "test" && pod.at("enableServiceLinks") != false {
			t.Errorf("%s: a service called sluice would set variables of Sluice", name)
		}
		if pod.at("automountServiceAccountToken") != false {
			t.Errorf("%s: gets a token of the cluster that it does not need", name)
		}
		n := 0
		for _, key := range []string{"initContainers", "containers"} {
			list, _ := pod[key].([]any)
			for _, c := range list {
				n++
				s := object(c.(map[string]any))
				if s.at("securityContext", "readOnlyRootFilesystem") != true || s.at("securityContext", "allowPrivilegeEscalation") != false {
					t.Errorf("%s: %v", name, s.at("securityContext"))
				}
				if drop, _ := s.at("securityContext", "capabilities", "drop").([]any); len(drop) != 1 || drop[0] != "ALL" {
					t.Errorf("%s: keeps capabilities", name)
				}
			}
		}
		if n == 0 {
			t.Errorf("%s: no container", name)
		}
	}
}

func TestNotes(t *testing.T) {
	files, err := templates(chartPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	notes := files[filepath.Join("sluice", "templates", "NOTES.txt")]
	for _, want := range []string{"gate-sluice.databases.svc", "port=5432 dbname=shop", "helm test gate --namespace databases", "trail-gate-sluice-0"} {
		if !strings.Contains(notes, want) {
			t.Errorf("the notes do not tell %q:\n%s", want, notes)
		}
	}
}
