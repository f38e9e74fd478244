package main

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// disturbed is the share of the machine that others may have in a round.
const disturbed = 0.05

// watch sees how busy the machine is with others than those who are measured.
type watch struct {
	began     time.Time
	busy, own time.Duration
}

func startWatch() (*watch, error) {
	b, err := busy()
	return &watch{time.Now(), b, ownCPU()}, err
}

// others is the share of the machine that neither we nor the servers measured
// have had, who have had so much.
func (w *watch) others(measured time.Duration) (float64, error) {
	now, err := busy()
	all := time.Duration(runtime.NumCPU()) * time.Since(w.began)
	return max(0, float64(now-w.busy-(ownCPU()-w.own)-measured)/float64(all)), err
}

// result is what one server did in a round.
type result struct {
	// took is for how long it was asked; cpu is what it worked meanwhile, and own
	// what asking took.
	took, cpu, own time.Duration
	latencies      []time.Duration
	// others is the share of the machine that others had.
	others float64
	// cells are the latencies of the pages, by where they lie.
	cells map[cell][]time.Duration
}

func (r result) perSecond() float64 { return float64(len(r.latencies)) / r.took.Seconds() }

// cpuEach is what a request cost, in microseconds of a core.
func (r result) cpuEach() float64 {
	return float64(r.cpu.Microseconds()) / float64(len(r.latencies))
}

// ownEach is what asking cost, in microseconds of a core.
func (r result) ownEach() float64 {
	return float64(r.own.Microseconds()) / float64(len(r.latencies))
}

// load is what one server is asked, again and again, from where the round
// before has stopped.
type load struct {
	*server
	requests [][]byte
	next     atomic.Int64
}

func newLoad(s *server, operations []operation) *load {
	l := &load{server: s}
	for _, o := range operations {
		l.requests = append(l.requests, o.encode(s.address, s.header...))
	}
	return l
}

// run asks on so many connections at once, on each the next as soon as the one
// before is answered.
func (l *load) run(ctx context.Context, connections int, during time.Duration) (result, error) {
	all := make([]*connection, connections)
	for i := range all {
		c, err := dial(l.address)
		if err != nil {
			return result{}, err
		}
		defer c.close()
		all[i] = c
	}
	w, err := startWatch()
	if err != nil {
		return result{}, err
	}
	var r result
	var lock sync.Mutex
	var failed error
	var group sync.WaitGroup
	cpu, own, began := l.cpu(), ownCPU(), time.Now()
	for _, c := range all {
		group.Go(func() {
			latencies, err := l.ask(ctx, c, began.Add(during))
			lock.Lock()
			defer lock.Unlock()
			r.latencies = append(r.latencies, latencies...)
			if err != nil {
				failed = err
			}
		})
	}
	group.Wait()
	r.took, r.cpu, r.own = time.Since(began), l.cpu()-cpu, ownCPU()-own
	if r.others, err = w.others(r.cpu); err != nil {
		return result{}, err
	}
	return r, failed
}

func (l *load) ask(ctx context.Context, c *connection, until time.Time) (latencies []time.Duration, err error) {
	for now := time.Now(); now.Before(until) && ctx.Err() == nil; {
		i := int(l.next.Add(1)-1) % len(l.requests)
		status, body, err := c.send(l.requests[i])
		if err != nil {
			return latencies, fmt.Errorf("%s: %w", l.name, err)
		}
		if !isData(status, body) {
			return latencies, fmt.Errorf("%s answers %d: %.300s", l.name, status, body)
		}
		then := now
		now = time.Now()
		latencies = append(latencies, now.Sub(then))
	}
	return latencies, ctx.Err()
}

// rounds are the results of the rounds that count, of each who took part.
type rounds struct {
	results [][]result
	// thrownAway is how many rounds were disturbed and done again; kept, how many
	// were disturbed and count, since there were no better ones.
	thrownAway, kept int
}

// interleave runs rounds in which everybody takes part once, one after the
// other. A round in which others have used the machine does not count, if there
// are better ones among twice as many.
func (b *bench) interleave(ctx context.Context, what string, parts ...func() (result, error)) (rounds, error) {
	var all [][]result
	disturbance := func(round []result) float64 {
		return slices.MaxFunc(round, func(x, y result) int { return cmp.Compare(x.others, y.others) }).others
	}
	good := 0
	for n := 0; good < b.rounds && n < 2*b.rounds; n++ {
		round := make([]result, len(parts))
		for i, part := range parts {
			var err error
			if round[i], err = part(); err != nil {
				return rounds{}, err
			}
		}
		if disturbance(round) <= disturbed {
			good++
		}
		all = append(all, round)
		b.say("%s: round %d, others had %.0f %% of the machine", what, n+1, 100*disturbance(round))
	}
	slices.SortStableFunc(all, func(x, y []result) int { return cmp.Compare(disturbance(x), disturbance(y)) })
	r := rounds{results: all[:b.rounds], thrownAway: len(all) - b.rounds, kept: b.rounds - good}
	b.thrownAway += r.thrownAway
	b.keptDisturbed += r.kept
	b.allRounds += len(all)
	return r, ctx.Err()
}

// of are the results of one who took part, round by round.
func (r rounds) of(part int, value func(result) float64) []float64 {
	values := make([]float64, len(r.results))
	for i, round := range r.results {
		values[i] = value(round[part])
	}
	return values
}

// ratio compares two who took part, round by round.
func (r rounds) ratio(a, b int, value func(result) float64) []float64 {
	values := r.of(a, value)
	for i, divisor := range r.of(b, value) {
		values[i] /= divisor
	}
	return values
}

// latencies are those of one who took part, of all rounds.
func (r rounds) latencies(part int) []time.Duration {
	var all []time.Duration
	for _, round := range r.results {
		all = append(all, round[part].latencies...)
	}
	return all
}
