package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"
)

const connections = 16

// measure does all of it, and leaves the report.
func (b *bench) measure(ctx context.Context) error {
	stores := map[int]*seeded{}
	for _, people := range []int{b.small, b.people, b.large} {
		if stores[people] != nil {
			continue
		}
		s, err := b.seed(ctx, people)
		if err != nil {
			return err
		}
		stores[people] = s
	}
	if err := b.measureStart(ctx, stores[b.people]); err != nil {
		return err
	}
	if err := b.measureRequests(ctx, stores); err != nil {
		return err
	}
	if err := b.measureSubscriptions(ctx, stores[b.people]); err != nil {
		return err
	}
	b.reportSeeds(stores)
	return nil
}

// field is the servers that are measured beside each other.
type field struct {
	main, small, large, mercurius, plain *server
	cursors                              map[*server]cursors
}

// roster are the servers of Roster, by size.
func (f *field) roster() []*server {
	return slices.Compact([]*server{f.small, f.main, f.large})
}

func (f *field) stop() {
	var group sync.WaitGroup
	for _, s := range append(f.roster(), f.mercurius, f.plain) {
		if s != nil {
			group.Go(s.stop)
		}
	}
	group.Wait()
}

func (b *bench) start(ctx context.Context, stores map[int]*seeded) (f *field, err error) {
	f = &field{cursors: map[*server]cursors{}}
	defer func() {
		if err != nil {
			f.stop()
		}
	}()
	b.say("starting the servers")
	// Where the program has been started for measureStart, and nobody else writes.
	if f.mercurius, f.plain, err = b.peers(ctx, stores[b.people]); err != nil {
		return f, err
	}
	if f.main, err = b.resume(ctx, stores[b.people], b.header); err != nil {
		return f, err
	}
	for _, s := range []struct {
		size int
		is   **server
	}{{b.small, &f.small}, {b.large, &f.large}} {
		if s.size == b.people {
			*s.is = f.main
		} else if *s.is, err = b.serve(ctx, stores[s.size]); err != nil {
			return f, err
		}
	}
	// Peers are asked for the same places.
	for _, group := range [][]*server{{f.small}, {f.large}, {f.main, f.mercurius, f.plain}} {
		people, err := scatteredPeople(group[0])
		if err != nil {
			return f, err
		}
		for _, s := range group {
			if f.cursors[s], err = collect(s, people); err != nil {
				return f, err
			}
		}
	}
	return f, nil
}

// compare makes sure that the peers do the same work.
func (b *bench) compare(f *field) error {
	b.say("comparing the answers")
	for _, peer := range []*server{f.plain, f.mercurius} {
		ours, theirs := pages(f.cursors[f.main]), pages(f.cursors[peer])
		if err := same(f.main, peer, ours, theirs); err != nil {
			return err
		}
		b.report.compared = len(ours)
		found := searches(sameWords)
		if err := same(f.main, peer, found, found); err != nil {
			return err
		}
		b.report.comparedSearches = len(found)
	}
	return nil
}

