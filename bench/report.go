//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// report is what was measured.
type report struct {
	compared, comparedSearches int
	// lists has Roster, mercurius, plain gqlgen, and Roster small and large;
	// searches, of one word and of two, the same without plain gqlgen; the others,
	// Roster, small and large.
	lists                               rounds
	searches, aloneSearches             [2]rounds
	pages, counts, signIns, invitations rounds
	hashes                              []time.Duration
	memory                              []size
	crowd, starts, reached              []float64
	listening                           int64
	rows                                []row
}

// size is memory, in bytes, of a server with so many people.
type size struct {
	people int
	bytes  int64
}

// row is a line of the table.
type row struct {
	what, goal, measured, spread string
	met                          bool
}

// atMost adds a line for what should not be more than a goal: values are
// those of the rounds.
func (r *report) atMost(what, unit string, goal float64, values ...float64) {
	middle := median(values)
	// A ratio of differences that are smaller than the noise says nothing.
	says := unit != " ×" || middle > 0
	r.add(what, "≤ "+number(goal)+unit, unit, says && middle <= goal, values)
}

// atLeast adds a line for what should not be less.
func (r *report) atLeast(what, unit string, goal float64, values ...float64) {
	middle := median(values)
	r.add(what, "≥ "+number(goal)+unit, unit, middle >= goal, values)
}

func (r *report) add(what, goal, unit string, met bool, values []float64) {
	spread := ""
	if len(values) > 1 {
		spread = number(slices.Min(values)) + " – " + number(slices.Max(values))
	}
	r.rows = append(r.rows, row{what, goal, number(median(values)) + unit, spread, met})
}

// number has three digits, or all before the point.
func number(v float64) string {
	switch {
	case v >= 100 || v <= -100:
		return thousands(int(v + 0.5))
	case v >= 10 || v <= -10:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
	}
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", v), "0"), ".")
}

func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// perRound are the quantiles of the latencies of one who took part, in ms.
func (r rounds) perRound(part int, q float64) []float64 {
	return r.of(part, func(r result) float64 { return milliseconds(quantile(r.latencies, q)) })
}

// growth is by how much more large cost than small.
func (r rounds) growth(small, large int, cost func(result) float64) []float64 {
	return r.ratio(large, small, cost)
}

func middle(r result) float64 { return float64(median(r.latencies)) }

// pageCost is what pages of an order cost at a place: the mean of the tabs, each
// with its median, in ms.
func (r result) pageCost(o order, p place) float64 {
	var each []float64
	for _, status := range statuses {
		each = append(each, milliseconds(median(r.cells[cell{o, status, p}])))
	}
	return mean(each)
}

// allPages is what pages cost in all orders and at all places.
func (r result) allPages() float64 {
	var each []float64
	for _, o := range orders {
		for _, p := range places {
			each = append(each, r.pageCost(o, p))
		}
	}
	return mean(each)
}

// worstPage finds the place that costs most beside page 1 of its order.
func (r rounds) worstPage() (worst []float64, where string) {
	for _, o := range orders {
		for _, p := range places[1:] {
			beside := r.of(0, func(r result) float64 { return r.pageCost(o, p) / r.pageCost(o, firstPage) })
			if worst == nil || median(beside) > median(worst) {
				worst, where = beside, fmt.Sprintf("%s of %s", p, o)
			}
		}
	}
	return worst, where
}

const (
	ofRoster = iota
	ofMercurius
	ofPlain
	smallWithPlain
	largeWithPlain
)

