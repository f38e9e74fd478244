package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof" // what the watched program tells about itself
	"os"
	"os/signal"
	"syscall"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// watch makes the program about to be started a watched one.
func (p *program) watch() {
	p.t.Helper()
	executable, err := os.Executable()
	require.NoError(p.t, err)
	p.cmd.Path = executable
	p.cmd.Env = append(p.cmd.Env, watched+"="+p.watched)
}

// goroutines counts a watched program's, and tells what they do.
func (p *program) goroutines() (n int, doing string) {
	p.t.Helper()
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" + p.watched + "/debug/pprof/goroutine?debug=1")
	require.NoError(p.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(p.t, err)
	_, err = fmt.Sscanf(string(text), "goroutine profile: total %d", &n)
	require.NoError(p.t, err)
	return n, string(text)
}

// watched names the address at which a watched program tells about itself.
const watched = "ROSTER_WATCHED"

// runWatched is main for the tests that look inside: the same program, run by
// the test's own executable, with an address that tells what its goroutines
// do. It answers the exit code, which is not 0 either when goroutines are left
// behind.
func runWatched() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", os.Getenv(watched))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	inside := &http.Server{}
	go func() { _ = inside.Serve(listener) }()
	before := goleak.IgnoreCurrent()
	err = run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	if err == nil {
		_ = inside.Close()
		err = goleak.Find(before)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "roster: "+err.Error())
		return 1
	}
	return 0
}
