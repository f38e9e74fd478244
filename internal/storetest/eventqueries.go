package storetest

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"time"

	"roster/internal/directory"
)

// wanted are the events that a query answers, worked out by looking at each.
func wanted(all []directory.Event, q directory.EventQuery, limit int) []directory.Event {
	var found []directory.Event
	for _, e := range all {
		if (q.UserID == "" || e.ActorID == q.UserID || e.TargetID == q.UserID) &&
			(len(q.Actions) == 0 || slices.Contains(q.Actions, e.Action)) &&
			e.ID >= q.From && (q.Before == "" || e.ID < q.Before) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b directory.Event) int { return strings.Compare(b.ID, a.ID) })
	return found[:min(len(found), limit)]
}

// asks wants a query to answer, and to be counted as, these events.
func (t *test) asks(o *directory.Organization, q directory.EventQuery, limit int, want []directory.Event) {
	t.Helper()
	got, err := t.Events(t.ctx, o.ID, q, limit)
	t.ok(err)
	if len(got) != len(want) {
		t.Fatalf("%d events, want %d, of %+v up to %d", len(got), len(want), q, limit)
	}
	t.same(got, want)
	count, err := t.CountEvents(t.ctx, o.ID, q, limit)
	t.ok(err)
	if count != len(want) {
		t.Fatalf("%d events are counted, want %d, of %+v up to %d", count, len(want), q, limit)
	}
}

