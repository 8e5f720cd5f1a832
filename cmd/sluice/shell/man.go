package shell

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

// Entry is a line of a list on the manual page: a name and what it means.
type Entry struct{ Name, About string }

// Page is what the manual page says beside the commands.
type Page struct {
	// Common are flags of every command, which are told of once.
	Common []cli.Flag
	// Configuration is how settings are given, in paragraphs.
	Configuration []string
	Settings      []Entry
	Environment   []Entry
	Files         []Entry
	ExitStatus    []Entry
}

// Man writes the manual page, section 1, for the man macros of roff
// (man(7)).
func Man(w io.Writer, app *cli.App, page Page) error {
	r := &roff{common: map[string]bool{}}
	for _, f := range page.Common {
		r.common[f.Names()[0]] = true
	}
	r.macro("TH", strings.ToUpper(app.Name), "1", "", "Sluice", "User Commands")
	r.macro("SH", "NAME")
	r.text(app.Name + " - " + app.Usage)
	r.macro("SH", "SYNOPSIS")
	for i, c := range visible(app.Commands) {
		if i > 0 {
			r.macro("br")
		}
		r.synopsis(app.Name, c)
	}
	r.macro("SH", "COMMANDS")
	for _, c := range visible(app.Commands) {
		r.command(app.Name, c)
	}
	r.macro("SH", "OPTIONS OF EVERY COMMAND")
	for _, f := range page.Common {
		r.flag(f)
	}
	r.macro("SH", "CONFIGURATION")
	for _, paragraph := range page.Configuration {
		r.paragraph()
		r.text(paragraph)
	}
	for _, list := range []struct {
		title   string
		entries []Entry
	}{{"SETTINGS", page.Settings}, {"ENVIRONMENT", page.Environment}, {"FILES", page.Files}, {"EXIT STATUS", page.ExitStatus}} {
		r.macro("SH", list.title)
		for _, e := range list.entries {
			r.entry(e.Name, e.About)
		}
	}
	r.macro("SH", "SEE ALSO")
	r.text("psql(1), pg_dump(1)")
	_, err := io.WriteString(w, r.out.String())
	return err
}

func visible(commands []*cli.Command) []*cli.Command {
	var all []*cli.Command
	for _, c := range commands {
		if !c.Hidden {
			all = append(all, c)
		}
	}
	return all
}

// roff is a page in the making.
type roff struct {
	out strings.Builder
	// common are the names of flags that are not told of at every command.
	common map[string]bool
}

// macro writes a request with its arguments.
func (r *roff) macro(name string, args ...string) {
	r.out.WriteString("." + name)
	for _, arg := range args {
		fmt.Fprintf(&r.out, ` "%s"`, strings.ReplaceAll(escape(arg), `"`, `\(dq`))
	}
	r.out.WriteByte('\n')
}

// paragraph begins a new one, unless a heading has just done so.
func (r *roff) paragraph() {
	written := strings.TrimSuffix(r.out.String(), "\n")
	last := written[strings.LastIndexByte(written, '\n')+1:]
	if last != ".PP" && !strings.HasPrefix(last, ".S") {
		r.out.WriteString(".PP\n")
	}
}

// text writes lines of running text. Lines that are indented by four blanks
// stay as they are.
func (r *roff) text(text string) {
	literal, blank := false, false
	for line := range strings.SplitSeq(text, "\n") {
		rest, indented := strings.CutPrefix(line, "    ")
		switch {
		case line == "":
			if !literal {
				blank = true
			}
			continue
		case indented && !literal:
			r.paragraph()
			blank = false
			r.out.WriteString(".RS 4\n.nf\n")
		case !indented && literal:
			r.out.WriteString(".fi\n.RE\n")
			r.paragraph()
		case blank:
			r.paragraph()
			blank = false
		}
		if literal = indented; literal {
			line = rest
		}
		r.out.WriteString(guard(escape(line)) + "\n")
	}
	if literal {
		r.out.WriteString(".fi\n.RE\n")
	}
}

// entry writes a name and, indented below it, what it means.
func (r *roff) entry(name, about string) {
	r.macro("TP")
	r.out.WriteString(`\fB` + guard(escape(name)) + "\\fR\n")
	r.out.WriteString(guard(escape(strings.ReplaceAll(about, "\n", " "))) + "\n")
}

func (r *roff) synopsis(parent string, c *cli.Command) {
	if inner := visible(c.Subcommands); len(inner) > 0 {
		for i, one := range inner {
			if i > 0 {
				r.macro("br")
			}
			r.synopsis(parent+" "+c.Name, one)
		}
		return
	}
	fmt.Fprintln(&r.out, strings.TrimSpace(fmt.Sprintf(`\fB%s\fR [\fIoptions\fR] %s`, escape(parent+" "+c.Name), escape(c.ArgsUsage))))
}

func (r *roff) command(parent string, c *cli.Command) {
	if inner := visible(c.Subcommands); len(inner) > 0 {
		for _, one := range inner {
			r.command(parent+" "+c.Name, one)
		}
		return
	}
	r.macro("SS", strings.TrimSpace(parent+" "+c.Name+" "+c.ArgsUsage))
	usage := []rune(c.Usage)
	r.text(strings.ToUpper(string(usage[:1])) + string(usage[1:]) + ".")
	if c.Description != "" {
		r.paragraph()
		r.text(c.Description)
	}
	for _, f := range c.Flags {
		if !r.common[f.Names()[0]] {
			r.flag(f)
		}
	}
}

// flag describes a flag: its names, the word for its value, its usage.
func (r *roff) flag(f cli.Flag) {
	documented, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return
	}
	var names []string
	for _, name := range f.Names() {
		if len(name) == 1 {
			names = append(names, "-"+name)
			continue
		}
		names = append(names, "--"+name)
	}
	usage := documented.GetUsage()
	value := ""
	if documented.TakesValue() {
		value = " VALUE"
		if _, after, found := strings.Cut(usage, "`"); found {
			word, _, _ := strings.Cut(after, "`")
			value = " " + word
		}
	}
	r.entry(strings.Join(names, ", ")+value, strings.ReplaceAll(usage, "`", ""))
}

// escape writes a text so that roff prints it as it is.
func escape(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "^", `\(ha`, "~", `\(ti`, "`", `\(ga`).Replace(text)
}

// guard keeps a line from being taken for a request.
func guard(line string) string {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, `\(aq`) {
		return `\&` + line
	}
	return line
}
