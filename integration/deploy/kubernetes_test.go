package deploy

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/proxy/layers"
)

// cluster is what the pods of an example find: objects by kind and name, and
// the secrets that somebody has to make.
type cluster struct {
	*stage
	objects map[string]node
	secrets map[string]map[string]string
}

func newCluster(t *testing.T, s *stage, manifests []node) *cluster {
	t.Helper()
	c := &cluster{stage: s, objects: map[string]node{}, secrets: map[string]map[string]string{}}
	for _, m := range manifests {
		c.objects[m.at("kind").text()+"/"+m.at("metadata", "name").text()] = m
	}
	return c
}

func (c *cluster) object(t *testing.T, name string) node {
	t.Helper()
	o, found := c.objects[name]
	if !found {
		t.Fatalf("there is no %s", name)
	}
	return o
}

// mount lays out the volumes of a container as the kubelet would.
func (c *cluster) mount(t *testing.T, pod, container node, claims ...string) {
	t.Helper()
	for _, m := range container.at("volumeMounts").list() {
		path, volume := m.at("mountPath").text(), pod.at("volumes").named(m.at("name").text())
		switch {
		case volume.at("configMap").value != nil:
			data, _ := c.object(t, "ConfigMap/"+volume.at("configMap", "name").text()).at("data").value.(map[string]any)
			for name, text := range data {
				c.put(t, path+"/"+name, fmt.Sprint(text), 0o644)
			}
		case volume.at("secret").value != nil:
			c.mountSecret(t, path, volume.at("secret"))
		case volume.at("persistentVolumeClaim").value != nil:
			c.object(t, "PersistentVolumeClaim/"+volume.at("persistentVolumeClaim", "claimName").text())
			c.mountClaim(t, path)
		default:
			found := false
			for _, claim := range claims {
				found = found || claim == m.at("name").text()
			}
			if !found {
				t.Fatalf("volume %s is nowhere", m.at("name").text())
			}
			c.mountClaim(t, path)
		}
	}
}

// mountClaim makes the top folder of a volume as a pod with fsGroup finds it:
// open to the group, which what is made in it inherits.
func (c *cluster) mountClaim(t *testing.T, path string) {
	t.Helper()
	c.mkdir(t, path)
	if err := os.Chmod(c.dir+path, 0o770|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
}

func (c *cluster) mountSecret(t *testing.T, path string, volume node) {
	t.Helper()
	name := volume.at("secretName").text()
	data, found := c.secrets[name]
	if !found {
		t.Fatalf("nobody makes the secret %s", name)
	}
	mode, _ := strconv.ParseUint(volume.at("defaultMode").text(), 10, 32)
	keys := map[string]bool{}
	for _, item := range volume.at("items").list() {
		keys[item.at("key").text()] = true
	}
	for key, text := range data {
		if len(keys) == 0 || keys[key] {
			c.put(t, path+"/"+key, text, os.FileMode(mode))
		}
	}
}

// env is a container's environment. Hosts and ports are moved by the caller.
func (c *cluster) env(t *testing.T, container node) map[string]string {
	t.Helper()
	env := map[string]string{}
	for _, e := range container.at("env").list() {
		value := e.at("value").text()
		if ref := e.at("valueFrom", "secretKeyRef"); ref.value != nil {
			var found bool
			if value, found = c.secrets[ref.at("name").text()][ref.at("key").text()]; !found {
				t.Fatalf("%s: nobody makes that secret", e.at("name").text())
			}
		}
		env[e.at("name").text()] = c.move(value)
	}
	return env
}

func list(env map[string]string) []string {
	var all []string
	for name, value := range env {
		all = append(all, name+"="+value)
	}
	return all
}

// probe is the page that a probe asks for. Its port has to be the container's
// admin port.
func probe(t *testing.T, container node, name string) string {
	t.Helper()
	get := container.at(name, "httpGet")
	port := container.at("ports").named(get.at("port").text()).at("containerPort").text()
	if port != strconv.Itoa(exampleAdmin) {
		t.Errorf("%s asks at port %q", name, port)
	}
	return get.at("path").text()
}

// secretOfUsers is a verifiers file for one person.
func (s *stage) secretOfUsers(t *testing.T, name string) string {
	t.Helper()
	s.addUser(t, "/"+name+".scram", name)
	return readFile(t, s.dir+"/"+name+".scram")
}

// The chart's pod serves with the chart's configuration, its probes answer,
// the test of "helm test" passes, and the pod ends well within its grace.
func TestChartRuns(t *testing.T) {
	s := newStage(t)
	issuer := s.preparedServer(t)
	c := newCluster(t, s, rendered(t, "chart", "kubernetes/sluice"))
	cert, key := s.certificate(t)
	c.secrets["sluice"] = map[string]string{"users.scram": s.secretOfUsers(t, "alice"), "issuer.pgpass": issuerFile(issuer), "db-ca.pem": s.serverCA(t)}
	c.secrets["sluice-tls"] = map[string]string{"tls.crt": cert, "tls.key": key}
	c.secrets["sluice-test"] = map[string]string{"user": "alice", "password": password, "ca.crt": s.serverCA(t)}

	set := c.object(t, "StatefulSet/gate-sluice").at("spec")
	pod := set.at("template", "spec")
	container := pod.at("containers").named("sluice")
	var claims []string
	for _, claim := range set.at("volumeClaimTemplates").list() {
		claims = append(claims, claim.at("metadata", "name").text())
	}
	c.mount(t, pod, container, claims...)
	p := s.start(t, nil, s.moveAll(inImage(t, container.at("args").texts()))...)
	for _, name := range []string{"startupProbe", "readinessProbe", "livenessProbe"} {
		page := probe(t, container, name)
		p.await(t, name+" passes", func() bool { return s.answers(t, page) == 200 })
	}
	c.helmTest(t)
	checkGrace(t, s, pod.at("terminationGracePeriodSeconds").text(), s.dir+"/etc/sluice/config/sluice.yaml")
	before := time.Now()
	p.stop(t)
	if took := time.Since(before); took > 30*time.Second {
		t.Errorf("an idle pod took %s to end", took)
	}
	s.leavesNothing(t)
}

// helmTest runs the pod of "helm test". The service it names leads to the
// proxy's port.
func (c *cluster) helmTest(t *testing.T) {
	t.Helper()
	pod := c.object(t, "Pod/gate-sluice-test").at("spec")
	container := pod.at("containers").named("psql")
	c.mount(t, pod, container)
	env := c.env(t, container)
	port := c.object(t, "Service/"+env["PGHOST"]).at("spec", "ports").named("postgres")
	target := c.object(t, "StatefulSet/gate-sluice").at("spec", "template", "spec", "containers").named("sluice").at("ports").named(port.at("targetPort").text())
	if port.at("port").text() != env["PGPORT"] || target.at("containerPort").text() != strconv.Itoa(examplePort) {
		t.Errorf("%s:%s does not lead to the proxy", env["PGHOST"], env["PGPORT"])
	}
	env["PGHOST"], env["PGPORT"] = "localhost", strconv.Itoa(c.port)
	out := c.mustRun(t, list(env), "", container.at("command").texts()...)
	if !strings.Contains(out, "?column?") {
		t.Errorf("the test of the chart printed %q", out)
	}
	env["PGPASSWORD"] = "wrong"
	if r := c.run(t, list(env), "", container.at("command").texts()...); r.code == 0 {
		t.Error("the test of the chart passes with a wrong password")
	}
}

// closing is how long the proxy may take after the drain to end credentials
// and to close the trail.
const closing = 45 * time.Second

// checkGrace wants a grace, in seconds, that is long enough for the drain and
// for closing.
func checkGrace(t *testing.T, s *stage, grace, config string) {
	t.Helper()
	seconds, err := strconv.Atoi(grace)
	if err != nil {
		t.Fatalf("the grace %q is no number", grace)
	}
	loaded, err := layers.Load(layers.Sources{File: config})
	if err != nil {
		t.Fatal(err)
	}
	if drain := loaded.Config.Limits.Drain + loaded.Config.Limits.DrainDelay; time.Duration(seconds)*time.Second < drain+closing {
		t.Errorf("%d s of grace, and the drain may take %s", seconds, drain)
	}
}

// leavesNothing wants no minted role on the server.
func (s *stage) leavesNothing(t *testing.T) {
	t.Helper()
	rows, err := s.server.Query(t.Context(), "postgres", `SELECT rolname FROM pg_roles WHERE rolname LIKE 'sluice\_%'`)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) > 0 {
		t.Errorf("these roles are left: %v", rows)
	}
}

