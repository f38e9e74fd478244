package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"roster/internal/directory"
	"roster/internal/sqlite"
)

// The tests of this package start the program that users start, as a process
// of its own, and use it over HTTP.

// binary is the built program.
var binary string

func TestMain(m *testing.M) {
	if os.Getenv(watched) != "" {
		os.Exit(runWatched())
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "roster-test-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "roster")
		build := exec.Command("go", "build", "-o", binary, ".")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

const (
	adminEmail    = "admin@example.com"
	adminPassword = "an opening that nobody guesses"
)

// way is one of the two ways to run.
type way struct {
	name string
	// env makes the environment of a fresh installation.
	env func(t *testing.T) []string
	// open opens the store that a program with this environment has used.
	open func(t *testing.T, p *program) directory.Store
	// forget empties what expires: sessions, limits and idempotency keys.
	forget func(t *testing.T, p *program)
	// dump is all that is stored, as bytes.
	dump func(t *testing.T, p *program) string
	// away changes an environment so that something can be done while the stores
	// are away; nil where they are in the same process.
	away func(t *testing.T, env []string) (changed []string, while func(do func()))
}

// ways are embedded, and with the tag services the other one too.
var ways = []way{{
	name: "embedded",
	env:  func(*testing.T) []string { return nil },
	open: func(t *testing.T, p *program) directory.Store { return sqlite.NewStore(openSQLite(t, p)) },
	forget: func(t *testing.T, p *program) {
		t.Helper()
		require.NoError(t, sqlite.NewVault(openSQLite(t, p)).Sweep(t.Context(), time.Now().AddDate(10, 0, 0)))
	},
	dump: files,
}}

func openSQLite(t *testing.T, p *program) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(context.Background(), filepath.Join(p.dir, "roster.db"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// eachWay runs a test in every way that there is.
func eachWay(t *testing.T, test func(t *testing.T, w way)) {
	t.Helper()
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) { test(t, w) })
	}
}

// program is a started program.
type program struct {
	t    *testing.T
	url  string
	dir  string
	env  []string
	args []string
	// watched is where the program tells about itself, if it is one of
	// runWatched; else empty.
	watched string
	cmd     *exec.Cmd
	done    chan struct{}
	mu      sync.Mutex
	logs    bytes.Buffer
}

// install starts the program on an empty store, with an administrator.
func install(t *testing.T, w way, env ...string) *program {
	t.Helper()
	return installBare(t, w, append([]string{
		"BOOTSTRAP_ADMIN_EMAIL=" + adminEmail, "BOOTSTRAP_ADMIN_PASSWORD=" + adminPassword,
	}, env...))
}

func installBare(t *testing.T, w way, env []string, args ...string) *program {
	t.Helper()
	p := &program{t: t, dir: t.TempDir(), args: args}
	addr := freeAddress(t)
	p.url = "http://" + addr
	p.env = append([]string{"ADDR=" + addr, "PUBLIC_URL=" + p.url, "DATA_DIR=" + p.dir, "HOME=" + p.dir}, w.env(t)...)
	p.env = append(p.env, env...)
	p.start()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("log of the program:\n%s", p.log())
		}
	})
	return p
}

// handedOut counts the ports that freeAddress has tried.
var handedOut atomic.Int64

// freeAddress is an address to listen on now and again later. Its port is below
// those that the system hands out by itself (from 32768 on Linux) and is handed
// out once, so that nobody takes it while nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 10000+(int64(os.Getpid())+handedOut.Add(1))%9000)
		if l, err := net.Listen("tcp", address); err == nil {
			require.NoError(t, l.Close())
			return address
		}
	}
	require.Fail(t, "no free port")
	return ""
}

// start starts the program and waits until it is ready.
func (p *program) start() {
	p.t.Helper()
	p.launch()
	p.waitReady(2 * time.Minute)
}

