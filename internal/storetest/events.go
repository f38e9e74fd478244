package storetest

import (
	"crypto/rand"
	"slices"
	"time"

	"roster/internal/directory"
)

var events = []promise{
	{"gives back every field of an event, and one with hardly anything set", func(t *test) {
		o := t.organization(1)
		bare := directory.Event{ID: newID("evt_"), OrganizationID: o.ID}
		var full directory.Event
		populate(t, &full)
		full.ID, full.OrganizationID = newID("evt_"), o.ID
		t.ok(t.AppendEvents(t.ctx, []directory.Event{bare, full}))
		got, err := t.Events(t.ctx, o.ID, directory.EventQuery{}, 10)
		t.ok(err)
		t.same(got, []directory.Event{full, bare})
	}},
	{"answers the newest first, however they were added, page by page", func(t *test) {
		o := t.organization(1)
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		var all []directory.Event
		for i := range 20 {
			at := start.Add(time.Duration(i) * time.Second)
			all = append(all, directory.Event{
				ID: directory.NewID("evt_", at, rand.Reader), OrganizationID: o.ID, Action: directory.UserUpdated, At: at,
			})
		}
		t.ok(t.AppendEvents(t.ctx, all[10:]))
		t.ok(t.AppendEvents(t.ctx, all[:10]))
		slices.Reverse(all)
		for _, limit := range []int{1, 7, 20, 50} {
			var got []directory.Event
			before := ""
			for {
				page, err := t.Events(t.ctx, o.ID, directory.EventQuery{Before: before}, limit)
				t.ok(err)
				if len(page) > limit {
					t.Fatalf("%d events with a limit of %d", len(page), limit)
				}
				if len(page) == 0 {
					break
				}
				got = append(got, page...)
				before = page[len(page)-1].ID
			}
			t.same(got, all)
		}
	}},
	{"an event that is there already is left as it is, and keeps no other out", func(t *test) {
		o := t.organization(1)
		first := directory.Event{ID: newID("evt_"), OrganizationID: o.ID, Action: directory.UserInvited}
		t.ok(t.AppendEvents(t.ctx, []directory.Event{first}))
		again := first
		again.Action = directory.UserDeleted
		second := directory.Event{ID: newID("evt_"), OrganizationID: o.ID, Action: directory.UserUpdated}
		t.ok(t.AppendEvents(t.ctx, []directory.Event{again, second, second}))
		got, err := t.Events(t.ctx, o.ID, directory.EventQuery{}, 10)
		t.ok(err)
		t.same(got, []directory.Event{second, first})
	}},
	{"many who add the same events at once add each once", func(t *test) {
		o := t.organization(1)
		var all []directory.Event
		for range 10 {
			all = append(all, directory.Event{ID: newID("evt_"), OrganizationID: o.ID})
			time.Sleep(time.Millisecond) // ids sort by time
		}
		atOnce(8, func(int) {
			if err := t.AppendEvents(t.ctx, all); err != nil {
				t.Errorf("unexpected error: %v", err)
			}
		})
		got, err := t.Events(t.ctx, o.ID, directory.EventQuery{}, 100)
		t.ok(err)
		slices.Reverse(all)
		t.same(got, all)
	}},
	{"an organization sees its own events only; one call may add those of several", func(t *test) {
		one, two := t.organization(1), t.organization(1)
		a := directory.Event{ID: newID("evt_"), OrganizationID: one.ID}
		b := directory.Event{ID: newID("evt_"), OrganizationID: two.ID}
		t.ok(t.AppendEvents(t.ctx, []directory.Event{a, b}))
		t.ok(t.AppendEvents(t.ctx, nil))
		for o, want := range map[string][]directory.Event{one.ID: {a}, two.ID: {b}, newID("org_"): nil} {
			got, err := t.Events(t.ctx, o, directory.EventQuery{}, 10)
			t.ok(err)
			t.same(got, want)
		}
	}},
}
