// Bench measures Roster beside other servers, in one run, and says which of its
// goals are met. docs/performance.md says how, and has the numbers of the last
// run; make bench starts it.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// bench is one run.
type bench struct {
	// people is how many most is measured with, small and large, how it grows.
	people, small, large int
	rounds               int
	// during is how long each has in a round.
	during time.Duration
	// cache is kept between runs, scratch is not.
	cache, scratch string
	lock           *os.File
	// header has the session of measureStart.
	header        []string
	roster, plain string
	machine       machine
	began         time.Time
	report        report
	seedRows      []row
	// Of all rounds, how many were disturbed and thrown away, and how many were
	// disturbed and count.
	allRounds, thrownAway, keptDisturbed int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench: "+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	b := &bench{began: time.Now()}
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	flags.IntVar(&b.people, "people", 100_000, "how many people most is measured with")
	flags.IntVar(&b.small, "small", 10_000, "growth is measured from so many people")
	flags.IntVar(&b.large, "large", 1_000_000, "to so many")
	flags.IntVar(&b.rounds, "rounds", 5, "how many rounds count")
	flags.DurationVar(&b.during, "during", 2*time.Second, "how long each server is asked in a round")
	write := flags.String("write", "", "the document whose table to replace")
	quick := flags.Bool("quick", false, "few people and one short round, to try it")
	_ = flags.Parse(args)
	if *quick {
		b.people, b.small, b.large, b.rounds, b.during, *write = 10_000, 2_000, 50_000, 1, time.Second, ""
	}
	if b.small > b.people || b.people > b.large {
		return errors.New("-small, -people and -large go upwards")
	}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	defer os.RemoveAll(b.scratch)
	if err := b.measure(ctx); err != nil {
		return err
	}
	table := b.text()
	fmt.Println(table)
	if *write == "" {
		return nil
	}
	return replaceTable(*write, table)
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%4.0f s  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// prepare builds what is to be started.
func (b *bench) prepare(ctx context.Context) (err error) {
	if b.machine, err = describe(ctx); err != nil {
		return err
	}
	if b.cache, err = cacheFolder(); err != nil {
		return err
	}
	if err := os.MkdirAll(b.cache, 0o700); err != nil {
		return err
	}
	// Two at once would disturb each other. The lock goes with the process.
	if b.lock, err = os.Create(filepath.Join(b.cache, "lock")); err != nil {
		return err
	}
	if err := syscall.Flock(int(b.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.New("another make bench is running")
	}
	// What a run that was killed has left.
	b.scratch = filepath.Join(b.cache, "run")
	if err := errors.Join(os.RemoveAll(b.scratch), os.MkdirAll(b.scratch, 0o700)); err != nil {
		return err
	}
	b.say("building")
	b.roster, b.plain = filepath.Join(b.scratch, "roster"), filepath.Join(b.scratch, "plain")
	for program, source := range map[string]string{b.roster: ".", b.plain: "./bench/plain"} {
		if err := command(ctx, "", "go", "build", "-o", program, source); err != nil {
			return err
		}
	}
	return b.installPeer(ctx)
}

// cacheFolder is where the scripts keep what they need again, too.
func cacheFolder() (string, error) {
	if folder := os.Getenv("ROSTER_CACHE"); folder != "" {
		return filepath.Abs(filepath.Join(folder, "bench"))
	}
	folder, err := os.UserCacheDir()
	return filepath.Join(folder, "roster", "bench"), err
}

func command(ctx context.Context, folder, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = folder
	if printed, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, lastLines(string(printed), 20))
	}
	return nil
}

// nodePeer is where the mercurius peer is installed: outside the checkout, for
// as long as its packages and Node stay as they are.
func (b *bench) nodePeer() (string, error) {
	lockfile, err := os.ReadFile("bench/mercurius/package-lock.json")
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append(lockfile, b.machine.Node...))
	return filepath.Join(b.cache, "mercurius-"+hex.EncodeToString(sum[:6])), nil
}

func (b *bench) installPeer(ctx context.Context) error {
	folder, err := b.nodePeer()
	if err != nil {
		return err
	}
	inside := filepath.Join(folder, "mercurius")
	if err := os.MkdirAll(inside, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"peers.graphqls", "mercurius/server.js", "mercurius/package.json", "mercurius/package-lock.json"} {
		if err := copyFile(filepath.Join(folder, name), filepath.Join("bench", name)); err != nil {
			return err
		}
	}
	done := filepath.Join(folder, "installed")
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	b.say("installing the peer's packages")
	if err := command(ctx, inside, "npm", "ci", "--no-audit", "--no-fund"); err != nil {
		return err
	}
	return os.WriteFile(done, nil, 0o600)
}