func (p *program) launch() {
	p.t.Helper()
	p.cmd = exec.Command(binary, p.args...)
	p.cmd.Env = p.env
	if p.watched != "" {
		p.watch()
	}
	stderr, err := p.cmd.StderrPipe()
	require.NoError(p.t, err)
	p.cmd.Stdout = p.cmd.Stderr
	require.NoError(p.t, p.cmd.Start())
	p.done = make(chan struct{})
	go func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			p.mu.Lock()
			p.logs.WriteString(lines.Text() + "\n")
			p.mu.Unlock()
		}
		_ = p.cmd.Wait()
		close(p.done)
	}()
}

func (p *program) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.logs.String()
}

func (p *program) waitReady(patience time.Duration) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-p.done:
			p.t.Fatal("the program ended by itself")
		default:
		}
		if p.get("/readyz") == http.StatusOK {
			return
		}
	}
	p.t.Fatal("the program was not ready in time")
}

// get is the status of a page; 0 when nobody answers.
func (p *program) get(path string) int {
	answer, err := http.Get(p.url + path)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

// kill ends the program as a power failure would.
func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// stop asks the program to end, and answers its exit code.
func (p *program) stop() int {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		p.t.Fatal("the program did not stop within 20 s")
	}
	return p.cmd.ProcessState.ExitCode()
}

// client is somebody who uses the API; token is empty when not signed in.
type client struct {
	p     *program
	token string
	http  *http.Client
	// ip is the address that a proxy before the program names; agent what the
	// client calls itself. Both may be empty.
	ip, agent string
}

func (p *program) anybody() *client {
	return &client{p: p, http: &http.Client{Timeout: 30 * time.Second}}
}

// object is a JSON object of an answer.
type object = map[string]any

// reply is an answer of the API.
type reply struct {
	status int
	header http.Header
	Data   object
	Errors []struct {
		Message    string
		Extensions object
	}
}

// code is the code of the first error; empty when there is none.
func (r reply) code() string {
	if len(r.Errors) == 0 {
		return ""
	}
	code, _ := r.Errors[0].Extensions["code"].(string)
	return code
}

// payload is the only root field.
func (r reply) payload() object {
	for _, v := range r.Data {
		o, _ := v.(object)
		return o
	}
	return nil
}

// ask sends an operation and answers whatever comes; an error when nothing does.
func (c *client) ask(query string, variables object) (reply, error) {
	body, err := json.Marshal(object{"query": query, "variables": variables})
	if err != nil {
		return reply{}, err
	}
	request, err := http.NewRequest(http.MethodPost, c.p.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.ip != "" {
		request.Header.Set("X-Forwarded-For", c.ip)
	}
	if c.agent != "" {
		request.Header.Set("User-Agent", c.agent)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return reply{}, err
	}
	r := reply{status: answer.StatusCode, header: answer.Header}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("status %d: %s", answer.StatusCode, text)
	}
	return r, nil
}

// do sends an operation that must be answered without errors, and picks its
// only root field.
func (c *client) do(query string, variables object) object {
	c.p.t.Helper()
	r, err := c.ask(query, variables)
	require.NoError(c.p.t, err)
	require.Empty(c.p.t, r.Errors, query)
	return r.payload()
}

// dig follows a path of fields and indexes.
func dig(v any, path ...any) any {
	for _, step := range path {
		switch s := step.(type) {
		case string:
			o, ok := v.(object)
			if !ok {
				return nil
			}
			v = o[s]
		case int:
			l, ok := v.([]any)
			if !ok || s >= len(l) {
				return nil
			}
			v = l[s]
		}
	}
	return v
}

// text is dig for a string.
func text(v any, path ...any) string {
	s, _ := dig(v, path...).(string)
	return s
}

// refusals are the codes of userErrors.
func refusals(payload object) []string {
	codes := []string{}
	all, _ := payload["userErrors"].([]any)
	for _, e := range all {
		codes = append(codes, text(e, "code"))
	}
	return codes
}

