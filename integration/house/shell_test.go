package house

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/cmd/sluice/shell"
)

// need finds a program of the machine.
func need(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: ./integration/install gets it", name)
	}
	return path
}

// inShell runs a script in a shell in which sluice is found.
func inShell(t *testing.T, dir, script string, command ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), need(t, command[0]), append(command[1:], script)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(sluice)+":"+os.Getenv("PATH"), "HOME="+dir, "XDG_CONFIG_HOME="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Errorf("%s: %v\n%s\n%s", command[0], err, script, stderr.String())
	}
	return string(out)
}

// completions are command lines, the last word of which is being typed, and
// what a shell has to offer for it.
var completions = []struct {
	line []string
	want string
}{
	{[]string{"sluice", "conf"}, "config"},
	{[]string{"sluice", "config", ""}, "check schema show"},
	{[]string{"sluice", "config", "show", "-o", ""}, "json table yaml"},
	{[]string{"sluice", "config", "show", "--or"}, "--origin"},
	{[]string{"sluice", "serve", "--set", "limits.c"}, "limits.cache_bytes= limits.connections="},
	{[]string{"sluice", "completion", "p"}, "powershell"},
	{[]string{"sluice", "policy", "check", "po"}, "policy.yaml"},
	{[]string{"sluice", "parse"}, ""},
}

// quotedWords writes words for a shell.
func quotedWords(words []string) string { return "'" + strings.Join(words, "' '") + "'" }

// sorted splits at blanks and lines, and sorts.
func sorted(text string) string {
	words := strings.Fields(text)
	slices.Sort(words)
	return strings.Join(words, " ")
}

func withPolicyFile(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "policy.yaml"), "version: 1\n")
	write(t, filepath.Join(dir, "other.txt"), "")
	return dir
}

// offered runs one script that begins a shell's completions and then asks it
// for every line, and compares what it offers.
func offered(t *testing.T, begin string, ask func(line []string) string, command ...string) {
	t.Helper()
	const mark = "next line"
	script := []string{begin}
	for _, c := range completions {
		script = append(script, ask(c.line), "echo '"+mark+"'")
	}
	parts := strings.Split(inShell(t, withPolicyFile(t), strings.Join(script, "\n"), command...), mark+"\n")
	if len(parts) != len(completions)+1 {
		t.Fatalf("%s answered %q", command[0], parts)
	}
	for i, c := range completions {
		if got := sorted(parts[i]); got != c.want {
			t.Errorf("%q: %q, want %q", c.line, got, c.want)
		}
	}
}

func TestCompletionInBash(t *testing.T) {
	offered(t, `eval "$(sluice completion bash)"; complete -p sluice >/dev/null`, func(line []string) string {
		return `COMP_WORDS=(` + quotedWords(line) + `); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _sluice; printf '%s\n' "${COMPREPLY[@]}"`
	}, "bash", "--norc", "-uc")
}

// zsh shows completions on a terminal only; here the functions that would do
// so print what they are given.
func TestCompletionInZsh(t *testing.T) {
	offered(t, `compdef() { [[ $* == "_sluice sluice" ]] || echo "compdef $*" }
_describe() { local one; for one in "${(@P)2}"; do print -r -- "${one%%:*}"; done }
_files() { print -rl -- ${words[CURRENT]}*(N) }
eval "$(sluice completion zsh)"`, func(line []string) string {
		return `words=(` + quotedWords(line) + `); CURRENT=${#words}; _sluice`
	}, "zsh", "-fc")
}

func TestCompletionInFish(t *testing.T) {
	offered(t, "sluice completion fish | source", func(line []string) string {
		return "complete -C '" + strings.Join(line, " ") + "' | string replace -r '\\t.*' ''"
	}, "fish", "--no-config", "-c")
}

// PowerShell is on few machines of ours: of its script we see that it is whole
// and asks the right command, and that the command answers its way of asking.
func TestCompletionInPowerShell(t *testing.T) {
	script, err := shell.Script("powershell")
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range []string{"{}", "()", "[]"} {
		if strings.Count(string(script), pair[:1]) != strings.Count(string(script), pair[1:]) {
			t.Errorf("the signs %s are not in pairs", pair)
		}
	}
	if got := start(t, t.TempDir(), sluice, "complete", "--pointed", "config", "."); got.code != 0 || !strings.HasPrefix(got.stdout, "words\ncheck\t") {
		t.Error(got)
	}
}

// The manual page is one that roff programs have nothing to say about, and
// names every command, setting and exit code.
func TestManualPage(t *testing.T) {
	dir := t.TempDir()
	got := start(t, dir, sluice, "man")
	if got.code != 0 {
		t.Fatal(got.stderr)
	}
	path := filepath.Join(dir, "sluice.1")
	write(t, path, got.stdout)
	cmd := exec.CommandContext(t.Context(), need(t, "groff"), "-man", "-Tutf8", "-ww", "-rLL=100n", path)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	rendered, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Errorf("groff: %v\n%s", err, stderr.String())
	}
	if lint, err := exec.CommandContext(t.Context(), need(t, "mandoc"), "-T", "lint", "-W", "warning", path).Output(); err != nil {
		for line := range strings.Lines(string(lint)) {
			if !strings.Contains(line, "missing date") { // a page that is built twice is the same
				t.Errorf("mandoc: %s", line)
			}
		}
	}
	plain := exec.CommandContext(t.Context(), need(t, "col"), "-bx")
	plain.Stdin = bytes.NewReader(stripEscapes(rendered))
	page, err := plain.Output()
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Join(strings.Fields(string(page)), " ")
	for _, want := range []string{"sluice config show", "--origin", "limits.cache_bytes", "listen[].address", "/etc/sluice/sluice.yaml", "SLUICE_LISTEN_0_ADDRESS"} {
		if !strings.Contains(words, want) {
			t.Errorf("the manual page does not say %s", want)
		}
	}
	help := strings.Join(strings.Fields(start(t, dir, sluice, "--help").stdout), " ")
	for _, row := range table(t, section(t, read(t, "README.md"), "Commands"), "exit code") {
		meaning := strings.ReplaceAll(row[1], "`", "")
		meaning, _, _ = strings.Cut(meaning, " (")
		if !strings.Contains(words, row[0]+" "+meaning) || !strings.Contains(help, row[0]+" "+meaning) {
			t.Errorf("exit code %s (%s) is not in the manual page or the help", row[0], meaning)
		}
	}
}

// stripEscapes takes out what colors a terminal.
func stripEscapes(text []byte) []byte {
	var out []byte
	for len(text) > 0 {
		at := bytes.IndexByte(text, '\x1b')
		if at < 0 {
			return append(out, text...)
		}
		out = append(out, text[:at]...)
		end := bytes.IndexByte(text[at:], 'm')
		text = text[at+end+1:]
	}
	return out
}