// startRoster starts the program that users start, on a folder of data.
func (b *bench) startRoster(ctx context.Context, folder string, people int, args ...string) (*process, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p, err := spawn(fmt.Sprintf("Roster with %s people", thousands(people)), address, filepath.Join(b.scratch, "roster-"+address+".log"), []string{
		"ADDR=" + address, "PUBLIC_URL=http://" + address, "DATA_DIR=" + folder, "HOME=" + folder,
		"BOOTSTRAP_ADMIN_EMAIL=" + adminEmail, "BOOTSTRAP_ADMIN_PASSWORD=" + adminPassword,
		// More than one invites in an hour; and a crowd that signs in from one
		// machine can come from many addresses.
		"INVITATIONS_PER_HOUR=1000000", "TRUSTED_PROXIES=127.0.0.0/8",
	}, b.roster, args...)
	if err != nil {
		return nil, err
	}
	if err := p.listens(ctx); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// folder is where the copy of a store with so many people is, that is served.
func (b *bench) folder(people int) string {
	return filepath.Join(b.scratch, fmt.Sprint("people-", people))
}

// serve starts Roster on a copy of a seeded store, and signs in.
func (b *bench) serve(ctx context.Context, s *seeded) (*server, error) {
	if err := copyFiles(b.folder(s.People), s.folder); err != nil {
		return nil, err
	}
	r, err := b.resume(ctx, s, nil)
	if err != nil {
		return nil, err
	}
	if err := r.signIn(adminEmail, adminPassword); err != nil {
		r.stop()
		return nil, err
	}
	return r, nil
}

// resume starts Roster again on a copy; header has the token of the session.
func (b *bench) resume(ctx context.Context, s *seeded, header []string) (*server, error) {
	p, err := b.startRoster(ctx, b.folder(s.People), s.People)
	if err != nil {
		return nil, err
	}
	if err := p.eventually(ctx, 5*time.Millisecond, func() bool { return ready(p.address) }); err != nil {
		p.stop()
		return nil, err
	}
	return &server{process: p, people: s.People, header: header}, nil
}

const loginQuery = `mutation SignIn($username: String!, $password: String!) {
  login(input: { username: $username, password: $password, issueToken: true }) { token userErrors { message } }
}`

func login(username, password string) operation {
	return operation{loginQuery, object{"username": username, "password": password}}
}

// signIn has all that is asked from now on come with the token of a session.
func (s *server) signIn(username, password string) error {
	data, err := s.ask(login(username, password))
	if err != nil {
		return err
	}
	token := textAt(data, "login", "token")
	if token == "" {
		return fmt.Errorf("%s does not let us in: %v", s.name, data)
	}
	s.header = []string{"Authorization: Bearer " + token}
	return nil
}

// peers start the peers on what the program has left in its folder, so that
// everybody is as they are there.
func (b *bench) peers(ctx context.Context, s *seeded) (mercurius, plain *server, err error) {
	folder := filepath.Join(b.scratch, "plain-data")
	if err := copyFiles(folder, b.folder(s.People)); err != nil {
		return nil, nil, err
	}
	if mercurius, err = b.serveMercurius(ctx, s); err != nil {
		return nil, nil, err
	}
	address, err := freeAddress()
	if err == nil {
		plain, err = b.servePeer(ctx, "plain gqlgen", address, s.People, b.plain, folder, address, adminEmail)
	}
	if err != nil {
		mercurius.stop()
	}
	return mercurius, plain, err
}

func (b *bench) serveMercurius(ctx context.Context, s *seeded) (*server, error) {
	file, err := b.peerFile(ctx, s)
	if err != nil {
		return nil, err
	}
	folder, err := b.nodePeer()
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return b.servePeer(ctx, "mercurius", address, s.People, "node", filepath.Join(folder, "mercurius", "server.js"), file, port)
}

func (b *bench) servePeer(ctx context.Context, name, address string, people int, program string, args ...string) (*server, error) {
	p, err := spawn(name, address, filepath.Join(b.scratch, strings.ReplaceAll(name, " ", "-")+".log"), []string{"NODE_ENV=production"}, program, args...)
	if err != nil {
		return nil, err
	}
	if err := p.listens(ctx); err != nil {
		p.stop()
		return nil, err
	}
	return &server{process: p, people: people}, nil
}
