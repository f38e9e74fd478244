package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine is where and of what the numbers are.
type machine struct {
	CPU, Memory, Kernel, Go, Node, Commit string
	Cores                                 int
	Date                                  time.Time
}

func describe(ctx context.Context) (machine, error) {
	m := machine{Cores: runtime.NumCPU(), Go: runtime.Version(), Date: time.Now().UTC(), CPU: "unknown", Commit: "unknown"}
	m.CPU = strings.TrimSpace(fieldOf("/proc/cpuinfo", "model name"))
	var kilobytes int64
	_, _ = fmt.Sscan(fieldOf("/proc/meminfo", "MemTotal"), &kilobytes)
	m.Memory = fmt.Sprintf("%.0f GiB", float64(kilobytes)/(1<<20))
	var name unix.Utsname
	if err := unix.Uname(&name); err == nil {
		m.Kernel = unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
	}
	node, err := exec.CommandContext(ctx, "node", "--version").Output()
	if err != nil {
		return m, fmt.Errorf("make bench needs Node 20 or newer and npm, for the peer: %w", err)
	}
	m.Node = strings.TrimSpace(string(node))
	if commit, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output(); err == nil {
		m.Commit = strings.TrimSpace(string(commit))
		if changed, err := exec.CommandContext(ctx, "git", "status", "--porcelain", "--", "*.go", "*.sql", "go.mod").Output(); err == nil && len(changed) > 0 {
			m.Commit += " with changes"
		}
	}
	return m, nil
}

// fieldOf is the value of the first line "name : value" of a file in /proc.
func fieldOf(path, name string) string {
	content, _ := os.ReadFile(path)
	for line := range strings.Lines(string(content)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
