package sqlite

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// growing are the tables that grow with people, time or organizations.
var growing = regexp.MustCompile(`^SCAN (users|u|keys|words|claims|c|events|organizations|o|groups|\w*session\w*|\w*challenge\w*)\b`)

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
			for query := range c.prepared {
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
		"INDEXED BY users_status_name ", "INDEXED BY users_group_last_login ", "SELECT count(DISTINCT user) FROM words",
		"INDEXED BY users_due", "INDEXED BY claims_unsettled", "invitation_hash = ?2", "UPDATE words", "DELETE FROM keys",
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