const loginQuery = `mutation($in: LoginInput!) { login(input: $in) {
	token viewer { user { id email } permissions } twoFactorChallenge { token expiresAt } userErrors { code message field } } }`

// signIn signs in with a password, and answers the payload.
func (c *client) signIn(username, password string) object {
	c.p.t.Helper()
	payload := c.do(loginQuery, object{"in": object{"username": username, "password": password, "issueToken": true}})
	c.token = text(payload, "token")
	return payload
}

// admin is the first administrator, signed in.
func (p *program) admin() *client {
	p.t.Helper()
	c := p.anybody()
	c.signIn(adminEmail, adminPassword)
	require.NotEmpty(p.t, c.token, "the first administrator can sign in")
	return c
}

// roles are the ids of the roles by name.
func (c *client) roles() map[string]string {
	c.p.t.Helper()
	r, err := c.ask(`{ roles { id name } }`, nil)
	require.NoError(c.p.t, err)
	found := map[string]string{}
	list, _ := r.Data["roles"].([]any)
	for _, role := range list {
		found[text(role, "name")] = text(role, "id")
	}
	return found
}

const inviteQuery = `mutation($in: InviteUsersInput!) { inviteUsers(input: $in) {
	results { input email outcome message user { id } } users { id email status } userErrors { code message field } } }`

// invite invites addresses with a role, by its name.
func (c *client) invite(role string, emails ...string) object {
	c.p.t.Helper()
	return c.do(inviteQuery, object{"in": object{"emails": emails, "roleId": c.roles()[role]}})
}

var linkPattern = regexp.MustCompile(`https?://\S+#token=([A-Za-z0-9_-]+)`)

// mails are the mails to an address, the oldest first.
func (p *program) mails(to string) []string {
	p.t.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, "mail", "*.eml"))
	require.NoError(p.t, err)
	var found []string
	for _, file := range files {
		content, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		require.NoError(p.t, err)
		for line := range strings.Lines(string(content)) {
			if strings.HasPrefix(line, "To:") && strings.Contains(strings.ToLower(line), "<"+strings.ToLower(to)+">") {
				found = append(found, string(content))
				break
			}
			if strings.TrimSpace(line) == "" {
				break
			}
		}
	}
	return found
}

// mail waits for the n-th mail to an address (from 1), and answers it.
func (p *program) mail(to string, n int) string {
	p.t.Helper()
	var found []string
	require.Eventually(p.t, func() bool {
		found = p.mails(to)
		return len(found) >= n
	}, 20*time.Second, 20*time.Millisecond, "mail %d to %s", n, to)
	return found[n-1]
}

// link is the token in the n-th mail to an address.
func (p *program) link(to string, n int) string {
	p.t.Helper()
	match := linkPattern.FindStringSubmatch(p.mail(to, n))
	require.NotNil(p.t, match, "a link in the mail to %s", to)
	require.True(p.t, strings.HasPrefix(match[0], p.url+"/"), "the link begins with PUBLIC_URL: %s", match[0])
	return match[1]
}

const acceptQuery = `mutation($in: AcceptInvitationInput!) { acceptInvitation(input: $in) {
	user { id status name username title role { name } } userErrors { code message field } } }`

// enter invites somebody, completes the set-up, and signs them in.
func (p *program) enter(by *client, role, email, password string) (*client, string) {
	p.t.Helper()
	invited := by.invite(role, email)
	require.Equal(p.t, "INVITED", text(invited, "results", 0, "outcome"), "%v", invited)
	accepted := p.anybody().do(acceptQuery, object{"in": object{"token": p.link(email, 1), "password": password}})
	require.Empty(p.t, refusals(accepted))
	c := p.anybody()
	c.signIn(email, password)
	require.NotEmpty(p.t, c.token)
	return c, text(invited, "users", 0, "id")
}

// viewer is who is signed in; nil when nobody is.
func (c *client) viewer() object {
	c.p.t.Helper()
	return c.do(`{ viewer { user { id status role { name } } session { id createdAt expiresAt } permissions } }`, nil)
}
