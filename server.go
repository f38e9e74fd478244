// Roster is the service behind a "Users" page: who may get into a product.
//
// This file wires the parts, from the configuration at the top to the HTTP
// server at the bottom, runs them until it is told to stop, and stops them in
// reverse. See docs/architecture.md.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"roster/graph"
	"roster/internal/account"
	"roster/internal/config"
	"roster/internal/directory"
	"roster/internal/httpd"
	"roster/internal/mail"
	"roster/internal/mongo"
	"roster/internal/notice"
	"roster/internal/redis"
	"roster/internal/relay"
	"roster/internal/sample"
	"roster/internal/sqlite"
	"roster/internal/watch"
)

// Limits of the HTTP server, and of going down.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 60 * time.Second
	maxHeader     = 64 << 10
	pingTimeout   = 2 * time.Second
	// Going down takes 15 s at most, also when nobody answers any more: requests
	// end, for which an operation has 10 s; what runs beside them is told to end
	// when they have, or after a while, and takes 5 s; then the stores close.
	requestsTimeout = 11 * time.Second
	besideTimeout   = 8 * time.Second
	closeTimeout    = time.Second
	// sweepEvery is how often what a crash left is put right.
	sweepEvery = 15 * time.Second
	// retryEvery is how often a store that is down at start is tried again.
	retryEvery = time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "roster: "+err.Error())
		os.Exit(1)
	}
}

// run is the program: it returns when ctx ends, or when it cannot go on.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	invocation, err := config.Parse(args, environ, stdout)
	if err != nil {
		return err
	}
	if _, done := invocation.Command.(config.HelpPrinted); done {
		return nil
	}
	cfg := invocation.Config
	log := newLogger(cfg, stderr)
	slog.SetDefault(log)

	parts, err := newParts(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer parts.close()
	switch command := invocation.Command.(type) {
	case config.AddOrganization:
		return parts.addOrganization(ctx, command)
	case config.Serve:
		return parts.serve(ctx, command)
	}
	return fmt.Errorf("no such command: %T", invocation.Command)
}

