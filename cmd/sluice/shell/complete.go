package shell

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// CompleteCommand is the hidden command that scripts ask.
const CompleteCommand = "complete"

// answer is what could stand at a place of the command line.
type answer struct {
	kind  string // words, open or files
	words []word
}

type word struct{ text, about string }

// Complete answers for a command line without the program's name, the last
// word of which is being typed. Settings are the names that --set takes.
func Complete(w io.Writer, app *cli.App, line, settings []string) error {
	if len(line) == 0 {
		line = []string{""}
	}
	line, typed := line[:len(line)-1], line[len(line)-1]
	line, typed = joinEquals(line, typed)
	a := at(app, line, typed, settings)
	var out strings.Builder
	fmt.Fprintln(&out, a.kind)
	for _, word := range a.words {
		if strings.HasPrefix(word.text, typed) {
			fmt.Fprintf(&out, "%s\t%s\n", word.text, firstSentence(word.about))
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// joinEquals reads --flag = value, into which bash cuts --flag=value, as
// --flag value.
func joinEquals(line []string, typed string) ([]string, string) {
	if typed == "=" && len(line) > 0 {
		return line, ""
	}
	return slices.DeleteFunc(slices.Clone(line), func(word string) bool { return word == "=" }), typed
}

// at walks along the words to the place that is being typed.
func at(app *cli.App, line []string, typed string, settings []string) answer {
	commands, flags := app.Commands, app.Flags
	var command *cli.Command
	for i := 0; i < len(line); i++ {
		if strings.HasPrefix(line[i], "-") {
			if f := flagNamed(flags, line[i]); f != nil && takesValue(f) && !strings.Contains(line[i], "=") {
				if i == len(line)-1 {
					return valuesOf(f, settings)
				}
				i++
			}
			continue
		}
		if inner := commandNamed(commands, line[i]); inner != nil {
			command, commands, flags = inner, inner.Subcommands, inner.Flags
		}
	}
	if name, _, found := strings.Cut(typed, "="); found && strings.HasPrefix(typed, "-") {
		a := answer{kind: "words"}
		if f := flagNamed(flags, name); f != nil && takesValue(f) {
			a = valuesOf(f, settings)
		}
		for i := range a.words {
			a.words[i].text = name + "=" + a.words[i].text
		}
		return a
	}
	if strings.HasPrefix(typed, "-") {
		return flagNames(flags)
	}
	if len(commands) > 0 {
		return commandNames(commands)
	}
	return arguments(command)
}

func commandNamed(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

func flagNamed(flags []cli.Flag, typed string) cli.Flag {
	name, _, _ := strings.Cut(strings.TrimLeft(typed, "-"), "=")
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

func takesValue(f cli.Flag) bool {
	documented, ok := f.(cli.DocGenerationFlag)
	return ok && documented.TakesValue()
}

func usageOf(f cli.Flag) string {
	if documented, ok := f.(cli.DocGenerationFlag); ok {
		return documented.GetUsage()
	}
	return ""
}

// choice is the beginning of a usage that lists the values of a flag, such as
// "auto, always or never; ...".
var choice = regexp.MustCompile(`^([a-z0-9-]+(?:, [a-z0-9-]+)*) or ([a-z0-9-]+)(?:$|[;,. ])`)

// valuesOf are the values of a flag, as far as its type and usage tell.
func valuesOf(f cli.Flag, settings []string) answer {
	if _, isPath := f.(*cli.PathFlag); isPath {
		return answer{kind: "files"}
	}
	a := answer{kind: "words"}
	if slices.Contains(f.Names(), "set") {
		a.kind = "open"
		for _, setting := range settings {
			a.words = append(a.words, word{strings.ReplaceAll(setting, "[]", "[0]") + "=", ""})
		}
		return a
	}
	if m := choice.FindStringSubmatch(usageOf(f)); m != nil {
		for _, value := range append(strings.Split(m[1], ", "), m[2]) {
			a.words = append(a.words, word{value, ""})
		}
	}
	return a
}

func flagNames(flags []cli.Flag) answer {
	a := answer{kind: "words", words: []word{{"--help", "show help"}}}
	for _, f := range flags {
		a.words = append(a.words, word{"--" + f.Names()[0], strings.ReplaceAll(usageOf(f), "`", "")})
	}
	return a
}

func commandNames(commands []*cli.Command) answer {
	a := answer{kind: "words"}
	for _, c := range commands {
		if !c.Hidden {
			a.words = append(a.words, word{c.Name, c.Usage})
		}
	}
	return a
}

// arguments are what a command's usage of arguments tells: a choice of words,
// or names of files.
func arguments(c *cli.Command) answer {
	a := answer{kind: "words"}
	if c == nil {
		return a
	}
	if strings.Contains(c.ArgsUsage, "FILE") || strings.Contains(c.ArgsUsage, "DIR") || strings.Contains(c.ArgsUsage, "CASES") {
		return answer{kind: "files"}
	}
	for value := range strings.SplitSeq(c.ArgsUsage, "|") {
		if value != "" && value == strings.ToLower(value) && value != "-" {
			a.words = append(a.words, word{value, ""})
		}
	}
	return a
}

// firstSentence keeps the meaning of a word on one line.
func firstSentence(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	text, _, _ = strings.Cut(text, ";")
	return strings.ReplaceAll(text, "\t", " ")
}
