package audit

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/audit/record"
)

// writerDirVariable makes the test binary a writer in this directory.
const writerDirVariable = "SLUICE_TEST_TRAIL_WRITER"

// writeUntilKilled appends from several goroutines and prints each index and
// id once Append has returned. It never ends by itself.
func writeUntilKilled(dir string) int {
	key, err := LoadOrCreateKey(filepath.Join(dir, "trail.key"))
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	tr, err := Open(filepath.Join(dir, "trail"), Options{Key: key, SegmentBytes: 8192, CheckpointEvery: 3 * time.Millisecond})
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("P%dG%dN%d", os.Getpid(), g, i)
				index, err := tr.Append(context.Background(), Event{Type: "decision", ID: id})
				mu.Lock()
				if err != nil {
					fmt.Println("error:", err)
				} else {
					fmt.Println(index, id)
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return 1
}

// TestKill starts writers one after the other on one trail and kills each
// with SIGKILL in the middle of its work. Every record a writer has
// acknowledged must be there in the end, and the trail must verify after
// each.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[Index]string{}
	for run := range 5 {
		acknowledge(t, dir, 20+run*35, acknowledged)
	}
	key, err := LoadOrCreateKey(filepath.Join(dir, "trail.key"))
	if err != nil {
		t.Fatal(err)
	}
	trail := filepath.Join(dir, "trail")
	mustClose(t, mustOpen(t, trail, Options{Key: key}))
	mustVerify(t, trail, key)
	files := inMemory(t, trail)
	have := map[Index]string{}
	for _, at := range places(t, files) {
		r, err := record.Parse(files[at.file].Data[at.start+9 : at.end-1])
		if err != nil {
			t.Fatal(err)
		}
		have[Index(r.Index)] = r.ID
	}
	if len(acknowledged) < 300 {
		t.Fatalf("the writers acknowledged %d records only", len(acknowledged))
	}
	for index, id := range acknowledged {
		if have[index] != id {
			t.Errorf("record %d was acknowledged as %s and is %q", index, id, have[index])
		}
	}
}

// acknowledge runs a writer, kills it after some acknowledgements, and adds
// all it printed.
func acknowledge(t *testing.T, dir string, after int, to map[Index]string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), writerDirVariable+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		index, id, ok := strings.Cut(lines.Text(), " ")
		i, err := strconv.ParseInt(index, 10, 64)
		if !ok || err != nil {
			t.Errorf("the writer says: %s", lines.Text())
			continue
		}
		to[Index(i)] = id
		if n == after {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the writer ended by itself: %v", err)
	}
}
