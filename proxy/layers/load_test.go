package layers

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/proxy"
)

const good = `listen:
  - address: 127.0.0.1:6432
    plaintext: loopback
users: users.scram
auth:
  - {databases: [all], users: [all], addresses: [all], method: scram-sha-256}
databases:
  - name: shop
    upstream: {host: db.example.net, tls: {ca: db-ca.pem}}
    credential: {builtin: {admin: "host=db.example.net user=issuer", group: shop_app}}
trail: {dir: trail}
limits:
  connections: 10
  operators: 20
`

// file writes a configuration into a folder of its own.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sluice.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func flags(t *testing.T, texts ...string) []FlagValue {
	t.Helper()
	var all []FlagValue
	for _, text := range texts {
		f, err := SetFlag(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

func originOf(l *Loaded, setting string) string {
	for _, v := range l.Values() {
		if v.Setting == setting {
			return strings.TrimPrefix(v.Origin.String(), filepath.Dir(l.File)+"/")
		}
	}
	return "no such setting"
}

// A flag is stronger than a variable, that than the file, that than the
// default, and everybody can see which it was.
func TestPrecedence(t *testing.T) {
	working := t.TempDir()
	t.Chdir(working)
	path := file(t, good)
	l, err := Load(Sources{
		File: path,
		Environ: []string{
			"SLUICE_LIMITS_CONNECTIONS=11", "SLUICE_LIMITS_OPERATORS=21", "SLUICE_LIMITS_IDLE=1h", "SLUICE_POLICY=policy.yaml", "SLUICE_GREETING=true",
			"SLUICE_LISTEN_1_ADDRESS=[::1]:7", "SLUICE_LISTEN_1_TLS_CERT=c.pem", "SLUICE_LISTEN_1_TLS_KEY=/k.pem", "SLUICE_AUTH_0_USERS=anna, ben", "PATH=/bin",
			"SLUICE_TRAIL_TIMEOUT=",
		},
		Flags: flags(t, "limits.connections=12", "listen.0.address=127.0.0.1:1", "databases[0].upstream.port=5433", "trail.dir=elsewhere"),
	})
	if err != nil {
		t.Fatal(err)
	}
	c, dir := l.Config, filepath.Dir(path)
	got := map[string]any{
		"connections": c.Limits.Connections, "operators": c.Limits.Operators, "idle": c.Limits.Idle, "drain": c.Limits.Drain, "greeting": c.Greeting,
		"listen": c.Listen[0].Address, "listen 2": c.Listen[1], "port": c.Databases[0].Upstream.Port, "users": c.Users, "policy": c.Policy,
		"trail": c.Trail.Dir, "key": c.Trail.Key, "ca": c.Databases[0].Upstream.TLS.CA, "names": c.Auth[0].Users, "timeout": c.Trail.Timeout,
	}
	want := map[string]any{
		"connections": 12, "operators": 21, "idle": time.Hour, "drain": 30 * time.Second, "greeting": true,
		"listen": "127.0.0.1:1", "port": 5433, "users": dir + "/users.scram", "policy": working + "/policy.yaml",
		"listen 2": proxy.Listen{Address: "[::1]:7", Plaintext: "never", TLS: &proxy.ListenTLS{Cert: working + "/c.pem", Key: "/k.pem"}},
		"trail":    working + "/elsewhere", "key": working + "/elsewhere.key", "ca": dir + "/db-ca.pem", "names": []string{"anna", "ben"}, "timeout": 10 * time.Second,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for setting, want := range map[string]string{
		"limits.connections": "flag --set", "limits.operators": "env SLUICE_LIMITS_OPERATORS", "limits.drain": "default", "users": "sluice.yaml:4:8",
		"listen[0].address": "flag --set", "listen[0].plaintext": "sluice.yaml:3:16", "listen[1].plaintext": "default", "listen[1].tls.key": "env SLUICE_LISTEN_1_TLS_KEY",
		"databases[0].upstream.host": "sluice.yaml:9:22", "trail.key": "default", "auth[0].users": "env SLUICE_AUTH_0_USERS", "trail.timeout": "default",
	} {
		if got := originOf(l, setting); got != want {
			t.Errorf("%s comes from %s, want %s", setting, got, want)
		}
	}
}

// What is wrong is said with the place it stands at, and values that could
// be secrets are not quoted.
func TestMistakes(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	lines := filepath.Join(t.TempDir(), "lines")
	for path, text := range map[string]string{secret: "host=x password=hunter2\n", lines: "hunter2\nhunter3\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		environ string // with a blank between variables
		flags   []string
		want    string
	}{
		{"SLUICE_LIMITS_CONECTIONS=1", nil, "SLUICE_LIMITS_CONECTIONS is no setting; did you mean SLUICE_LIMITS_CONNECTIONS?"},
		{"SLUICE_LISTEN_12_ADRESS=1", nil, "did you mean SLUICE_LISTEN_12_ADDRESS?"},
		{"SLUICE_LIMITS=1", nil, "SLUICE_LIMITS is no setting"},
		{"SLUICE_XYZZYPLUGH=", nil, "SLUICE_XYZZYPLUGH is no setting; sluice config schema lists them"},
		{"SLUICE_LIMITS_CONNECTIONS=hunter2", nil, "env SLUICE_LIMITS_CONNECTIONS: limits.connections must be a whole number"},
		{"SLUICE_LIMITS_IDLE=hunter2", nil, "limits.idle must be a time span with its unit, such as 30s or 5m"},
		{"SLUICE_GREETING=yes", nil, "greeting must be true or false"},
		{"SLUICE_LISTEN_2_ADDRESS=x", nil, "listen has 1 entries, so the next new one is listen[1]"},
		{"SLUICE_LISTEN_1_ADDRESS=127.0.0.1:1", nil, "env SLUICE_LISTEN_1_ADDRESS: listen[1]: neither tls nor plaintext"},
		{"SLUICE_LISTEN_0_PLAINTEXT=often", nil, `env SLUICE_LISTEN_0_PLAINTEXT: listen[0].plaintext: "often" is not never, loopback or any`},
		{"SLUICE_DATABASES_0_UPSTREAM_PORT=99999", nil, "env SLUICE_DATABASES_0_UPSTREAM_PORT: databases[0] (shop): upstream.port: 99999 is no port"},
		{"SLUICE_INSTANCE=a SLUICE_INSTANCE_FILE=" + secret, nil, "SLUICE_INSTANCE and SLUICE_INSTANCE_FILE are both set"},
		{"SLUICE_INSTANCE_FILE=/nowhere/x", nil, "SLUICE_INSTANCE_FILE: open /nowhere/x"},
		{"SLUICE_INSTANCE_FILE=/dev/null", nil, "SLUICE_INSTANCE_FILE: /dev/null is empty"},
		{"SLUICE_INSTANCE_FILE=" + lines, nil, "has more than the one line that a value is"},
		{"SLUICE_POLICY_FILE=" + secret, nil, "policy is the path of a file itself: set SLUICE_POLICY to it"},
		{"SLUICE_DATABASES_0_UPSTREAM_TLS_CA_FILE=" + secret, nil, "is the path of a file itself"},
		{"SLUICE_LIMITS_DRAIN_FILE=" + secret, nil, "limits.drain is no text"},
		{"", []string{"limits.conections=1"}, "flag --set: there is no setting limits.conections; did you mean limits.connections?"},
		{"", []string{"limits=1"}, "limits is no single setting; known are limits.connections, "},
		{"", []string{"listen=1"}, "listen is no single setting: it is a list, whose entries are listen[0] and so on"},
		{"", []string{"listen.address=1"}, "listen is a list: write the number of an entry behind it, as in listen[0]"},
		{"", []string{"users.x=1"}, "users is a single setting and has no x"},
		{"", []string{"zzz=1"}, "there is no setting zzz; known are listen, users, "},
		{"", []string{"limits.startup=-1s"}, "flag --set: limits.startup: -1s is negative"},
	} {
		_, err := Load(Sources{File: file(t, good), Environ: strings.Fields(c.environ), Flags: flags(t, c.flags...)})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: got %v, want %q in it", c.environ, c.flags, err, c.want)
			continue
		}
		if strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: the value is in the error: %v", c.environ, err)
		}
	}
	path := file(t, strings.Replace(good, "connections: 10", "connections: -10", 1))
	l, err := Load(Sources{File: path})
	if want := path + ":13:16: limits.connections: -10 is negative"; err == nil || !strings.Contains(err.Error(), want) || l == nil {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestSetFlag(t *testing.T) {
	for _, text := range []string{"", "x", "=x"} {
		if f, err := SetFlag(text); err == nil {
			t.Errorf("%q is %v", text, f)
		}
	}
	if f, err := SetFlag("a=b=c"); err != nil || f != (FlagValue{"--set", "a", "b=c"}) {
		t.Error(f, err)
	}
}

// A secret can come from a file that holds nothing else.
func TestValueFromFile(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("host=h user=u password=hunter2\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Load(Sources{File: file(t, good), Environ: []string{"SLUICE_DATABASES_0_CREDENTIAL_BUILTIN_ADMIN_FILE=" + secret}})
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Config.Databases[0].Credential.Builtin.Admin; got != "host=h user=u password=hunter2" {
		t.Errorf("got %q", got)
	}
	if got := originOf(l, "databases[0].credential.builtin.admin"); got != "env SLUICE_DATABASES_0_CREDENTIAL_BUILTIN_ADMIN_FILE" {
		t.Error(got)
	}
	if warnings := strings.Join(l.Warnings(), "\n"); !strings.Contains(warnings, "BUILTIN_ADMIN_FILE: databases[0].credential.builtin.admin: holds a password") || strings.Contains(warnings, "hunter") {
		t.Error(warnings)
	}
}

// What Kubernetes puts into every container beside a service named sluice is
// no setting, and no setting has a name that looks like it.
func TestServiceLinks(t *testing.T) {
	links := []string{
		"SLUICE_SERVICE_HOST=10.0.0.1", "SLUICE_SERVICE_PORT=6432", "SLUICE_SERVICE_PORT_POSTGRESQL=6432", "SLUICE_PORT=tcp://10.0.0.1:6432",
		"SLUICE_PORT_6432_TCP=tcp://10.0.0.1:6432", "SLUICE_PORT_6432_TCP_PROTO=tcp", "SLUICE_PORT_6432_TCP_PORT=6432", "SLUICE_PORT_6432_TCP_ADDR=10.0.0.1",
		"SLUICE_ADMIN_SERVICE_HOST=10.0.0.2", "SLUICE_ADMIN_PORT=tcp://10.0.0.2:8080", "SLUICE_ADMIN_PORT_8080_TCP_ADDR=10.0.0.2",
		"SLUICE_CONFIG=x", "SLUICE_TRAIL=x", "SLUICE_TEST_LOG=1",
	}
	if _, err := Load(Sources{File: file(t, good), Environ: links}); err != nil {
		t.Error(err)
	}
	if _, err := Load(Sources{File: file(t, good), Environ: []string{"SLUICE_PORT=6432"}}); err == nil {
		t.Error("SLUICE_PORT=6432 is no link of Kubernetes, and no setting")
	}
	for name := range variables() {
		if isForeign(name, "x") {
			t.Errorf("%s looks like a variable of somebody else", name)
		}
	}
}

// variables are the variables there are with the settings they mean.
func variables() map[string][]string {
	all := map[string][]string{}
	c := sample(reflect.TypeFor[proxy.Config]())
	leaves(c, "", func(setting string, v reflect.Value) {
		all[Variable(setting)] = append(all[Variable(setting)], setting)
		if v.Kind() == reflect.String {
			all[Variable(setting)+fileSuffix] = append(all[Variable(setting)+fileSuffix], setting)
		}
	})
	return all
}

// Every setting has a variable of its own, and it is found by its name.
func TestVariablesAreUnambiguous(t *testing.T) {
	count := 0
	for name, settings := range variables() {
		if len(settings) > 1 {
			t.Errorf("%s means each of %q", name, settings)
		}
		rest := strings.TrimPrefix(name, Prefix)
		parts := match(reflect.TypeFor[proxy.Config](), rest)
		if parts == nil {
			parts = match(reflect.TypeFor[proxy.Config](), strings.TrimSuffix(rest, fileSuffix))
		}
		if path(parts) != settings[0] {
			t.Errorf("%s is read as %s, not %s", name, path(parts), settings[0])
		}
		count++
	}
	if count < 30 {
		t.Errorf("only %d variables", count)
	}
}

func TestPathSettings(t *testing.T) {
	want := map[string]bool{
		"users": true, "policy": true, "trail.dir": true, "trail.key": true, "databases[].upstream.tls.ca": true,
		"listen[].tls.cert": true, "listen[].tls.key": true, "listen[].tls.client_ca": true,
	}
	got := pathSettings()
	for name := range want {
		if !got[name] {
			t.Errorf("%s is a path", name)
		}
	}
	if got["databases[].name"] || got["instance"] {
		t.Error(got)
	}
}

// Without a file, the environment alone will do; without anything, people are
// told where a file was looked for.
func TestFindingTheFile(t *testing.T) {
	if _, err := os.Stat(SystemFile); err == nil {
		t.Fatalf("%s exists: this test cannot see what happens without it; take it away first", SystemFile)
	}
	home := t.TempDir()
	_, err := Load(Sources{Environ: []string{"HOME=" + home}})
	if want := "there is no /etc/sluice/sluice.yaml and no " + home + "/.config/sluice/sluice.yaml; name one with --config"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	xdg := filepath.Dir(file(t, good))
	if err := os.Mkdir(filepath.Join(xdg, "sluice"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(xdg, "sluice.yaml"), filepath.Join(xdg, "sluice", "sluice.yaml")); err != nil {
		t.Fatal(err)
	}
	if l, err := Load(Sources{Environ: []string{"HOME=" + home, "XDG_CONFIG_HOME=" + xdg}}); err != nil || l.File != xdg+"/sluice/sluice.yaml" {
		t.Error(l, err)
	}
	if _, err := Load(Sources{Environ: []string{"HOME=" + home}, File: home + "/missing.yaml"}); err == nil {
		t.Error("a file that was named and is not there was passed over")
	}
	l, err := Load(Sources{Environ: []string{
		"HOME=" + home, "SLUICE_LISTEN_0_ADDRESS=127.0.0.1:0", "SLUICE_LISTEN_0_PLAINTEXT=loopback", "SLUICE_USERS=/u", "SLUICE_TRAIL_DIR=/t",
		"SLUICE_AUTH_0_DATABASES=all", "SLUICE_AUTH_0_USERS=all", "SLUICE_AUTH_0_ADDRESSES=all", "SLUICE_AUTH_0_METHOD=scram-sha-256",
		"SLUICE_DATABASES_0_NAME=shop", "SLUICE_DATABASES_0_UPSTREAM_HOST=h", "SLUICE_DATABASES_0_CREDENTIAL_BUILTIN_GROUP=g",
		"SLUICE_DATABASES_0_CREDENTIAL_BUILTIN_ADMIN=host=h",
	}})
	if err != nil || l.File != "" || l.Config.Databases[0].Credential.Builtin.TTL != 8*time.Hour {
		t.Error(l, err)
	}
}

var configType = reflect.TypeFor[proxy.Config]()

func sampleConfig() *proxy.Config {
	c := sample(configType).Interface().(proxy.Config)
	return &c
}
