package sqlite

import (
	"context"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"roster/internal/directory"
)

// plans are the steps of the plan of each statement: of every one that was
// prepared while a contract was tested, so that a new statement is looked at
// without anybody thinking of it.
type plans map[string][]string

// look reads the plans of what was prepared in db.
func (p plans) look(t *testing.T, db *DB) {
	t.Helper()
	for _, pool := range []*pool{db.writer, db.reader} {
		for _, c := range slices.Clone(pool.unused) {
			if c == nil {
				continue
			}
			for _, query := range slices.Concat(slices.Collect(maps.Keys(c.prepared)), slices.Collect(maps.Keys(c.quick))) {
				if _, known := p[query]; !known && planned.MatchString(query) {
					p[query] = planOf(t, db, query)
				}
			}
		}
	}
}

// planned are the statements that have a plan.
var planned = regexp.MustCompile(`^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b`)

// allowed are the steps that a plan may have: what goes by a key or through a
// piece of an index, and what only arranges such steps. An organization's
// people are no piece of an index, but all of them.
var (
	allowed = regexp.MustCompile(`^(SEARCH \w+ USING (INTEGER PRIMARY KEY|PRIMARY KEY|(COVERING )?INDEX \w+) \(.+\)` +
		`|SCAN (json_each VIRTUAL TABLE INDEX 1:|\d+-ROW VALUES CLAUSE|\(subquery-\d+\)|CONSTANT ROW)` +
		`|(LIST|(CORRELATED )?SCALAR|LEFT-MOST) SUBQUERY( \d+)?|CO-ROUTINE \(subquery-\d+\)|COMPOUND QUERY|UNION ALL|CREATE BLOOM FILTER)$`)
	wholeOrganization = regexp.MustCompile(`\(organization=\?\)$`)
)

// excuse is why a step of a statement is right that would not be allowed.
type excuse struct{ statement, step, why string }

var storeExcuses = []excuse{
	{"FROM groups", "SEARCH groups USING INDEX sqlite_autoindex_groups_1 (organization=?)",
		"an organization has few groups: six for each of at most 100 roles"},
}

// judge finds the statements that read a whole table or a whole organization,
// or sort what an index has in order; and the excuses that nothing needs any
// more. So that it does not pass by looking at nothing, there must be statements
// with these texts.
func (p plans) judge(t *testing.T, excuses []excuse, texts ...string) {
	t.Helper()
	needed := map[excuse]bool{}
	for query, plan := range p {
		if len(plan) == 0 && strings.HasPrefix(query, "SELECT") {
			t.Errorf("%s\nhas no plan", query)
		}
		for _, step := range plan {
			if allowed.MatchString(step) && !wholeOrganization.MatchString(step) {
				continue
			}
			i := slices.IndexFunc(excuses, func(e excuse) bool { return e.step == step && strings.Contains(query, e.statement) })
			if i < 0 {
				t.Errorf("%s\n%s\n", query, strings.Join(plan, "\n"))
				break
			}
			needed[excuses[i]] = true
		}
	}
	for _, e := range excuses {
		if !needed[e] {
			t.Errorf("nothing needs the excuse for %q in %q", e.step, e.statement)
		}
	}
	for _, text := range texts {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(p)), func(query string) bool { return strings.Contains(query, text) }) {
			t.Errorf("no statement with %q was looked at", text)
		}
	}
}

func planOf(t *testing.T, db *DB, query string) (plan []string) {
	t.Helper()
	// More parameters than any statement has; the plan does not depend on them.
	rows, err := db.writer.db.QueryContext(context.WithoutCancel(t.Context()), "EXPLAIN QUERY PLAN "+query, make([]any, 200)...)
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
