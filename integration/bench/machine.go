package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// machine is what the run was made on.
type machine struct {
	Cores  int    `json:"cores"`
	CPU    string `json:"cpu"`
	Memory int64  `json:"memory_bytes"`
	Kernel string `json:"kernel"`
	System string `json:"system"`
	// Files is the file system that the server and the trails are on.
	Files string `json:"file_system"`
	// Load is the load average over a minute when the run began: what else
	// the machine was doing.
	Load string `json:"load_before"`
	// Versions are those of all parts, name and version.
	Versions [][2]string `json:"versions"`
}

func describeMachine(ctx context.Context, s *stage) machine {
	m := machine{
		Cores:  runtime.NumCPU(),
		CPU:    valueIn("/proc/cpuinfo", "model name", ":"),
		Kernel: firstLine("/proc/sys/kernel/osrelease"),
		System: strings.Trim(valueIn("/etc/os-release", "PRETTY_NAME", "="), `"`),
		Files:  fileSystem(s.dir),
		Load:   s.load,
	}
	if _, err := fmt.Sscanf(valueIn("/proc/meminfo", "MemTotal", ":"), "%d kB", &m.Memory); err == nil {
		m.Memory <<= 10
	}
	m.Versions = append(m.Versions,
		[2]string{"PostgreSQL", programVersion(ctx, s.program("postgres"), "--version")},
		[2]string{"pgbench", programVersion(ctx, s.program("pgbench"), "--version")},
		[2]string{"Go", runtime.Version()})
	for _, w := range s.ways {
		if w.version != "" {
			m.Versions = append(m.Versions, [2]string{w.name, w.version})
		}
	}
	return m
}

// firstLine is the first line of a file, empty if it cannot be read.
func firstLine(path string) string {
	text, _ := os.ReadFile(path) // the description then says less
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// valueIn is what stands behind the first line's name in a file of names and
// values.
func valueIn(path, name, separator string) string {
	text, _ := os.ReadFile(path) // the description then says less
	for line := range strings.SplitSeq(string(text), "\n") {
		if key, value, found := strings.Cut(line, separator); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// fileSystems are the magic numbers of statfs(2) that are usual here.
var fileSystems = map[int64]string{
	0xef53: "ext4", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x2fc12fc1: "zfs",
	0x794c7630: "overlay", 0x01021994: "tmpfs (in memory)",
}

func fileSystem(dir string) string {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return "unknown"
	}
	if name := fileSystems[st.Type]; name != "" {
		return name
	}
	return fmt.Sprintf("number %#x", st.Type)
}