var eventQueries = []promise{
	{"a person's events are those they did and those done to them, each once", func(t *test) {
		o, other := t.organization(1), t.organization(1)
		at := now()
		event := func(o *directory.Organization, seconds int, actor, target string) directory.Event {
			return directory.Event{
				ID: directory.NewID("evt_", at.Add(time.Duration(seconds)*time.Second), rand.Reader), OrganizationID: o.ID,
				Action: directory.UserUpdated, ActorID: actor, TargetID: target,
			}
		}
		did, done, both := event(o, 1, "ann", "bob"), event(o, 2, "bob", "ann"), event(o, 3, "ann", "ann")
		nobody, byNobody, toNobody := event(o, 4, "", ""), event(o, 5, "", "ann"), event(o, 6, "ann", "")
		elsewhere := event(other, 7, "ann", "bob")
		t.ok(t.AppendEvents(t.ctx, []directory.Event{did, done, both, nobody, byNobody, toNobody, elsewhere}))
		t.asks(o, directory.EventQuery{UserID: "ann"}, 10, []directory.Event{toNobody, byNobody, both, done, did})
		t.asks(o, directory.EventQuery{UserID: "bob"}, 10, []directory.Event{done, did})
		t.asks(o, directory.EventQuery{UserID: "an"}, 10, nil)
		t.asks(o, directory.EventQuery{}, 10, []directory.Event{toNobody, byNobody, nobody, both, done, did})
		t.asks(other, directory.EventQuery{UserID: "ann"}, 10, []directory.Event{elsewhere})
	}},
	{"what is from an id is included, what is before one is not", func(t *test) {
		o := t.organization(1)
		var all []directory.Event
		for i := range 5 {
			all = append(all, directory.Event{
				ID: directory.NewID("evt_", now().Add(time.Duration(i)*time.Second), rand.Reader), OrganizationID: o.ID,
				Action: directory.SignedIn, ActorID: "ann", TargetID: "ann",
			})
		}
		t.ok(t.AppendEvents(t.ctx, all))
		for _, q := range []directory.EventQuery{
			{}, {UserID: "ann"}, {Actions: []directory.Action{directory.SignedIn}},
			{UserID: "ann", Actions: []directory.Action{directory.SignedIn}},
		} {
			q.From, q.Before = all[1].ID, all[3].ID
			t.asks(o, q, 10, []directory.Event{all[2], all[1]})
			q.Before = q.From
			t.asks(o, q, 10, nil)
			q.From, q.Before = all[3].ID, all[1].ID
			t.asks(o, q, 10, nil)
			q.From, q.Before = all[3].ID, ""
			t.asks(o, q, 10, []directory.Event{all[4], all[3]})
			// Bounds need not be ids of events.
			q.From, q.Before = "evt_", "evt_~"
			t.asks(o, q, 10, wanted(all, directory.EventQuery{}, 10))
		}
	}},
	{"every filter, alone and with others, finds what looking at each event finds, page by page", func(t *test) {
		o, other := t.organization(1), t.organization(1)
		random := mathrand.New(mathrand.NewPCG(1, 2)) // the same every time
		people := []string{"", "ann", "bob", "cid", "dot"}
		// Few are common, most are rare, some did not happen.
		actions := []directory.Action{
			directory.SignedIn, directory.SignedIn, directory.SignedIn, directory.SignedOut, directory.UserUpdated, directory.UserDeleted,
		}
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		var all, elsewhere []directory.Event
		for i := range 200 {
			e := directory.Event{
				// Several in one millisecond.
				ID: directory.NewID("evt_", start.Add(time.Duration(i/3)*time.Millisecond), rand.Reader), OrganizationID: o.ID,
				Action: actions[random.IntN(len(actions))], ActorID: people[random.IntN(len(people))], TargetID: people[random.IntN(len(people))],
			}
			all = append(all, e)
			e.OrganizationID = other.ID
			e.ID = newID("evt_")
			elsewhere = append(elsewhere, e)
		}
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		t.ok(t.AppendEvents(t.ctx, append(slices.Clone(all), elsewhere...)))
		newest := wanted(all, directory.EventQuery{}, len(all))

		several := []directory.Action{directory.UserDeleted, directory.SignedOut, directory.UserDeleted, directory.RoleCreated, directory.SignedIn}
		for _, user := range []string{"", "ann", "nobody"} {
			for _, wants := range [][]directory.Action{nil, several[:1], several[:2], several, {directory.RoleDeleted}} {
				for _, from := range []string{"", newest[120].ID} {
					for _, before := range []string{"", newest[40].ID} {
						q := directory.EventQuery{UserID: user, Actions: wants, From: from, Before: before}
						for _, limit := range []int{0, 1, 7, 1000} {
							t.asks(o, q, limit, wanted(all, q, limit))
						}
						// Page by page.
						var got []directory.Event
						for page := q; ; page.Before = got[len(got)-1].ID {
							some, err := t.Events(t.ctx, o.ID, page, 11)
							t.ok(err)
							if got = append(got, some...); len(some) < 11 {
								break
							}
						}
						t.same(got, wanted(all, q, 1000))
					}
				}
			}
		}
	}},
	{"all actions at once are as good as none, and an action that is none finds nothing", func(t *test) {
		o := t.organization(1)
		var all []directory.Event
		var actions []directory.Action
		for i := range 60 {
			actions = append(actions, directory.Action(fmt.Sprint("ACTION_", i)))
			all = append(all, directory.Event{
				ID: directory.NewID("evt_", now().Add(time.Duration(i)*time.Second), rand.Reader), OrganizationID: o.ID, Action: actions[i],
			})
		}
		t.ok(t.AppendEvents(t.ctx, all))
		for _, limit := range []int{1, 50, 100} {
			q := directory.EventQuery{Actions: actions}
			t.asks(o, q, limit, wanted(all, directory.EventQuery{}, limit))
		}
		t.asks(o, directory.EventQuery{Actions: []directory.Action{"ACTION"}}, 10, nil)
		t.asks(o, directory.EventQuery{Actions: []directory.Action{""}}, 10, nil)
	}},
	{"an event that is added again is found as it was first", func(t *test) {
		o := t.organization(1)
		first := directory.Event{ID: newID("evt_"), OrganizationID: o.ID, Action: directory.UserInvited, ActorID: "ann", TargetID: "bob"}
		again := directory.Event{ID: first.ID, OrganizationID: o.ID, Action: directory.UserDeleted, ActorID: "cid", TargetID: "dot"}
		t.ok(t.AppendEvents(t.ctx, []directory.Event{first}))
		t.ok(t.AppendEvents(t.ctx, []directory.Event{again}))
		for _, q := range []directory.EventQuery{{UserID: "ann"}, {UserID: "bob"}, {Actions: []directory.Action{directory.UserInvited}}} {
			t.asks(o, q, 10, []directory.Event{first})
		}
		for _, q := range []directory.EventQuery{{UserID: "cid"}, {UserID: "dot"}, {Actions: []directory.Action{directory.UserDeleted}}} {
			t.asks(o, q, 10, nil)
		}
	}},
	{"an unknown organization has no events", func(t *test) {
		o := &directory.Organization{ID: newID("org_")}
		t.asks(o, directory.EventQuery{}, 10, nil)
		t.asks(o, directory.EventQuery{UserID: "ann"}, 10, nil)
		t.asks(o, directory.EventQuery{Actions: []directory.Action{directory.SignedIn}}, 10, nil)
	}},
}