func newLogger(cfg config.Config, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// parts are the parts of the program, wired.
type parts struct {
	config    config.Config
	log       *slog.Logger
	stores    stores
	relay     *relay.Relay
	directory *directory.Directory
	accounts  *account.Accounts
	hub       *notice.Hub
	sockets   *graph.Sockets
	metrics   *watch.Metrics
	traces    *watch.Traces
	api       http.Handler
}

// stores are where things are kept: one of the two ways to run.
type stores struct {
	directory.Store
	vault account.Vault
	// carrier takes notices to other servers, while carry runs; nil when there
	// are none.
	carrier notice.Carrier
	carry   func(context.Context, *notice.Hub)
	// moment is httpd.Options.Moment; nil where every read goes to the stores.
	moment func(context.Context) context.Context
	// prepare makes what the stores need in their databases; it may be called
	// again after an error.
	prepare func(context.Context) error
	// fill gives a store to whom very many people are added at once.
	fill func(ctx context.Context, do func(directory.Store) error) error
	// sweep puts right what a crash left, and clears away what has expired.
	sweep func(context.Context) error
	close func() error
	// secrets are the keys of SECRET_KEY, or the one that was generated.
	secrets [][]byte
}

func newParts(ctx context.Context, cfg config.Config, log *slog.Logger) (*parts, error) {
	traces, err := watch.NewTraces(ctx, cfg.OTLPEndpoint, log)
	if err != nil {
		return nil, err
	}
	p := &parts{config: cfg, log: log, metrics: watch.NewMetrics(), traces: traces}
	if p.stores, err = p.open(ctx); err != nil {
		return nil, err
	}
	if err := p.wire(); err != nil {
		return nil, errors.Join(err, p.stores.close())
	}
	return p, nil
}

// open opens the stores, whose calls are measured.
func (p *parts) open(ctx context.Context) (s stores, err error) {
	documents, vault := "sqlite", "sqlite"
	if p.config.Services() {
		documents, vault = "mongodb", "redis"
		s, err = openServices(ctx, p.config, p.traces, p.log)
	} else {
		s, err = openEmbedded(ctx, p.config)
	}
	if err != nil {
		return stores{}, err
	}
	s.Store = p.metrics.Store(documents, s.Store, p.traces)
	s.vault = p.metrics.Vault(vault, s.vault, p.traces)
	return s, nil
}

func (p *parts) wire() error {
	transport, err := newTransport(p.config, p.log)
	if err != nil {
		return err
	}
	p.hub = notice.NewHub(p.stores.carrier)
	p.relay = relay.New(p.stores, p.metrics.Transport(transport), relay.Links{Base: p.config.PublicURL.String()}, p.hub, p.log, time.Now, rand.Reader)
	p.directory = directory.New(p.stores, p.stores.vault, directory.Settings{
		InvitationTTL: p.config.InvitationTTL, PasswordResetTTL: p.config.PasswordResetTTL,
		InvitationsPerHour: p.config.InvitationsPerHour, Secrets: p.stores.secrets,
	}, p.relay, time.Now, rand.Reader)
	p.accounts, err = account.New(p.directory, p.stores, p.stores.vault, account.Settings{
		PasswordMinLength: p.config.PasswordMinLength, Secrets: p.stores.secrets,
	}, time.Now, rand.Reader)
	if err != nil {
		return err
	}
	p.sockets = graph.NewSockets(p.directory, p.accounts, p.hub, p.log)
	p.api = graph.NewHandler(&graph.Resolver{
		Directory: p.directory, Accounts: p.accounts,
		InvitationTTL: p.config.InvitationTTL, PasswordResetTTL: p.config.PasswordResetTTL, PasswordMinLength: p.config.PasswordMinLength,
	}, p.sockets, isOnlyHere(p.config.Addr, p.config.PublicURL), p.traces.GraphQL()...)
	return nil
}

// isOnlyHere tells whether the service is for this machine alone: strangers may
// come through a proxy that runs on it, and then its public address is another.
func isOnlyHere(addr string, public *url.URL) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && isLoopback(host) && isLoopback(public.Hostname())
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func newTransport(cfg config.Config, log *slog.Logger) (mail.Transport, error) {
	if cfg.SMTPURL == nil {
		return mail.NewFiles(filepath.Join(cfg.DataDir, "mail"), cfg.MailFrom, log)
	}
	return mail.NewSMTP(cfg.SMTPURL, cfg.MailFrom)
}

// openEmbedded keeps everything in one SQLite file in DATA_DIR.
func openEmbedded(ctx context.Context, cfg config.Config) (stores, error) {
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return stores{}, fmt.Errorf("DATA_DIR cannot be made: %w; set it to a directory that can be written", err)
	}
	secrets := cfg.SecretKeys
	if secrets == nil {
		key, err := config.LoadOrCreateKey(cfg.DataDir)
		if err != nil {
			return stores{}, err
		}
		secrets = [][]byte{key}
	}
	db, err := sqlite.Open(ctx, filepath.Join(cfg.DataDir, "roster.db"))
	if err != nil {
		return stores{}, err
	}
	store, vault := sqlite.NewStore(db), sqlite.NewVault(db)
	return stores{
		Store: store, vault: vault, secrets: secrets,
		carry:   func(context.Context, *notice.Hub) {},
		moment:  db.Moment,
		prepare: func(context.Context) error { return nil },
		fill:    store.Fill,
		sweep:   func(ctx context.Context) error { return vault.Sweep(ctx, time.Now()) },
		close:   db.Close,
	}, nil
}

// openServices keeps documents in MongoDB and what expires in Redis.
func openServices(ctx context.Context, cfg config.Config, traces *watch.Traces, log *slog.Logger) (stores, error) {
	store, err := mongo.Open(ctx, cfg.MongoDBURI, traces.MongoDB)
	if err != nil {
		return stores{}, fmt.Errorf("MONGODB_URI: %w", err)
	}
	vault, err := redis.Open(cfg.RedisURL, store.DatabaseName(), traces.Redis)
	if err != nil {
		return stores{}, errors.Join(fmt.Errorf("REDIS_URL: %w", err), store.Close(ctx))
	}
	notices := vault.Notices(log)
	return stores{
		Store: store, vault: vault, secrets: cfg.SecretKeys,
		carrier: notices, carry: notices.Run,
		prepare: store.EnsureIndexes,
		fill:    func(_ context.Context, do func(directory.Store) error) error { return do(store) },
		sweep:   func(context.Context) error { return nil },
		close: func() error {
			ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
			defer cancel()
			return errors.Join(vault.Close(), store.Close(ctx))
		},
	}, nil
}

func (p *parts) close() {
	// A collector that does not answer takes no time from the stores.
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	var sending sync.WaitGroup
	sending.Go(func() {
		if err := p.traces.Close(ctx); err != nil {
			p.log.Warn("the last traces were not sent", "error", err)
		}
	})
	defer sending.Wait()
	if err := p.stores.close(); err != nil {
		p.log.Warn("the stores were not closed properly", "error", err)
	}
}

