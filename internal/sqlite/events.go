package sqlite

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"roster/internal/directory"
)

// AppendEvents implements directory.AuditStore.
func (s *Store) AppendEvents(ctx context.Context, events []directory.Event) error {
	if len(events) == 0 {
		return nil
	}
	// They leave their outboxes by a write that comes after this one and is
	// flushed with it; until then they are told again.
	return s.db.writeLazily(ctx, func(t *tx) error {
		for _, e := range events {
			organization, err := t.organization(e.OrganizationID)
			if err != nil {
				return err
			}
			if err := t.appendEvent(organization, e); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *tx) appendEvent(organization int64, e directory.Event) error {
	added, err := t.exec("INSERT INTO events (organization, id, action, document) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
		organization, e.ID, e.Action, encode(documentOf(e)))
	if err != nil || added == 0 {
		return err
	}
	for _, person := range []string{e.ActorID, e.TargetID} {
		if person == "" {
			continue
		}
		if _, err := t.exec("INSERT INTO event_people (organization, person, id, action) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
			organization, person, e.ID, e.Action); err != nil {
			return err
		}
	}
	return nil
}

// Events implements directory.AuditStore.
func (s *Store) Events(ctx context.Context, organizationID string, q directory.EventQuery, limit int) (events []directory.Event, err error) {
	if limit <= 0 {
		return nil, nil
	}
	err = s.db.read(ctx, func(t *tx) error {
		for _, w := range walks(organizationID, q) {
			if len(events) == limit {
				// What the next walk finds below these is not among the highest.
				w.from(events[limit-1].ID)
			}
			err := t.rows(w.read(), append(w.args, limit), func(rows *sql.Rows) error {
				var document sql.RawBytes
				if err := rows.Scan(&document); err != nil {
					return err
				}
				var d eventDocument
				if err := decode(document, &d); err != nil {
					return err
				}
				events = append(events, d.event())
				return nil
			})
			if err != nil {
				return err
			}
			slices.SortFunc(events, func(a, b directory.Event) int { return strings.Compare(b.ID, a.ID) })
			events = events[:min(len(events), limit)]
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return events, nil
}

// CountEvents implements directory.AuditStore.
func (s *Store) CountEvents(ctx context.Context, organizationID string, q directory.EventQuery, limit int) (count int, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		for _, w := range walks(organizationID, q) {
			var n int
			if err := t.row(w.count(), append(w.args, max(limit-count, 0))...).Scan(&n); err != nil {
				return err
			}
			count += n
		}
		return nil
	})
	return count, err
}

// walk is a piece of an index, in the order of ids, with all its events among
// those that a query wants.
type walk struct {
	// entries are those of the index, and document how each finds its event.
	entries, document string
	// args begin with the organization and the two bounds.
	args []any
}

func (w walk) read() string {
	return "SELECT " + w.document + " " + w.entries + " ORDER BY id DESC LIMIT ?"
}

func (w walk) count() string { return "SELECT count(*) FROM (SELECT 1 " + w.entries + " LIMIT ?)" }

// from makes the walk end at an id.
func (w walk) from(id string) { w.args[1] = id }

// walks are those that together pass each event of a query once.
func walks(organizationID string, q directory.EventQuery) []walk {
	before := q.Before
	if before == "" {
		before = top
	}
	bounds := []any{organizationID, q.From, before}
	const within = "WHERE organization = (SELECT number FROM organizations WHERE id = ?1) AND id >= ?2 AND id < ?3"
	switch {
	case q.UserID != "":
		var actions any
		if len(q.Actions) > 0 {
			actions = jsonOf(q.Actions)
		}
		return []walk{{
			entries:  "FROM event_people p " + within + " AND person = ?4 AND (?5 IS NULL OR action IN (SELECT value FROM json_each(?5)))",
			document: "(SELECT document FROM events e WHERE e.organization = p.organization AND e.id = p.id)",
			args:     append(bounds, q.UserID, actions),
		}}
	case len(q.Actions) == 0:
		return []walk{{entries: "FROM events " + within, document: "document", args: bounds}}
	}
	var each []walk
	for _, action := range slices.Compact(slices.Sorted(slices.Values(q.Actions))) {
		each = append(each, walk{
			entries:  "FROM events INDEXED BY events_action " + within + " AND action = ?4",
			document: "document", args: append(slices.Clone(bounds), action),
		})
	}
	return each
}
