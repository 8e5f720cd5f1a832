package ledger_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/audit/ledger"
)

// The example of the package comment is a body as it is written, but for white
// space, and names every type of events.
func TestDocExample(t *testing.T) {
	source, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(source), "\n//", "\n")
	_, text, found := strings.Cut(text, "\n\t{\n")
	example, _, ended := strings.Cut(text, "\n\t}\n")
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte("{"+example+"}")); err != nil || !found || !ended {
		t.Fatalf("%v, %v, %v", err, found, ended)
	}
	body, err := ledger.Decode("copy.begun", compact.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if b := body.(*ledger.Begun); b.Ticket != "OPS-1207" || len(b.Targets[0].Columns) != 2 {
		t.Errorf("%+v", b)
	}
	for _, name := range ledger.EventTypes() {
		if !strings.Contains(string(source), "\n//\t"+name+" ") {
			t.Errorf("doc.go does not tell of %s", name)
		}
	}
}
