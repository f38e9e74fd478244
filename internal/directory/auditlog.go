package directory

import (
	"context"
	"fmt"
	"time"
)

// maxEventCount is how far the events of a list are counted.
const maxEventCount = 10_000

// EventFilter is what the audit log is narrowed to; nil means no limit.
type EventFilter struct {
	// UserID is who did it, or to whom it was done.
	UserID  *string
	Actions []Action // nil: any; empty: none
	// Since is the earliest time, Until the first that is too late.
	Since, Until *time.Time
}

// EventPage is one page of the audit log.
type EventPage struct {
	Events           []Event
	HasNext, HasPrev bool
	// Cursors are the opaque places of Events.
	Cursors []string
	// Total is how many events the whole list has, counted up to 10,000.
	Total func(ctx context.Context) (int, error)
}

// nextMillisecond is the first whole millisecond that is not before t: events
// have no finer time.
func nextMillisecond(t time.Time) time.Time {
	return t.Add(time.Millisecond - time.Nanosecond).Truncate(time.Millisecond)
}

// AuditEvents lists what has happened, the newest first. It needs VIEW_AUDIT_LOG.
func (d *Directory) AuditEvents(ctx context.Context, by Actor, filter EventFilter, page PageRequest) (*EventPage, error) {
	if err := by.need(ViewAuditLog); err != nil {
		return nil, err
	}
	size, _, err := page.limit()
	if err != nil {
		return nil, err
	}
	query := EventQuery{Actions: filter.Actions}
	if filter.UserID != nil {
		query.UserID = *filter.UserID
	}
	if filter.Since != nil {
		query.From = firstID(prefixEvent, nextMillisecond(*filter.Since))
	}
	if filter.Until != nil {
		query.Before = firstID(prefixEvent, nextMillisecond(*filter.Until))
	}
	whole := query
	scope := "events " + by.Organization.ID
	if page.After != nil {
		after, err := d.cursors.open(scope, *page.After, "after")
		if err != nil {
			return nil, err
		}
		if query.Before == "" || after.ID < query.Before {
			query.Before = after.ID
		}
	}
	answer := &EventPage{
		HasPrev: page.After != nil,
		Total: func(ctx context.Context) (int, error) {
			return d.store.CountEvents(ctx, by.Organization.ID, whole, maxEventCount)
		},
	}
	// To a store, no id and no actions mean any.
	if filter.Actions != nil && len(filter.Actions) == 0 || filter.UserID != nil && query.UserID == "" {
		answer.Total = func(context.Context) (int, error) { return 0, nil }
		return answer, nil
	}
	events, err := d.store.Events(ctx, by.Organization.ID, query, size+1)
	if err != nil {
		return nil, fmt.Errorf("read audit events: %w", err)
	}
	answer.HasNext = len(events) > size
	answer.Events = events[:min(len(events), size)]
	for _, e := range answer.Events {
		answer.Cursors = append(answer.Cursors, d.cursors.seal(scope, Position{ID: e.ID}))
	}
	return answer, nil
}
