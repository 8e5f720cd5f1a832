package shell_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/cmd/sluice/shell"
)

func app() *cli.App {
	return &cli.App{Name: "gate", Usage: "stand in a way", Commands: []*cli.Command{
		{Name: "open", Usage: "open it", ArgsUsage: "FILE...", Description: "Words.\n\n    gate open - .x\n\nMore 'words'.", Flags: []cli.Flag{
			&cli.PathFlag{Name: "with", Aliases: []string{"w"}, Usage: "a `KEY`; or not"},
			&cli.StringFlag{Name: "how", Usage: "fast, slowly or not-at-all; default: fast"},
			&cli.StringFlag{Name: "why", Usage: "the `REASON` or none"},
			&cli.StringSliceFlag{Name: "set", Usage: "`KEY=VALUE`"},
			&cli.BoolFlag{Name: "quiet"},
		}},
		{Name: "paint", Usage: "paint it", Subcommands: []*cli.Command{{Name: "now", ArgsUsage: "red|dark-blue|-", Usage: "at once"}, {Name: "later", Usage: "not at once"}}},
		{Name: "secret", Hidden: true},
	}}
}

func TestComplete(t *testing.T) {
	for line, want := range map[string]string{
		"":                           "words open paint",
		"op":                         "words open",
		"sec":                        "words",
		"paint ":                     "words now later",
		"paint l":                    "words later",
		"paint now ":                 "words red dark-blue",
		"paint later ":               "words",
		"open ":                      "files",
		"open x":                     "files",
		"open --":                    "words --help --with --how --why --set --quiet",
		"open --with ":               "files",
		"open -w ":                   "files",
		"open -w --quiet --how ":     "words fast slowly not-at-all",
		"open --quiet --how ":        "words fast slowly not-at-all",
		"open --how s":               "words slowly",
		"open --how=s":               "words --how=slowly",
		"open --how = s":             "words slowly",
		"open --how =":               "words fast slowly not-at-all",
		"open --how=slowly --q":      "words --quiet",
		"open --why ":                "words",
		"open --set l":               "open limits.rows= listen[0].address=",
		"open --unknown ":            "files",
		"open --quiet --how slowly ": "files",
	} {
		var out strings.Builder
		if err := shell.Complete(&out, app(), strings.Split(line, " "), []string{"limits.rows", "listen[].address", "users"}); err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(out.String()) {
			text, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			got = append(got, text)
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%q: %s", line, diff)
		}
	}
}

func TestScripts(t *testing.T) {
	for _, name := range shell.Shells {
		script, err := shell.Script(name)
		if err != nil || !strings.Contains(string(script), "sluice completion "+name) || !strings.Contains(string(script), " "+shell.CompleteCommand+" ") {
			t.Errorf("%s: %v\n%s", name, err, script)
		}
	}
	if _, err := shell.Script("tcsh"); err == nil {
		t.Error("there are completions for tcsh")
	}
}

// What roff would take for a request or a sign of its own is printed as it is.
func TestMan(t *testing.T) {
	var out strings.Builder
	page := shell.Page{
		Common: []cli.Flag{&cli.BoolFlag{Name: "quiet", Usage: "say less"}}, Configuration: []string{".first", "C:\\x"},
		Files: []shell.Entry{{".rc", "'tis a file"}}, ExitStatus: []shell.Entry{{"0", "done"}},
	}
	if err := shell.Man(&out, app(), page); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{
		".SH \"NAME\"\ngate \\- stand in a way\n", "\\fBgate paint now\\fR [\\fIoptions\\fR] red|dark\\-blue|\\-\n",
		".SS \"gate open FILE...\"\nOpen it.\n.PP\nWords.\n.PP\n.RS 4\n.nf\ngate open \\- .x\n.fi\n.RE\n.PP\nMore \\(aqwords\\(aq.\n.TP\n\\fB\\-\\-with, \\-w KEY\\fR\na KEY; or not\n",
		"\\&.first\n", "C:\\ex\n", "\\fB\\&.rc\\fR\n\\&\\(aqtis a file\n", "\\fB0\\fR\ndone\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Count(text, "quiet") != 1 || strings.Contains(text, "secret") {
		t.Error(text)
	}
}