func (b *bench) fill() {
	r := &b.report
	people, smaller, larger := thousands(b.people), thousands(b.small), thousands(b.large)
	list := fmt.Sprintf("list of %d, %d connections", pageSize, connections)
	r.atLeast(list+": requests/s beside mercurius", " ×", 3, r.lists.ratio(ofRoster, ofMercurius, result.perSecond)...)
	r.atLeast(list+": requests/s beside plain gqlgen", " ×", 3, r.lists.ratio(ofRoster, ofPlain, result.perSecond)...)
	r.atMost("CPU of the server for a list request", " µs", 250, r.lists.of(ofRoster, result.cpuEach)...)
	for i, words := range []string{"1 word", "2 words"} {
		r.atLeast("search, "+words+": requests/s beside mercurius", " ×", 20, r.searches[i].ratio(ofRoster, ofMercurius, result.perSecond)...)
		r.atMost("search, "+words+", 1 connection: p99", " ms", 5, r.aloneSearches[i].perRound(0, 0.99)...)
	}
	worst, where := r.pages.worstPage()
	r.atMost("any page beside page 1; worst: "+where, " ×", 1.3, worst...)
	r.atMost("any page, 1 connection: p99", " ms", 5, r.pages.perRound(0, 0.99)...)

	growth := larger + " beside " + smaller + ": "
	r.atMost(growth+"list, CPU", " ×", 1.3, r.lists.growth(smallWithPlain, largeWithPlain, result.cpuEach)...)
	for i, words := range []string{"1 word", "2 words"} {
		r.atMost(growth+"search, "+words+", CPU", " ×", 1.3, r.searches[i].growth(2, 3, result.cpuEach)...)
	}
	r.atMost(growth+"pages, time", " ×", 1.3, r.pages.growth(1, 2, result.allPages)...)
	r.atMost(growth+"invite, time", " ×", 1.3, r.invitations.growth(1, 2, middle)...)
	r.atMost(growth+"sign-in beyond argon2id, time", " ×", 1.3, r.signIns.growth(1, 2, middle)...)
	r.atMost(growth+"counts, time", " ×", 1.3, r.counts.growth(1, 2, middle)...)

	r.atMost("invite 100 people, "+people, " ms", 50, r.invitations.perRound(0, 0.5)...)
	r.atMost(fmt.Sprintf("sign-in, beyond one argon2id of %s ms", number(milliseconds(median(r.hashes)))), " ms", 2, r.signIns.perRound(0, 0.5)...)
	for i, most := range []float64{150, 250} {
		r.atMost("memory under load, "+thousands(r.memory[i].people)+" people", " MB", most, float64(r.memory[i].bytes)/1e6)
	}
	r.atMost("500 sign-ins at once: memory more", " MB", 200, r.crowd...)
	r.atMost("start until the first list, "+people+" people", " ms", 150, r.starts...)
	r.rows = append(r.rows, b.seedRows...)
	r.atMost(thousands(sockets)+" subscriptions: memory of the server", " MB", 150, float64(r.listening)/1e6)
	r.atMost("one change reaches all "+thousands(sockets), " ms", 250, r.reached...)
}

// reportSeeds: those that were in the cache were made by the same code.
func (b *bench) reportSeeds(stores map[int]*seeded) {
	var r report
	for _, people := range slices.Compact([]int{b.people, b.large}) {
		s := stores[people]
		what := fmt.Sprintf("--seed %d", people)
		if !s.fresh {
			what += " (measured at " + s.Commit + ")"
		}
		// 15 s for 100,000, and so on.
		r.atMost(what, " s", max(1, 15*float64(people)/100_000), s.Took.Seconds())
		if s.Others > disturbed {
			r.rows[len(r.rows)-1].spread = fmt.Sprintf("others had %.0f %%", 100*s.Others)
		}
	}
	b.seedRows = r.rows
}