// serve answers requests until ctx ends.
func (p *parts) serve(ctx context.Context, command config.Serve) error {
	var prepared, stopping atomic.Bool
	ready := func(ctx context.Context) error {
		switch {
		case stopping.Load():
			return errors.New("stopping")
		case !prepared.Load():
			return errors.New("starting")
		}
		ctx, cancel := context.WithTimeout(ctx, pingTimeout)
		defer cancel()
		if err := p.stores.Ping(ctx); err != nil {
			return errors.New("the document store cannot be reached")
		}
		if err := p.stores.vault.Ping(ctx); err != nil {
			return errors.New("the session store cannot be reached")
		}
		return nil
	}
	admission := httpd.NewAdmission()
	p.metrics.Look(watch.Inside{
		Members: admission.Members, Strangers: admission.Strangers,
		SessionsUsed: p.accounts.SessionsUsed, Hashing: p.accounts.Hashing, Backlog: p.relay.Backlog, Sockets: p.sockets.Open,
	})
	options := httpd.Options{
		PublicURL: p.config.PublicURL, AllowedOrigins: p.config.AllowedOrigins, TrustedProxies: p.config.TrustedProxies,
		GraphiQL: p.config.GraphiQL, Admission: admission, Answered: p.answered, Moment: p.stores.moment,
	}
	if p.config.MetricsAddr == "" {
		options.Metrics = p.metrics.Handler()
	}
	handler, err := httpd.New(options, p.directory, p.accounts, p.api, ready, p.log)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", p.config.Addr)
	if err != nil {
		return fmt.Errorf("ADDR is %q: %w; stop the other program or choose another port", p.config.Addr, err)
	}
	server := p.newServer(p.traces.HTTP(handler, p.config.TrustedProxies))
	if p.config.MetricsAddr != "" {
		beside, err := net.Listen("tcp", p.config.MetricsAddr)
		if err != nil {
			return errors.Join(fmt.Errorf("METRICS_ADDR is %q: %w; stop the other program or choose another port", p.config.MetricsAddr, err), listener.Close())
		}
		pages := http.NewServeMux()
		pages.Handle("GET /metrics", p.metrics.Handler())
		metrics := p.newServer(pages)
		go func() { _ = metrics.Serve(beside) }()
		defer func() { _ = metrics.Close() }()
	}

	// The parts that run beside the requests end after the last request.
	beside, stopBeside := context.WithCancel(context.WithoutCancel(ctx))
	var group sync.WaitGroup
	defer group.Wait()
	defer stopBeside()
	failed := make(chan error, 2)
	group.Go(func() { p.stores.carry(beside, p.hub) })
	go func() { failed <- server.Serve(listener) }()
	group.Go(func() {
		if err := p.prepare(ctx, command); err != nil {
			failed <- err
			return
		}
		prepared.Store(true)
		p.log.Info("ready", "url", p.config.PublicURL.String(), "store", p.way())
		group.Go(func() { p.relay.Run(beside) })
		p.sweep(beside)
	})

	select {
	case err := <-failed:
		_ = server.Close()
		if ctx.Err() != nil {
			return nil
		}
		return err
	case <-ctx.Done():
	}
	p.log.Info("stopping")
	stopping.Store(true)
	defer time.AfterFunc(besideTimeout, stopBeside).Stop()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestsTimeout)
	defer cancel()
	// The HTTP server knows nothing of what has become a WebSocket.
	var sockets sync.WaitGroup
	sockets.Go(func() { p.sockets.Close(last) })
	defer sockets.Wait()
	if err := server.Shutdown(last); err != nil {
		p.log.Warn("requests were cut off", "error", err)
		return server.Close()
	}
	return nil
}

// newServer serves a handler within the limits of all requests.
func (p *parts) newServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: handler, ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader,
	}
}

// answered is told of each operation.
func (p *parts) answered(ctx context.Context, operation, outcome string, took time.Duration) {
	p.metrics.Operation(operation, outcome, took)
	p.traces.Operation(ctx, operation, outcome)
}

// way names the way of running.
func (p *parts) way() string {
	if p.config.Services() {
		return "mongodb and redis"
	}
	return "sqlite in " + p.config.DataDir
}

// prepare makes the databases ready and the first organization, and tries
// again for as long as a store cannot be reached.
func (p *parts) prepare(ctx context.Context, command config.Serve) error {
	for {
		err := p.stores.prepare(ctx)
		if err == nil {
			err = p.bootstrap(ctx, command)
		}
		if err == nil || !p.config.Services() || !errors.Is(err, directory.ErrUnavailable) {
			return err
		}
		p.log.Error("a store cannot be reached; not ready, and trying again", "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retryEvery):
		}
	}
}

