package deploy

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// imageCommands are the commands in the Dockerfile's last stage: ENTRYPOINT,
// CMD and HEALTHCHECK, word by word.
func imageCommands(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(root + "/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	commands := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch name {
		case "ENTRYPOINT", "CMD", "HEALTHCHECK":
		default:
			continue
		}
		_, words, found := strings.Cut(rest, "[")
		var command []string
		if err := json.Unmarshal([]byte("["+words), &command); !found || err != nil || len(command) == 0 {
			t.Fatalf("%s: %s is not written as a list, and there is no shell in the image: %v", name, rest, err)
		}
		commands[name] = command
	}
	return commands
}

// inImage is what a container of the image runs for the given words: they
// replace CMD, never ENTRYPOINT.
func inImage(t *testing.T, words []string) []string {
	t.Helper()
	image := imageCommands(t)
	if len(words) == 0 {
		words = image["CMD"]
	}
	return append(append([]string{}, image["ENTRYPOINT"]...), words...)
}
