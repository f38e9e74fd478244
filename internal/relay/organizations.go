package relay

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"roster/internal/directory"
)

// DeliverOrganization takes an organization whose outbox has something new. It
// never blocks: what does not fit is found by the sweep.
func (r *Relay) DeliverOrganization(o *directory.Organization) {
	r.notifyAll(o)
	select {
	case r.organizations <- o:
	default:
	}
}

// tellOrganizations tells of what is handed over.
func (r *Relay) tellOrganizations(ctx, telling context.Context) {
	for {
		o, ok := next(ctx, r.organizations)
		if !ok {
			return
		}
		r.tellOrganization(telling, o)
	}
}

// tellOrganization stores the audit events in the outbox of o. Who changes the
// organization again and again may be quicker each time; then the next one who
// tells of a change, or the sweep, tells of this one too.
func (r *Relay) tellOrganization(ctx context.Context, o *directory.Organization) {
	r.organization.Lock()
	defer r.organization.Unlock()
	if err := r.takeOrganization(ctx, o); err != nil && !errors.Is(err, directory.ErrStale) && ctx.Err() == nil {
		r.log.WarnContext(ctx, "an outbox waits for the next sweep", "organization", o.ID, "error", err)
	}
}

// takePause is how long to wait at most before another try.
const takePause = 20 * time.Millisecond

func (r *Relay) takeOrganization(ctx context.Context, o *directory.Organization) error {
	for range takeTries {
		if len(o.Outbox) == 0 {
			return nil
		}
		events := make([]directory.Event, len(o.Outbox))
		for i, entry := range o.Outbox {
			events[i] = *entry.Event
		}
		if err := r.store.AppendEvents(ctx, events); err != nil {
			return fmt.Errorf("store audit events: %w", err)
		}
		after := o.Clone()
		after.Outbox = nil
		err := r.store.UpdateOrganization(ctx, after)
		if !errors.Is(err, directory.ErrStale) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(takePause)): // #nosec G404 -- spreads tries; nothing secret
		}
		if o, err = r.store.Organization(ctx, o.ID); err != nil {
			return fmt.Errorf("read outbox: %w", err)
		}
	}
	return directory.ErrStale
}

// sweepOrganizations tells what was left in the outboxes of organizations.
func (r *Relay) sweepOrganizations(ctx context.Context) {
	due, err := r.store.DueOrganizations(ctx, r.time(), sweepBatch)
	if err != nil && ctx.Err() == nil {
		r.log.WarnContext(ctx, "the organizations' outboxes cannot be read; trying again", "error", err)
	}
	for _, o := range due {
		if len(o.Outbox) > 0 {
			r.notifyAll(o)
		}
		r.tellOrganization(ctx, o)
	}
}
