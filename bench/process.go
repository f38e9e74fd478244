package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// How long a program may take to answer for the first time (it may have a
// million people to make up), and to end.
const (
	startTimeout = 15 * time.Minute
	stopTimeout  = 20 * time.Second
)

// process is a server that is measured.
type process struct {
	name, address string
	command       *exec.Cmd
	ended         chan struct{}
	// log is the path of what it has printed.
	log     string
	started time.Time
}

// spawn starts a program with nothing of our environment but PATH; what it
// prints goes to the file at log.
func spawn(name, address, log string, env []string, program string, args ...string) (*process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := &process{name: name, address: address, log: log, ended: make(chan struct{}), command: exec.Command(program, args...)}
	p.command.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	p.command.Stdout, p.command.Stderr = out, out
	// Of its own group, so that Ctrl-C reaches us alone, who then end it; and when
	// we are killed, it ends as well.
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	p.started = time.Now()
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = p.command.Wait()
		close(p.ended)
	}()
	return p, nil
}

// listens waits until somebody listens at the process's address.
func (p *process) listens(ctx context.Context) error {
	return p.eventually(ctx, time.Millisecond, func() bool {
		c, err := net.Dial("tcp", p.address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

// eventually asks again and again until it is so, unless the process ends.
func (p *process) eventually(ctx context.Context, every time.Duration, so func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for !so() {
		select {
		case <-p.ended:
			printed, _ := os.ReadFile(p.log)
			return fmt.Errorf("%s has ended:\n%s", p.name, lastLines(string(printed), 5))
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", p.name, ctx.Err())
		case <-time.After(every):
		}
	}
	return nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// stop ends the process and waits until it is gone.
func (p *process) stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		_ = p.command.Process.Kill()
		<-p.ended
	}
}

// cpu is for how long the process has had a core, so far.
func (p *process) cpu() time.Duration {
	// The clock of another process, as clock_getcpuclockid(3) makes it.
	var spent unix.Timespec
	if err := unix.ClockGettime(int32(^p.command.Process.Pid<<3|2), &spent); err != nil { //nolint:gosec // process ids are small
		return 0
	}
	return time.Duration(spent.Nano())
}

// ownCPU is for how long this process has had a core, so far.
func ownCPU() time.Duration {
	var spent unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &spent); err != nil {
		return 0
	}
	return time.Duration(spent.Nano())
}

// forgetPeak has peak count from now on.
func (p *process) forgetPeak() error {
	return os.WriteFile(p.proc("clear_refs"), []byte("5"), 0)
}

// resident is how many bytes of memory the process has; peak, the most it had.
func (p *process) resident() (now, peak int64, err error) {
	status, err := os.ReadFile(p.proc("status"))
	if err != nil {
		return 0, 0, err
	}
	now, peak = -1, -1
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kilobytes, err := strconv.ParseInt(fields[1], 10, 64)
		switch {
		case err != nil:
		case fields[0] == "VmRSS:":
			now = kilobytes << 10
		case fields[0] == "VmHWM:":
			peak = kilobytes << 10
		}
	}
	if now < 0 || peak < 0 {
		return 0, 0, errors.New("there is no VmRSS and VmHWM in " + p.proc("status"))
	}
	return now, peak, nil
}

func (p *process) proc(file string) string {
	return filepath.Join("/proc", strconv.Itoa(p.command.Process.Pid), file)
}

// quiet waits until the process has nothing more to do.
func (p *process) quiet(ctx context.Context) error {
	const look, idle = 100 * time.Millisecond, 2 * time.Millisecond
	still, before := 0, p.cpu()
	return p.eventually(ctx, look, func() bool {
		now := p.cpu()
		if still++; now-before > idle {
			still = 0
		}
		before = now
		return still > 2
	})
}

// busy is for how long the cores of the machine have been busy, so far: with
// anything, and with what the hypervisor did instead.
func busy() (time.Duration, error) {
	stat, err := os.Open("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("make bench needs Linux: %w", err)
	}
	defer stat.Close()
	line, err := bufio.NewReader(stat).ReadString('\n')
	if err != nil {
		return 0, err
	}
	return busyOf(line)
}

// busyOf reads the line "cpu" of /proc/stat. Its unit is USER_HZ, which is 100
// wherever Go runs.
func busyOf(line string) (time.Duration, error) {
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, fmt.Errorf("/proc/stat begins with %q", line)
	}
	var ticks int64
	for i, field := range fields[1:9] {
		const idle, iowait = 3, 4
		if i == idle || i == iowait {
			continue
		}
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/stat begins with %q", line)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100, nil
}

// freeAddress is an address to listen on. Its port is below those that the
// system hands out by itself, so that none of our connections takes it.
func freeAddress() (string, error) {
	for port := 20000 + os.Getpid()%5000; port < 32000; port++ {
		address := fmt.Sprintf("127.0.0.1:%d", port)
		if handedOut[address] {
			continue
		}
		if l, err := net.Listen("tcp", address); err == nil {
			handedOut[address] = true
			return address, l.Close()
		}
	}
	return "", errors.New("there is no free port")
}

var handedOut = map[string]bool{}

// copyFiles copies the files of a folder, and not what is in folders in it, and
// has them on the disk.
func copyFiles(to, from string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() {
			continue
		}
		if err := copyFile(filepath.Join(to, entry.Name()), filepath.Join(from, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(to, from string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	copied, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(copied, source)
	return errors.Join(err, copied.Sync(), copied.Close())
}
