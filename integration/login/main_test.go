package login

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
)

// provider is the program of the folder of that name, sluice the proxy; both
// are built once.
var builds struct {
	once             sync.Once
	provider, sluice string
	err              error
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "login")
	if err != nil {
		panic(err)
	}
	builds.provider = filepath.Join(dir, "provider")
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// buildProvider builds it in its own module.
func buildProvider(t *testing.T) string {
	t.Helper()
	builds.once.Do(func() {
		cmd := exec.Command("go", "build", "-o", builds.provider, ".")
		cmd.Dir = "provider"
		if out, err := cmd.CombinedOutput(); err != nil {
			builds.err = fmt.Errorf("build the provider: %w\n%s", err, out)
		}
	})
	if builds.err != nil {
		t.Fatal(builds.err)
	}
	return builds.provider
}

// person is somebody who gets tokens; see the provider.
type person struct {
	ID, Secret      string
	Audience        []string
	Lifetime, Later int
	Claims          map[string]any
}

// people are all who the suites need: good ones, and those whose tokens are
// not.
func people() []person {
	forUs := []string{"sluice"}
	staff := map[string]any{"groups": []string{"staff", "reporting"}, "acr": "urn:company:two-factors", "amr": []string{"pwd", "otp"}}
	all := []person{
		{ID: "alice", Audience: forUs, Lifetime: 600, Claims: staff},
		{ID: "bob", Audience: forUs, Lifetime: 600, Claims: map[string]any{"groups": "staff"}},
		{ID: "carol", Audience: forUs, Lifetime: 600},
		{ID: "elsewhere", Audience: []string{"grafana"}, Lifetime: 600, Claims: staff},
		{ID: "late", Audience: forUs, Lifetime: -90, Claims: staff},
		{ID: "early", Audience: forUs, Lifetime: 7200, Later: 3600, Claims: staff},
		{ID: "brief", Audience: forUs, Lifetime: 6, Claims: staff},
		{ID: "everywhere", Audience: forUs, Lifetime: 600, Claims: map[string]any{"groups": groups(200)}},
		{ID: "beyond", Audience: forUs, Lifetime: 600, Claims: map[string]any{"groups": groups(250)}},
	}
	for i := range all {
		all[i].Secret = "the secret of " + all[i].ID
	}
	return all
}

// groups are so many, of about 50 bytes each.
func groups(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("company/department-%03d/team-of-people-with-a-long-name", i))
	}
	return all
}

// idp is a running provider.
type idp struct {
	issuer string
	client *http.Client
	cmd    *exec.Cmd
	stdin  io.Closer
	ended  chan struct{}

	mu     sync.Mutex
	lines  []string
	tokens []string
}

// startIDP starts a provider with a certificate of the world's authority. It
// ends with the test.
func startIDP(t *testing.T, world *harness.World) *idp {
	t.Helper()
	cert, key, err := world.Server.Issue("provider", "localhost", "localhost", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	known, err := json.Marshal(people())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "people.json")
	if err := os.WriteFile(file, known, 0o600); err != nil {
		t.Fatal(err)
	}
	p := &idp{cmd: exec.Command(buildProvider(t), "-cert", cert, "-key", key, "-people", file), ended: make(chan struct{})}
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	go p.read(out)
	p.await(t, "its issuer", func(lines []string) bool { return len(lines) > 0 })
	p.issuer = p.said()[0]
	p.client = trusting(t, world.Server.CAFile)
	return p
}

func trusting(t *testing.T, file string) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

func (p *idp) read(out io.Reader) {
	defer close(p.ended)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, lines.Text())
		p.mu.Unlock()
	}
	_ = p.cmd.Wait() // how it ends is no test's matter
}

// stop ends the provider; it can be called again.
func (p *idp) stop() {
	_ = p.stdin.Close() // it may have ended
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

func (p *idp) said() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.lines...)
}

func (p *idp) await(t *testing.T, what string, seen func([]string) bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !seen(p.said()); time.Sleep(10 * time.Millisecond) {
		select {
		case <-p.ended:
			t.Fatalf("the provider ended before it said %s: %q", what, p.said())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("the provider did not say %s: %q", what, p.said())
		}
	}
}

