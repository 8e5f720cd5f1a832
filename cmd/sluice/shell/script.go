package shell

import (
	"embed"
	"fmt"
)

// scripts holds a completion script for each shell, under its name.
//
//go:embed scripts
var scripts embed.FS

// Shells are the shells that there is a script for.
var Shells = []string{"bash", "zsh", "fish", "powershell"}

// Script is the completion script of a shell.
func Script(shell string) ([]byte, error) {
	text, err := scripts.ReadFile("scripts/" + shell)
	if err != nil {
		return nil, fmt.Errorf("no completions for %q; there are bash, zsh, fish and powershell", shell)
	}
	return text, nil
}
