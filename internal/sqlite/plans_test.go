package sqlite

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"roster/internal/directory"
)

// growing are the tables that grow with people, time or organizations.
var growing = regexp.MustCompile(`^SCAN (users|u|keys|words|claims|c|events|e|event_people|p|organizations|o|groups|g|\w*session\w*|\w*challenge\w*)\b`)

// plansHold reads the plan of every statement that was prepared in db, that is:
// of all that the tests before have made the store run. None may read a whole
// table that grows, nor sort what an index has in order.
func plansHold(t *testing.T, db *DB) {
	t.Helper()
	seen := map[string]bool{}
	for _, p := range []*pool{db.writer, db.reader} {
		for range cap(p.free) {
			c := <-p.free
			p.free <- c
			if c == nil {
				continue
			}
			for _, query := range slices.Concat(slices.Collect(maps.Keys(c.prepared)), slices.Collect(maps.Keys(c.quick))) {
				if !seen[query] && !strings.HasPrefix(query, "PRAGMA") {
					seen[query] = true
					plan := planOf(t, db, query)
					if testing.Verbose() {
						t.Log(query, "\n", strings.Join(plan, "\n"))
					}
					for _, step := range plan {
						if growing.MatchString(step) || strings.HasPrefix(step, "USE TEMP B-TREE FOR ORDER BY") ||
							strings.HasPrefix(step, "USE TEMP B-TREE FOR RIGHT PART") || strings.Contains(step, "AUTOMATIC") {
							t.Errorf("%s\n%s\n", query, strings.Join(plan, "\n"))
							break
						}
					}
				}
			}
		}
	}
	// So that the test does not pass by looking at nothing.
	for _, text := range []string{
		"INDEXED BY users_status_name ", "INDEXED BY users_group_last_login ", "FROM (SELECT user FROM words",
		"INDEXED BY users_due", "INDEXED BY claims_unsettled", "invitation_hash = ?2", "UPDATE words", "DELETE FROM keys",
		"INDEXED BY organizations_due", "INDEXED BY users_group_created ON", "INDEXED BY claims_marks", "INSERT INTO claims", "DELETE FROM claims",
		"INDEXED BY events_action", "FROM event_people",
	} {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(seen)), func(query string) bool { return strings.Contains(query, text) }) {
			t.Errorf("no statement with %q was looked at", text)
		}
	}
}

func planOf(t *testing.T, db *DB, query string) (plan []string) {
	t.Helper()
	// More parameters than any statement has; the plan does not depend on them.
	rows, err := db.writer.db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, make([]any, 200)...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	return plan
}

// Each query of the audit log walks the index that is made
// for it, from bound to bound.
func TestEventPlans(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "roster.db"))
	signedIn := []directory.Action{directory.SignedIn}
	for name, c := range map[string]struct {
		q    directory.EventQuery
		want string
	}{
		"all":                   {directory.EventQuery{}, "SEARCH events USING PRIMARY KEY (organization=? AND id>? AND id<?)"},
		"actions":               {directory.EventQuery{Actions: signedIn}, "SEARCH events USING INDEX events_action (organization=? AND action=? AND id>? AND id<?)"},
		"a person":              {directory.EventQuery{UserID: "ann"}, "SEARCH p USING PRIMARY KEY (organization=? AND person=? AND id>? AND id<?)"},
		"a person, and actions": {directory.EventQuery{UserID: "ann", Actions: signedIn}, "SEARCH p USING PRIMARY KEY (organization=? AND person=? AND id>? AND id<?)"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, w := range walks("org_1", c.q) {
				for _, query := range []string{w.read(), w.count()} {
					plan := planOf(t, db, query)
					if !slices.ContainsFunc(plan, func(step string) bool { return strings.HasPrefix(strings.Replace(step, "COVERING ", "", 1), c.want) }) {
						t.Errorf("%s\n%s", query, strings.Join(plan, "\n"))
					}
				}
			}
		})
	}
}
