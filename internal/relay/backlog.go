package relay

import (
	"context"
	"slices"
	"time"
)

// How the backlog is looked at.
const (
	lookEvery = 10 * time.Second
	// lookFar is beyond every time at which something is tried again.
	lookFar = time.Hour
	// lookLimit bounds what looking costs when much is left.
	lookLimit = 500
)

// backlog is what is still to be told, by whichever server.
type backlog struct {
	outboxes int
	oldest   time.Time
}

// Backlog is how many people and organizations had something to be told a few
// seconds ago (of each, 500 at most are counted), and when the oldest of it
// happened, zero when there was nothing; and how many of those who were handed
// over to this server wait for their turn now.
func (r *Relay) Backlog() (outboxes int, oldest time.Time, queued int) {
	if seen := r.backlog.Load(); seen != nil {
		outboxes, oldest = seen.outboxes, seen.oldest
	}
	return outboxes, oldest, len(r.queue) + len(r.organizations)
}

// watch looks at the backlog from time to time, beside the sweep, which may be
// held up by a mail server that hangs.
func (r *Relay) watch(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		if err := r.look(ctx); err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "the backlog cannot be looked at; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (r *Relay) look(ctx context.Context) error {
	users, err := r.store.DueUsers(ctx, r.time().Add(lookFar), lookLimit)
	if err != nil {
		return err
	}
	organizations, err := r.store.DueOrganizations(ctx, r.time().Add(lookFar), lookLimit)
	if err != nil {
		return err
	}
	var happened []time.Time
	outboxes := len(users)
	for _, u := range users {
		for _, e := range u.Outbox {
			if e.Mail != nil {
				happened = append(happened, e.Mail.OccurredAt)
			} else {
				happened = append(happened, e.Event.At)
			}
		}
	}
	for _, o := range organizations {
		// One may also be due for what is not told to anybody.
		if len(o.Outbox) > 0 {
			outboxes++
		}
		for _, e := range o.Outbox {
			happened = append(happened, e.Event.At)
		}
	}
	seen := backlog{outboxes: outboxes}
	if len(happened) > 0 {
		seen.oldest = slices.MinFunc(happened, time.Time.Compare)
	}
	r.backlog.Store(&seen)
	return nil
}