// count is how often a line was said.
func (p *idp) count(line string) int {
	n := 0
	for _, said := range p.said() {
		if said == line {
			n++
		}
	}
	return n
}

// rotate gives the provider another key.
func (p *idp) rotate(t *testing.T) {
	t.Helper()
	before := p.count("rotated")
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	p.await(t, "that its key is another", func([]string) bool { return p.count("rotated") > before })
}

// token gets a person an access token, as OAuth 2.0 section 4.4 says.
func (p *idp) token(t *testing.T, id string) string {
	t.Helper()
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {"the secret of " + id}, "scope": {"openid"},
	}
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, p.issuer+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := p.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &got); err != nil || answer.StatusCode != http.StatusOK || strings.Count(got.Token, ".") != 2 {
		t.Fatalf("a token for %s: %s %s", id, answer.Status, body)
	}
	return p.note(got.Token)
}

// note remembers a token, so that it is looked for when the test ends.
func (p *idp) note(token string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tokens = append(p.tokens, token)
	secrets.LearnJWT(token)
	return token
}

// scene is a server, a provider and a Sluice that believes it.
type scene struct {
	world *harness.World
	idp   *idp
	gate  *harness.Gate
}

// rule is a login rule over TLS for some users.
func rule(users, method, more string) string {
	return fmt.Sprintf("- {databases: [all], users: %s, addresses: [all], tls: required, method: %s, oidc: company%s}", users, method, more)
}

// start starts a scene on PostgreSQL 15. settings are more keys of the issuer.
func start(t *testing.T, settings, policy string, rules ...string) *scene {
	t.Helper()
	world := harness.NewWorld(t, 15)
	s := &scene{world: world, idp: startIDP(t, world)}
	s.gate = harness.StartGateWith(t, world, buildSluice(t), harness.Setup{
		Policy: policy, Auth: rules, Env: []string{"SLUICE_LOG_LEVEL=debug"},
		Config: fmt.Sprintf("oidc:\n  - {name: company, issuer: %q, audiences: [sluice, psql], ca: %q%s}\n", s.idp.issuer, world.Server.CAFile, settings),
	})
	t.Cleanup(func() { s.noTokenIsWritten(t) })
	return s
}

func buildSluice(t *testing.T) string {
	t.Helper()
	if builds.sluice == "" {
		built := harness.BuildSluice(t)
		data, err := os.ReadFile(built)
		if err != nil {
			t.Fatal(err)
		}
		// BuildSluice's folder goes with the test that built it.
		builds.sluice = filepath.Join(filepath.Dir(builds.provider), "sluice")
		if err := os.WriteFile(builds.sluice, data, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return builds.sluice
}

// noTokenIsWritten looks for every token in the log and the files of Sluice. The
// three parts are looked for, since any of them would do for somebody.
func (s *scene) noTokenIsWritten(t *testing.T) {
	t.Helper()
	written := map[string]string{"the log": s.gate.Log()}
	err := filepath.WalkDir(s.gate.Dir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		written[path] = string(data)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if len(written) < 5 || len(s.idp.tokens) == 0 {
		t.Errorf("%d texts and %d tokens are too few to show anything", len(written), len(s.idp.tokens))
	}
	for name, text := range written {
		for _, token := range s.idp.tokens {
			for _, part := range strings.Split(token, ".") {
				if len(part) > 16 && strings.Contains(text, part) {
					t.Errorf("%s holds a part of a token", name)
				}
			}
		}
	}
}

// as is the way of a user through the gate.
func (s *scene) as(user, token string) harness.Target {
	target := s.gate.Target()
	target.User, target.Password = user, token
	return target
}

// events are the records of a type, read by the program itself.
func (s *scene) events(t *testing.T, kind string) []map[string]any {
	t.Helper()
	out, err := exec.Command(builds.sluice, "audit", "show", "-o", "ndjson", "--type", kind, filepath.Join(s.gate.Dir(), "trail")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var all []map[string]any
	for line := range strings.Lines(string(out)) {
		var event map[string]any
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		all = append(all, event)
	}
	return all
}
