package deploy

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
)

// The compose file's services run one after the other as they depend on each
// other, and alice comes in as the comment at its top says.
func TestComposeRuns(t *testing.T) {
	s := newStage(t)
	services := rendered(t, "compose", "compose/compose.yaml")[0].at("services")
	prepare := mountFiles(t, s, services.at("prepare"))
	for range 2 {
		s.mustRun(t, prepare, "", s.words(services.at("prepare", "entrypoint"))...)
	}
	database := s.startDatabase(t, services.at("database"))
	mountFiles(t, s, services.at("sluice"))

	comment := commentCommands(t)
	words, found := strings.CutPrefix(comment["docker compose run"], "--rm sluice ")
	if !found {
		t.Fatalf("the comment adds a user by %q", words)
	}
	s.mustRun(t, nil, password+"\n", s.moveAll(inImage(t, strings.Fields(words)))...)
	health := s.words(services.at("sluice", "healthcheck", "test"))[1:]
	image := s.moveAll(imageCommands(t)["HEALTHCHECK"])
	if r := s.run(t, nil, "", health...); r.code != 1 {
		t.Errorf("without a proxy the health check ends with %d\n%s", r.code, r.stderr)
	}
	if own := inImage(t, nil); strings.Join(inImage(t, services.at("sluice", "command").texts()), " ") != strings.Join(own, " ") {
		t.Errorf("the service runs something else than the image by itself, which is %q", own)
	}
	p := s.start(t, nil, s.moveAll(inImage(t, services.at("sluice", "command").texts()))...)
	p.await(t, "the service is healthy", func() bool { return s.run(t, nil, "", health...).code == 0 })
	s.mustRun(t, nil, "", image...)

	psql := strings.Trim(strings.ReplaceAll(s.move(comment["psql"]), "port=6432", fmt.Sprintf("port=%d", s.port)), `"`)
	psql = strings.ReplaceAll(psql, "sslrootcert=ca.pem", "sslrootcert="+s.dir+"/shared/ca.pem")
	env := []string{"PGPASSWORD=" + password}
	if out := s.mustRun(t, env, "", "psql", "-X", psql, "--csv", "-c", "COPY public.products TO STDOUT"); !strings.Contains(out, "SKU-0001") {
		t.Errorf("alice reads %q", out)
	}
	if r := s.run(t, env, "", "psql", "-X", psql, "-c", "COPY (SELECT usename FROM pg_user) TO STDOUT"); !strings.Contains(r.stderr, "sluice: ") {
		t.Errorf("the policy is not in force: %+v", r)
	}
	grace, err := time.ParseDuration(services.at("sluice", "stop_grace_period").text())
	if err != nil {
		t.Fatal(err)
	}
	checkGrace(t, s, strconv.Itoa(int(grace.Seconds())), s.dir+"/etc/sluice/sluice.yaml")
	p.stop(t)
	s.mustRun(t, database, "", "pg_isready", "-q")
	s.leavesNothing(t)
}

func (s *stage) words(n node) []string { return s.moveAll(n.texts()) }

// mountFiles puts a service's files at their places in the stage, makes its
// volumes, and returns its environment.
func mountFiles(t *testing.T, s *stage, service node) (env []string) {
	t.Helper()
	for _, v := range service.at("volumes").list() {
		source, target := v.at("source").text(), v.at("target").text()
		if v.at("type").text() == "bind" {
			info, err := os.Stat(source)
			if err != nil {
				t.Fatal(err)
			}
			s.put(t, target, readFile(t, source), info.Mode().Perm())
			continue
		}
		s.mkdir(t, target)
	}
	values, _ := service.at("environment").value.(map[string]any)
	for name, value := range values {
		text := fmt.Sprint(value)
		if strings.HasSuffix(name, "_OWNER") {
			// In the image it is a number; here it is whoever can own files.
			text = owner(t, name == "DATABASE_OWNER")
		}
		env = append(env, name+"="+s.move(text))
	}
	return env
}

// owner is who runs PostgreSQL here, and who runs this test.
func owner(t *testing.T, database bool) string {
	t.Helper()
	if database && os.Geteuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Fatalf("install PostgreSQL as integration/install does: %v", err)
		}
		return u.Uid + ":" + u.Gid
	}
	return fmt.Sprintf("%d:%d", os.Geteuid(), os.Getegid())
}

// startDatabase starts PostgreSQL with the settings of the service's command,
// does what the image's entry point does with the script for a new database,
// and runs the service's health check. It returns the variables by which a
// client on that machine finds the server.
func (s *stage) startDatabase(t *testing.T, service node) (env []string) {
	t.Helper()
	mounted := mountFiles(t, s, service)
	settings := map[string]string{}
	words := s.words(service.at("command"))
	if words[0] != "postgres" {
		t.Fatalf("the database runs %q", words)
	}
	for i := 1; i < len(words); i += 2 {
		name, value, found := strings.Cut(words[i+1], "=")
		if words[i] != "-c" || !found {
			t.Fatalf("%q is no setting", words[i:])
		}
		settings[name] = value
	}
	s.startServer(t, pgserver.Options{Config: settings, Database: "shop"})
	env = append(mounted, "PGHOST="+s.server.Socket, fmt.Sprintf("PGPORT=%d", s.server.Port()))
	s.mustRun(t, env, "", filepath.Join(s.dir, "docker-entrypoint-initdb.d/issuer.sh"))
	check := s.words(service.at("healthcheck", "test"))
	if check[0] != "CMD" {
		t.Fatalf("the health check is %q", check)
	}
	s.mustRun(t, []string{fmt.Sprintf("PGPORT=%d", s.server.Port())}, "", check[1:]...)
	return env
}

// commentCommands are the command lines in the comment at the top of the
// compose file, by their first words.
func commentCommands(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for line := range strings.Lines(example(t, "compose/compose.yaml")) {
		line, isComment := strings.CutPrefix(strings.TrimSpace(line), "#   ")
		if !isComment {
			continue
		}
		for _, start := range []string{"docker compose run", "docker compose up", "docker compose cp", "psql"} {
			if rest, ok := strings.CutPrefix(line, start+" "); ok {
				found[start] = rest
			}
		}
	}
	if len(found) != 4 {
		t.Fatalf("the comment has the commands %q", found)
	}
	return found
}
