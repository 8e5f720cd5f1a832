package layers

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// SystemFile is where the configuration of a machine is.
const SystemFile = "/etc/sluice/sluice.yaml"

// find tells which file to read: the one that is named, else the machine's,
// else the user's, sluice/sluice.yaml in the folder that the XDG Base
// Directory Specification has for configurations. A file that is there and
// cannot be read is not passed over.
func find(named string, environ []string) (string, error) {
	if named != "" {
		return named, nil
	}
	places := []string{SystemFile}
	if dir := userFolder(environ); dir != "" {
		places = append(places, filepath.Join(dir, "sluice", "sluice.yaml"))
	}
	for _, place := range places {
		if _, err := os.Stat(place); !errors.Is(err, fs.ErrNotExist) {
			return place, nil
		}
	}
	return "", fmt.Errorf("no file found: there is no %s; name one with --config", strings.Join(places, " and no "))
}

// userFolder is $XDG_CONFIG_HOME, which must be absolute, or ~/.config.
func userFolder(environ []string) string {
	variables := map[string]string{}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		variables[name] = value
	}
	home := ""
	if filepath.IsAbs(variables["HOME"]) {
		home = filepath.Join(variables["HOME"], ".config")
	}
	if xdg := variables["XDG_CONFIG_HOME"]; filepath.IsAbs(xdg) {
		return xdg
	}
	return home
}