// The job's sidecar starts, the migration runs through it once the probe has
// passed, and the sidecar ends when Kubernetes asks it to.
func TestJobRuns(t *testing.T) {
	s := newStage(t)
	issuer := s.preparedServer(t)
	if err := s.server.Exec(t.Context(), "shop", "CREATE ROLE shop_owner; GRANT CREATE, USAGE ON SCHEMA public TO shop_owner; GRANT shop_owner TO shop_issuer WITH ADMIN OPTION"); err != nil {
		t.Fatal(err)
	}
	c := newCluster(t, s, rendered(t, "manifests", "kubernetes/migration-job.yaml"))
	c.secrets["migration"] = map[string]string{
		"users.scram": s.secretOfUsers(t, "migration"), "issuer.pgpass": issuerFile(issuer), "db-ca.pem": s.serverCA(t), "password": password,
	}
	pod := podSpec(c.object(t, "Job/migration"))
	sidecar, migrate := pod.at("initContainers").named("sluice"), pod.at("containers").named("migrate")
	if sidecar.at("restartPolicy").text() != "Always" {
		t.Error("the sidecar is an ordinary init container: the migration would wait for ever")
	}
	c.mount(t, pod, sidecar)
	c.mount(t, pod, migrate)
	if _, err := os.Stat(s.dir + "/etc/sluice/secret/password"); err == nil {
		t.Error("the sidecar can read the migration's password")
	}
	p := s.start(t, nil, s.moveAll(inImage(t, sidecar.at("args").texts()))...)
	page := probe(t, sidecar, "startupProbe")
	p.await(t, "startupProbe passes", func() bool { return s.answers(t, page) == 200 })
	env := c.env(t, migrate)
	if env["PGPORT"] != strconv.Itoa(examplePort) {
		t.Errorf("the migration connects to port %s", env["PGPORT"])
	}
	env["PGPORT"] = strconv.Itoa(s.port)
	s.mustRun(t, list(env), "", s.moveAll(migrate.at("command").texts())...)
	checkGrace(t, s, pod.at("terminationGracePeriodSeconds").text(), s.dir+"/etc/sluice/config/sluice.yaml")
	p.stop(t)
	rows, err := s.server.Query(t.Context(), "shop", "SELECT tableowner FROM pg_tables WHERE tablename = 'parcels'")
	if err != nil || len(rows) != 1 || rows[0][0] != "shop_owner" {
		t.Errorf("after the migration: %v, %v", rows, err)
	}
	s.leavesNothing(t)
}
