package secrets

import (
	"fmt"
	"os"
	"path/filepath"
)

// FolderVariable names the folder in which things are kept.
const FolderVariable = "SLUICE_TEST_KEEP"

// What is kept, by what it is.
const (
	Logs      = "logs"      // what a process printed, panics included
	Trails    = "trails"    // trails, journals and whatever else Sluice writes
	Telemetry = "telemetry" // what went to a collector or was scraped
	Outputs   = "outputs"   // what client programs showed to people
	Processes = "processes" // the process list
)

// Classes are all of them.
var Classes = []string{Logs, Trails, Telemetry, Outputs, Processes}

// Keeping says whether anything is kept.
func Keeping() bool { return os.Getenv(FolderVariable) != "" }

func registryFolder(folder string) string { return filepath.Join(folder, "registry") }

func keptFolder(folder string) string { return filepath.Join(folder, "kept") }

// suite is the name of the test binary.
func suite() string { return filepath.Base(os.Args[0]) }

// must stops a suite that cannot keep what has to be looked at: what is not
// there is not missed at the end.
func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("sluice: %s: %v", FolderVariable, err))
	}
}