// text is the whole report, in Markdown.
func (b *bench) text() string {
	b.fill()
	r := &b.report
	var t strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&t, format+"\n", args...) }
	m := b.machine
	line("%s, commit %s. %s, %d cores shared with the load generator, %s of memory; %s, %s, Node %s.",
		m.Date.Format("2 January 2006"), m.Commit, m.CPU, m.Cores, m.Memory, m.Kernel, m.Go, m.Node)
	line("")
	line("%d rounds count, of %s for each server. %s The whole took %s.", b.rounds, b.during, b.disturbance(), time.Since(b.began).Round(time.Second))
	line("")
	line("| what | goal | measured | spread | met |")
	line("| --- | --- | ---: | ---: | --- |")
	for _, row := range r.rows {
		met := "**no**"
		if row.met {
			met = "yes"
		}
		line("| %s | %s | %s | %s | %s |", row.what, row.goal, row.measured, row.spread, met)
	}
	line("")
	line("Medians of the rounds. In the same run:")
	line("")
	line("| asked, %d connections | of | people | requests/s | CPU of the server, µs | p50, ms | p99, ms |", connections)
	line("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
	b.contestants(line, "list", r.lists, "Roster", "mercurius", "plain gqlgen", "Roster, small", "Roster, large")
	b.contestants(line, "search, 1 word", r.searches[0], "Roster", "mercurius", "Roster, small", "Roster, large")
	b.contestants(line, "search, 2 words", r.searches[1], "Roster", "mercurius", "Roster, small", "Roster, large")
	line("")
	line("To ask for a list cost the generator %s µs of a core. Before, %s pages and %d searches were asked of Roster and of each peer, with the same answers.",
		number(median(r.lists.of(ofRoster, result.ownEach))), thousands(r.compared), r.comparedSearches)
	line("")
	line("| page of %d, 1 connection, %s people: ms | page 1 | forward | backward | last page |", pageSize, thousands(b.people))
	line("| --- | ---: | ---: | ---: | ---: |")
	for _, o := range orders {
		line("| %s | %s |", o, strings.Join(b.pageCosts(o), " | "))
	}
	line("")
	line("| 1 connection: median, ms | %s | %s | %s |", thousands(b.small), thousands(b.people), thousands(b.large))
	line("| --- | ---: | ---: | ---: |")
	grows := func(what string, rounds rounds) {
		var each []string
		for _, part := range []int{1, 0, 2} {
			each = append(each, number(median(rounds.perRound(part, 0.5))))
		}
		line("| %s | %s |", what, strings.Join(each, " | "))
	}
	grows("a page", r.pages)
	grows("counts", r.counts)
	grows("invite 100 people", r.invitations)
	grows("sign-in, beyond argon2id", r.signIns)
	return t.String()
}

func (b *bench) disturbance() string {
	text := fmt.Sprintf("Of %d rounds, %d were thrown away because others had more than %.0f %% of the machine.", b.allRounds, b.thrownAway, 100*disturbed)
	if b.keptDisturbed > 0 {
		text += fmt.Sprintf(" %d that count were disturbed as well, since none was better: **take these numbers with care.**", b.keptDisturbed)
	}
	return text
}

func (b *bench) contestants(line func(string, ...any), what string, r rounds, names ...string) {
	for i, name := range names {
		people := b.people
		name, which, _ := strings.Cut(name, ", ")
		switch which {
		case "small":
			people = b.small
		case "large":
			people = b.large
		}
		line("| %s | %s | %s | %s | %s | %s | %s |", what, name, thousands(people),
			number(median(r.of(i, result.perSecond))), number(median(r.of(i, result.cpuEach))),
			number(median(r.perRound(i, 0.5))), number(median(r.perRound(i, 0.99))))
	}
}

func (b *bench) pageCosts(o order) []string {
	var each []string
	for _, p := range places {
		each = append(each, number(median(b.report.pages.of(0, func(r result) float64 { return r.pageCost(o, p) }))))
	}
	return each
}

// The table stands between these in the document.
const (
	begins = "<!-- make bench: begin -->\n"
	ends   = "<!-- make bench: end -->\n"
)

func replaceTable(path, table string) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(document), begins)
	_, after, ok2 := strings.Cut(rest, ends)
	if !ok || !ok2 {
		return errors.New(path + " has no place for the table")
	}
	return os.WriteFile(path, []byte(before+begins+"\n"+table+"\n"+ends+after), 0o644)
}
