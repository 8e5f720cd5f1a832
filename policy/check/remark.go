package check

import (
	"fmt"

	"github.com/sluice-pg/sluice/policy/script"
	"github.com/sluice-pg/sluice/policy/statement"
)

// remarks says what a reader should know of a meta-command that is not
// judged, or not as a whole.
func (c *Checker) remarks(item *script.Item) error {
	if item.Command == nil {
		return nil
	}
	for _, text := range c.remark(item, item.Command) {
		if err := c.sink.Note(Note{item.File, item.Command.Line, item.Command.Column, text}); err != nil {
			return err
		}
	}
	return nil
}

func (c *Checker) remark(item *script.Item, command *script.Command) []string {
	name := `\` + command.Name
	switch {
	case command.Name == "c" || command.Name == "connect":
		c.names = map[string][]*statement.Statement{}
		return []string{name + ": what follows goes to a new session, perhaps elsewhere; it is judged by the same policy, user and database"}
	case command.Name == "!":
		return []string{`\!: runs a program on the client; what it does is not judged`}
	case item.Local.Kind == script.LocalProgram:
		return []string{fmt.Sprintf("%s: a program on the client gets or gives the rows; where they go from there is not judged", name)}
	case command.RunsProgram:
		return []string{name + ": runs a program on the client; what it does is not judged"}
	case (command.Name == "o" || command.Name == "out") && item.Local.Kind == script.LocalFile:
		return []string{name + ": the results that follow go to a file on the client"}
	}
	return nil
}