// sweep puts right what a crash left, from time to time.
func (p *parts) sweep(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		for _, job := range []struct {
			name string
			run  func(context.Context) error
		}{
			{"organizations", p.directory.SweepOrganizations},
			{"claims", func(ctx context.Context) error { _, err := p.directory.SettleLeftClaims(ctx); return err }},
			{"counts", p.stores.Repair},
			{"expired", p.stores.sweep},
		} {
			if err := job.run(ctx); err != nil && ctx.Err() == nil {
				p.log.Warn("a sweep failed; trying again", "sweep", job.name, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// bootstrap makes the installation's first organization when there is none,
// its first administrator, and the sample people that were asked for.
func (p *parts) bootstrap(ctx context.Context, command config.Serve) error {
	org, err := p.directory.Organization(ctx, "")
	fresh := errors.Is(err, directory.ErrNotFound)
	if err != nil && !fresh {
		return fmt.Errorf("find the first organization: %w", err)
	}
	made := command.Demo || command.Seed > 0
	if made && !fresh {
		return errors.New("--demo and --seed fill an empty store, and there are people in this one; choose another DATA_DIR or database")
	}
	if fresh {
		name, slug, seats := directory.FirstOrganizationName, directory.FirstOrganizationSlug, p.config.SeatLimit
		if command.Demo {
			name, slug = sample.DemoName, ""
		}
		if command.Seed > 0 {
			seats = max(seats, sample.Seats(command.Seed))
		}
		org, err = p.directory.CreateOrganization(ctx, name, slug, seats)
		if directory.HasCode(err, directory.CodeTaken) {
			// Another server, started at the same time, was quicker.
			org, err = p.directory.Organization(ctx, "")
		}
		if err != nil {
			return err
		}
	}
	password := p.config.BootstrapAdminPassword
	if command.Demo && password == "" {
		password = rand.Text()
	}
	admin, err := p.firstAdministrator(ctx, org, p.config.BootstrapAdminEmail, password)
	if err != nil || !made {
		return err
	}
	return p.fill(ctx, org, admin, command, password)
}

// firstAdministrator lets somebody into an organization that nobody can enter.
func (p *parts) firstAdministrator(ctx context.Context, org *directory.Organization, email, password string) (*directory.User, error) {
	token, tokenHash := account.NewToken(org.ID, rand.Reader)
	passwordHash := ""
	if password != "" {
		var err error
		if passwordHash, err = p.accounts.HashPassword(ctx, password); err != nil {
			return nil, err
		}
	}
	admin, err := p.directory.EnsureAdministrator(ctx, org, email, passwordHash, tokenHash)
	if err != nil || admin == nil {
		return nil, err
	}
	if admin.Status == directory.Pending {
		p.log.Info("open this link to set the password of the first administrator",
			"organization", org.Slug, "administrator", admin.Email,
			"link", relay.Links{Base: p.config.PublicURL.String()}.Invitation(token))
	} else {
		p.log.Info("the first administrator can sign in", "organization", org.Slug, "administrator", admin.Email)
	}
	return admin, nil
}

// fill adds sample people.
func (p *parts) fill(ctx context.Context, org *directory.Organization, admin *directory.User, command config.Serve, password string) error {
	// Nobody knows the password of most of them.
	nobodys, err := p.accounts.HashPassword(ctx, rand.Text())
	if err != nil {
		return err
	}
	if command.Seed > 0 {
		started := time.Now()
		err := p.stores.fill(ctx, func(store directory.Store) error {
			return sample.Fill(ctx, store, org, command.Seed, nobodys, time.Now(), func(done int) {
				if done%50_000 == 0 || done == command.Seed {
					p.log.Info("making people up", "done", done, "of", command.Seed, "seconds", int(time.Since(started).Seconds()))
				}
			})
		})
		// What that took is not needed again.
		debug.FreeOSMemory()
		return err
	}
	hash, err := p.accounts.HashPassword(ctx, password)
	if err != nil {
		return err
	}
	entered, err := sample.Demo(ctx, p.stores, org, admin.ID, hash, nobodys, time.Now())
	if err != nil {
		return err
	}
	for _, u := range append([]*directory.User{admin}, entered...) {
		p.log.Info("you can sign in to the demonstration", "username", u.Username, "password", password, "role", org.RoleOf(u).Name)
	}
	return nil
}

// addOrganization is the command "organization add".
func (p *parts) addOrganization(ctx context.Context, command config.AddOrganization) error {
	if err := p.stores.prepare(ctx); err != nil {
		return err
	}
	org, err := p.directory.CreateOrganization(ctx, command.Name, command.Slug, p.config.SeatLimit)
	if err != nil {
		return sentence(err)
	}
	_, err = p.firstAdministrator(ctx, org, command.Admin, "")
	return sentence(err)
}

// sentence is a refusal without its code, for somebody at a terminal.
func sentence(err error) error {
	var refused *directory.Error
	if errors.As(err, &refused) {
		return errors.New(refused.Message)
	}
	return err
}