func (b *bench) measureRequests(ctx context.Context, stores map[int]*seeded) error {
	f, err := b.start(ctx, stores)
	if err != nil {
		return err
	}
	defer f.stop()
	if err := b.compare(f); err != nil {
		return err
	}
	for _, s := range []*server{f.main, f.large} {
		if err := s.forgetPeak(); err != nil {
			return err
		}
	}
	for _, measure := range []func(context.Context, *field) error{
		b.measureLists, b.measureSearches, b.measurePages, b.measureCounts,
	} {
		if err := measure(ctx, f); err != nil {
			return err
		}
	}
	for _, s := range []*server{f.main, f.large} {
		_, peak, err := s.resident()
		if err != nil {
			return err
		}
		b.report.memory = append(b.report.memory, size{s.people, peak})
	}
	for _, measure := range []func(context.Context, *field) error{
		b.measureSignIns, b.measureInvitations, b.measureCrowd,
	} {
		if err := measure(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// part is a round of one load.
func (b *bench) part(ctx context.Context, l *load, connections int) func() (result, error) {
	return func() (result, error) { return l.run(ctx, connections, b.during) }
}

// contest measures what all of these servers are asked, on so many connections.
func (b *bench) contest(ctx context.Context, what string, connections int, operations func(*server) []operation, servers ...*server) (rounds, error) {
	parts := make([]func() (result, error), len(servers))
	for i, s := range servers {
		l := newLoad(s, operations(s))
		// Compilers and caches get warm.
		if _, err := l.run(ctx, connections, b.during); err != nil {
			return rounds{}, err
		}
		parts[i] = b.part(ctx, l, connections)
	}
	return b.interleave(ctx, what, parts...)
}

func (b *bench) measureLists(ctx context.Context, f *field) (err error) {
	b.report.lists, err = b.contest(ctx, "list", connections, func(s *server) []operation { return pages(f.cursors[s]) },
		f.main, f.mercurius, f.plain, f.small, f.large)
	return err
}

func (b *bench) measureSearches(ctx context.Context, f *field) (err error) {
	for i, words := range [][]string{oneWord, twoWords} {
		asked := func(*server) []operation { return searches(words) }
		what := fmt.Sprintf("search of %d", i+1)
		if b.report.searches[i], err = b.contest(ctx, what, connections, asked, f.main, f.mercurius, f.small, f.large); err != nil {
			return err
		}
		if b.report.aloneSearches[i], err = b.contest(ctx, what+", alone", 1, asked, f.main); err != nil {
			return err
		}
	}
	return nil
}

// cell is pages that should cost the same.
type cell struct {
	order
	status any
	place
}

// measurePages asks for one page at a time, of all places in turn: so whatever
// disturbs, disturbs all of them.
func (b *bench) measurePages(ctx context.Context, f *field) (err error) {
	var cells []cell
	for _, o := range orders {
		for _, status := range statuses {
			for _, p := range places {
				cells = append(cells, cell{o, status, p})
			}
		}
	}
	shuffle(cells)
	var parts []func() (result, error)
	for _, s := range []*server{f.main, f.small, f.large} {
		parts = append(parts, func() (result, error) { return b.turnPages(ctx, s, f.cursors[s], cells) })
	}
	b.report.pages, err = b.interleave(ctx, "pages", parts...)
	return err
}

func (b *bench) turnPages(ctx context.Context, s *server, c cursors, cells []cell) (result, error) {
	// Ready-made, as for a load: a list for each cell, and one request of each in
	// turn.
	asked := make([][][]byte, len(cells))
	for i, which := range cells {
		for j := range c[which.order] {
			asked[i] = append(asked[i], page(c, which.order, which.status, which.place, j).encode(s.address, s.header...))
		}
	}
	return b.alone(s, func(r *result, ask func([]byte) (time.Duration, error)) error {
		r.cells = map[cell][]time.Duration{}
		const leastTurns = 3
		for turn, began := 0, time.Now(); turn < leastTurns || time.Since(began) < b.during; turn++ {
			for i, which := range cells {
				took, err := ask(asked[i][turn%len(asked[i])])
				if err != nil {
					return err
				}
				r.cells[which] = append(r.cells[which], took)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		return nil
	})
}

// alone measures what is asked of a server on one connection; ask answers how
// long an answer took.
func (b *bench) alone(s *server, do func(r *result, ask func([]byte) (time.Duration, error)) error) (r result, err error) {
	c, err := dial(s.address)
	if err != nil {
		return r, err
	}
	defer c.close()
	w, err := startWatch()
	if err != nil {
		return r, err
	}
	cpu, began := s.cpu(), time.Now()
	err = do(&r, func(request []byte) (time.Duration, error) {
		began := time.Now()
		status, body, err := c.send(request)
		took := time.Since(began)
		if err == nil && !isData(status, body) {
			err = fmt.Errorf("%s answers %d: %.300s", s.name, status, body)
		}
		r.latencies = append(r.latencies, took)
		return took, err
	})
	if err != nil {
		return r, err
	}
	r.took, r.cpu = time.Since(began), s.cpu()-cpu
	r.others, err = w.others(r.cpu)
	return r, err
}

func (b *bench) measureCounts(ctx context.Context, f *field) (err error) {
	b.report.counts, err = b.contest(ctx, "counts", 1, func(*server) []operation { return counts() }, f.main, f.small, f.large)
	return err
}

// signerEmail is somebody who signs in often: only so many sessions of one
// person live, and the administrator's must.
const signerEmail, signerPassword = "signer@example.com", "a walk along the river" //nolint:gosec // of a store that only make bench has

const inviteQuery = `mutation Invite($emails: [String!]!, $roleId: ID!) {
  inviteUsers(input: { emails: $emails, roleId: $roleId }) { results { outcome } userErrors { message } }
}`

func (s *server) viewerRole() (string, error) {
	data, err := s.ask(operation{`{ roles { id name } }`, nil})
	if err != nil {
		return "", err
	}
	roles, _ := at(data, "roles").([]any)
	for _, role := range roles {
		if textAt(role, "name") == "Viewer" {
			return textAt(role, "id"), nil
		}
	}
	return "", fmt.Errorf("%s has no role Viewer", s.name)
}

var tokenInMail = regexp.MustCompile(`token=(?:3D)?([A-Za-z0-9_-]+)`)

// addSigner invites the signer, and accepts.
func (b *bench) addSigner(ctx context.Context, s *server) error {
	role, err := s.viewerRole()
	if err != nil {
		return err
	}
	if _, err := s.ask(operation{inviteQuery, object{"emails": []string{signerEmail}, "roleId": role}}); err != nil {
		return err
	}
	var token string
	if err := s.eventually(ctx, 10*time.Millisecond, func() bool {
		mails, _ := filepath.Glob(filepath.Join(b.folder(s.people), "mail", "*"+signerEmail+"*.eml"))
		for _, path := range mails {
			if mail, err := os.ReadFile(path); err == nil {
				if found := tokenInMail.FindSubmatch(mail); found != nil {
					token = string(found[1])
				}
			}
		}
		return token != ""
	}); err != nil {
		return err
	}
	data, err := s.ask(operation{`mutation Accept($token: String!, $password: String!) {
		acceptInvitation(input: { token: $token, password: $password }) { user { status } userErrors { message } }
	}`, object{"token": token, "password": signerPassword}})
	if err == nil && textAt(data, "acceptInvitation", "user", "status") != "ACTIVE" {
		err = fmt.Errorf("%s does not accept: %v", s.name, data)
	}
	return err
}

// measureSignIns has each sign-in follow one argon2id of this process, with the
// same parameters and library; what is kept as latency is by how much the
// sign-in took longer.
func (b *bench) measureSignIns(ctx context.Context, f *field) error {
	params := &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
	hash, err := argon2id.CreateHash(signerPassword, params)
	if err != nil {
		return err
	}
	servers := []*server{f.main, f.small, f.large}
	for _, s := range slices.Compact(slices.Clone(servers)) {
		if err := b.addSigner(ctx, s); err != nil {
			return err
		}
	}
	var lock sync.Mutex
	parts := make([]func() (result, error), len(servers))
	for i, s := range servers {
		request := login(signerEmail, signerPassword).encode(s.address)
		parts[i] = func() (result, error) {
			if err := s.quiet(ctx); err != nil {
				return result{}, err
			}
			return b.alone(s, func(r *result, ask func([]byte) (time.Duration, error)) error {
				var beyond []time.Duration
				for began := time.Now(); time.Since(began) < b.during && ctx.Err() == nil; {
					hashing := time.Now()
					if _, err := argon2id.ComparePasswordAndHash(signerPassword, hash); err != nil {
						return err
					}
					hashed := time.Since(hashing)
					took, err := ask(request)
					if err != nil {
						return err
					}
					beyond = append(beyond, took-hashed)
					lock.Lock()
					b.report.hashes = append(b.report.hashes, hashed)
					lock.Unlock()
				}
				r.latencies = beyond
				return ctx.Err()
			})
		}
	}
	b.report.signIns, err = b.interleave(ctx, "sign-ins", parts...)
	return err
}

// measureInvitations invites 100 people at a time; the mails of those before
// have left.
func (b *bench) measureInvitations(ctx context.Context, f *field) error {
	const atOnce, inARound = 100, 3
	invited := 0
	parts := make([]func() (result, error), 0, 3)
	for _, s := range []*server{f.main, f.small, f.large} {
		role, err := s.viewerRole()
		if err != nil {
			return err
		}
		parts = append(parts, func() (result, error) {
			var requests [][]byte
			for range inARound {
				emails := make([]string, atOnce)
				for i := range emails {
					invited++
					emails[i] = fmt.Sprintf("guest%d@guests.example", invited)
				}
				requests = append(requests, operation{inviteQuery, object{"emails": emails, "roleId": role}}.encode(s.address, s.header...))
			}
			return b.alone(s, func(_ *result, ask func([]byte) (time.Duration, error)) error {
				for _, request := range requests {
					if _, err := ask(request); err != nil {
						return err
					}
					if err := s.quiet(ctx); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	var err error
	b.report.invitations, err = b.interleave(ctx, "invitations", parts...)
	return err
}

// measureCrowd has 500 people sign in at once, from as many addresses. Nobody
// knows the passwords of made-up people; but a wrong one costs what a right one
// does.
func (b *bench) measureCrowd(ctx context.Context, f *field) error {
	const crowd = 500
	s := f.main
	for try := range max(1, b.rounds/2) {
		if err := s.quiet(ctx); err != nil {
			return err
		}
		if err := s.forgetPeak(); err != nil {
			return err
		}
		before, _, err := s.resident()
		if err != nil {
			return err
		}
		var group sync.WaitGroup
		var lock sync.Mutex
		var failed error
		outcomes := map[int]int{}
		open := make(chan struct{})
		for i := range crowd {
			c, err := dial(s.address)
			if err != nil {
				return err
			}
			request := login(fmt.Sprintf("nobody%d@example.com", try*crowd+i), "not the password of anybody").encode(s.address,
				fmt.Sprintf("X-Forwarded-For: 10.%d.%d.%d", try, i/250, i%250+1))
			group.Go(func() {
				defer c.close()
				<-open
				status, _, err := c.send(request)
				lock.Lock()
				defer lock.Unlock()
				outcomes[status]++
				if err != nil {
					failed = err
				}
			})
		}
		close(open)
		group.Wait()
		if failed != nil {
			return failed
		}
		_, peak, err := s.resident()
		if err != nil {
			return err
		}
		b.report.crowd = append(b.report.crowd, float64(peak-before)/1e6)
		b.say("%d sign-ins at once: %v, %.0f MB more", crowd, outcomes, float64(peak-before)/1e6)
	}
	return ctx.Err()
}

// measureStart starts the program until it has answered a list. It signs in
// first, and leaves the session for those who come.
func (b *bench) measureStart(ctx context.Context, s *seeded) error {
	r, err := b.serve(ctx, s)
	if err != nil {
		return err
	}
	b.header = r.header
	r.stop()
	request := operation{listQuery, object{"first": pageSize}}
	for range 2 * b.rounds {
		p, err := b.startRoster(ctx, b.folder(s.People), s.People)
		if err != nil {
			return err
		}
		again := &server{process: p, header: b.header}
		_, err = again.ask(request)
		took := time.Since(p.started)
		p.stop()
		if err != nil {
			return err
		}
		b.report.starts = append(b.report.starts, milliseconds(took))
	}
	b.say("started in %.0f ms", median(b.report.starts))
	return nil
}
