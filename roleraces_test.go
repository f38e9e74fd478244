package main

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/directory"
)

const (
	createRoleQuery = `mutation($in: CreateRoleInput!) { createRole(input: $in) { role { id version } userErrors { code message } } }`
	updateRoleQuery = `mutation($id: ID!, $in: UpdateRoleInput!) { updateRole(id: $id, input: $in) { role { id csmSeat permissions } userErrors { code message } } }`
	deleteRoleQuery = `mutation($id: ID!, $to: ID) { deleteRole(id: $id, replacementRoleId: $to) { deletedRoleId replacement { id } userErrors { code message } } }`
	settingsQuery   = `mutation($in: UpdateOrganizationInput!) { updateOrganization(input: $in) { organization { seats { limit used } } userErrors { code message } } }`
	updateQuery     = `mutation($id: ID!, $in: UpdateUserInput!) { updateUser(id: $id, input: $in) { user { id version } userErrors { code message } } }`
	reactivateQuery = `mutation($id: ID!) { reactivateUser(id: $id) { user { id status } userErrors { code message } } }`
)

// allPermissions are what an administrator's role grants.
var allPermissions = []string{"VIEW_USERS", "MANAGE_USERS", "MANAGE_ROLES", "MANAGE_ORGANIZATION", "VIEW_AUDIT_LOG"}

// attempt sends a mutation with one root field until it is answered with more
// than "try again", and answers the payload with its first code: of a refusal
// or an error; empty when it has succeeded.
func (c *client) attempt(query string, variables object) (object, string) {
	for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		r, err := c.ask(query, variables)
		if !assert.NoError(c.p.t, err) {
			return nil, "NO ANSWER"
		}
		if code := r.code(); code != "" {
			if code == "UNAVAILABLE" && time.Now().Before(deadline) {
				continue
			}
			return nil, code
		}
		for _, v := range r.Data {
			payload, _ := v.(object)
			return payload, text(payload, "userErrors", 0, "code")
		}
	}
}

// must is attempt for what must succeed.
func (c *client) must(query string, variables object) object {
	c.p.t.Helper()
	payload, code := c.attempt(query, variables)
	require.Empty(c.p.t, code, "%v: %v", variables, payload)
	return payload
}

// newRole makes a role, and answers its id.
func (c *client) newRole(name string, permissions ...string) string {
	c.p.t.Helper()
	return text(c.must(createRoleQuery, object{"in": object{"name": name, "permissions": permissions}}), "role", "id")
}

// populate invites n people with a role, and answers their ids.
func (c *client) populate(roleID, prefix string, n int) []string {
	c.p.t.Helper()
	var ids []string
	for from := 0; from < n; from += 100 {
		var emails []string
		for i := from; i < min(from+100, n); i++ {
			emails = append(emails, fmt.Sprintf("%s%d@example.com", prefix, i))
		}
		results, _ := c.must(inviteQuery, object{"in": object{"emails": emails, "roleId": roleID}})["results"].([]any)
		for _, r := range results {
			require.Equal(c.p.t, "INVITED", text(r, "outcome"), "%v", r)
			ids = append(ids, text(r, "user", "id"))
		}
	}
	return ids
}

// watch looks at the seats all the time until it is stopped, and holds that
// never more are taken than there are; it answers every number taken that it saw.
func (c *client) watch() (stop func() map[int]bool) {
	done, seen := make(chan struct{}), map[int]bool{}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			r, err := c.ask(`{ organization { seats { limit used } } }`, nil)
			if !assert.NoError(c.p.t, err) || !assert.Empty(c.p.t, r.Errors) {
				return
			}
			used, _ := dig(r.Data, "organization", "seats", "used").(float64)
			limit, _ := dig(r.Data, "organization", "seats", "limit").(float64)
			assert.LessOrEqual(c.p.t, used, limit, "never more seats than there are")
			seen[int(used)] = true
		}
	})
	return func() map[int]bool { close(done); group.Wait(); return seen }
}

// agree holds that the seats taken are the people who take one, that everybody
// has a role, and that the roles' people sum up.
func (c *client) agree() (used int) {
	c.p.t.Helper()
	used, _ = c.seats()
	assert.Equal(c.p.t, people(c, `csmSeat: true, status: ACTIVE`)+people(c, `csmSeat: true, status: PENDING`), used, "seats are what people take")
	r, err := c.ask(`{ organization { userCounts { total } } roles { name userCount } }`, nil)
	require.NoError(c.p.t, err)
	sum := 0.0
	roles, _ := r.Data["roles"].([]any)
	for _, role := range roles {
		n, _ := dig(role, "userCount").(float64)
		sum += n
	}
	assert.Equal(c.p.t, dig(r.Data, "organization", "userCounts", "total"), sum, "everybody has one of the roles")
	return used
}

// TestRolesUnderRaces changes roles and the seat limit while their people change.
func TestRolesUnderRaces(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		p := install(t, w, "SEAT_LIMIT=5", "INVITATIONS_PER_HOUR=1000000")
		admin := p.admin()
		roles := admin.roles()
		viewer := roles["Viewer"]

		// crowd does to the people of a role, all at once: gain is asked of the
		// role, 8 are invited with it, 5 are moved into it, 5 of it are deleted,
		// and 5 who were deleted come back.
		crowd := func(t *testing.T, prefix, role string, gain []string) (code string, refused map[string]int) {
			t.Helper()
			admin.populate(role, prefix+"stays", 10)
			going := admin.populate(role, prefix+"goes", 5)
			back := admin.populate(role, prefix+"back", 5)
			move := admin.populate(viewer, prefix+"moves", 5)
			for _, id := range back {
				admin.must(deleteQuery, object{"id": id})
			}
			var mu sync.Mutex
			refused = map[string]int{}
			note := func(code string) {
				mu.Lock()
				defer mu.Unlock()
				if code != "" {
					refused[code]++
				}
			}
			together(24, func(i int) {
				switch {
				case i == 0:
					_, code = admin.attempt(updateRoleQuery, object{"id": role, "in": object{"permissions": gain}})
				case i <= 8:
					payload, failed := admin.attempt(inviteQuery, object{"in": object{"emails": []string{fmt.Sprintf("%snew%d@example.com", prefix, i)}, "roleId": role}})
					if outcome := text(payload, "results", 0, "outcome"); outcome != "INVITED" {
						note(failed + outcome)
					}
				case i <= 13:
					_, failed := admin.attempt(updateQuery, object{"id": move[i-9], "in": object{"roleId": role}})
					note(failed)
				case i <= 18:
					_, failed := admin.attempt(deleteQuery, object{"id": going[i-14]})
					note(failed)
				default:
					_, failed := admin.attempt(reactivateQuery, object{"id": back[i-19]})
					note(failed)
				}
			})
			return code, refused
		}
		// present are the people of a role who would take a seat.
		present := func(role string) int {
			filter := fmt.Sprintf(`roleIds: [%q]`, role)
			return people(admin, filter+`, status: ACTIVE`) + people(admin, filter+`, status: PENDING`)
		}
		limit := func(seats int) {
			admin.must(settingsQuery, object{"in": object{"seatLimit": seats}})
		}

		t.Run("a role gains a seat with just enough of them, and loses it, while its people change", func(t *testing.T) {
			for round := range 3 {
				role := admin.newRole(fmt.Sprintf("Enough %d", round), "VIEW_USERS")
				before, _ := admin.seats()
				// 10 stay, 5 go, 5 come back, 5 move in, 8 are new.
				limit(before + 33)
				stop := admin.watch()
				code, refused := crowd(t, fmt.Sprintf("enough%d", round), role, []string{"VIEW_USERS", "CSM_SEAT"})
				stop()
				assert.Empty(t, code, "there are enough")
				assert.Empty(t, refused)
				assert.Equal(t, 28, present(role))
				assert.Equal(t, before+28, admin.agree(), "all of them have a seat")

				// And back, with as many comings and goings.
				limit(before + 28 + 33)
				stop = admin.watch()
				code, refused = crowd(t, fmt.Sprintf("less%d", round), role, []string{"VIEW_USERS"})
				stop()
				assert.Empty(t, code)
				assert.Empty(t, refused)
				assert.Equal(t, before, admin.agree(), "none of them has a seat")
			}
		})

		t.Run("with too few seats it is refused, and nobody has one for a moment", func(t *testing.T) {
			for round := range 3 {
				role := admin.newRole(fmt.Sprintf("Few %d", round), "VIEW_USERS")
				before, _ := admin.seats()
				// At least the 10 who stay and the 5 who come back would take one at the end.
				limit(before + 9)
				stop := admin.watch()
				code, refused := crowd(t, fmt.Sprintf("few%d", round), role, []string{"VIEW_USERS", "CSM_SEAT"})
				seen := stop()
				assert.Equal(t, "NO_SEAT_AVAILABLE", code)
				assert.Empty(t, refused, "the role takes no seat, so nobody is kept out")
				assert.Equal(t, map[int]bool{before: true}, seen, "all of them or none")
				assert.Equal(t, before, admin.agree())
			}
		})

		t.Run("the seat limit is lowered and raised while people are invited", func(t *testing.T) {
			before, _ := admin.seats()
			limit(before + 10)
			stop := admin.watch()
			var mu sync.Mutex
			outcomes, limits := map[string]int{}, map[string]int{}
			together(30, func(i int) {
				if i%5 == 0 {
					for step := range 4 {
						_, code := admin.attempt(settingsQuery, object{"in": object{"seatLimit": before + (i+step*7)%25}})
						mu.Lock()
						limits[code]++
						mu.Unlock()
					}
					return
				}
				for n := range 2 {
					payload, code := admin.attempt(inviteQuery, object{"in": object{
						"emails": []string{fmt.Sprintf("limit%dn%d@example.com", i, n)}, "roleId": roles["Customer Success Manager"],
					}})
					mu.Lock()
					outcomes[code+text(payload, "results", 0, "outcome")]++
					mu.Unlock()
				}
			})
			stop()
			t.Logf("invitations: %v; limits: %v", outcomes, limits)
			for outcome := range outcomes {
				assert.Contains(t, []string{"INVITED", "NO_SEAT_AVAILABLE"}, outcome)
			}
			for code := range limits {
				assert.Contains(t, []string{"", "INVALID"}, code)
			}
			assert.Equal(t, before+outcomes["INVITED"], admin.agree())
			limit(before + 25)
			_, available := admin.seats()
			assert.Equal(t, 25-outcomes["INVITED"], available)
		})

		t.Run("two administrators who take each other's role away leave one", func(t *testing.T) {
			adminID := text(admin.viewer(), "user", "id")
			first := roles["Administrator"]
			less := allPermissions[:2]
			for round, how := range []string{"two edits", "an edit and a deletion", "an edit and a demotion", "two edits", "an edit and a deletion", "an edit and a demotion"} {
				name := fmt.Sprintf("Second administrators %d", round)
				other := admin.newRole(name, allPermissions...)
				second, secondID := p.enter(admin, name, fmt.Sprintf("other%d@example.com", round), "a password of the second one")
				var codes [2]string
				together(2, func(i int) {
					switch {
					case i == 1:
						_, codes[i] = second.attempt(updateRoleQuery, object{"id": first, "in": object{"permissions": less}})
					case how == "two edits":
						_, codes[i] = admin.attempt(updateRoleQuery, object{"id": other, "in": object{"permissions": less}})
					case how == "an edit and a deletion":
						_, codes[i] = admin.attempt(deleteRoleQuery, object{"id": other, "to": viewer})
					default:
						_, codes[i] = admin.attempt(updateQuery, object{"id": secondID, "in": object{"roleId": viewer}})
					}
				})
				won := 0
				for _, code := range codes {
					if code == "" {
						won++
					} else {
						assert.Contains(t, []string{"LAST_ADMINISTRATOR", "ROLE_ESCALATION", "FORBIDDEN", "NOT_FOUND"}, code, how)
					}
				}
				require.Equal(t, 1, won, "%s: %v", how, codes)
				if codes[1] == "" {
					// The second one is left, and gives the first the role back.
					require.Equal(t, name, text(second.viewer(), "user", "role", "name"))
					second.must(updateRoleQuery, object{"id": first, "in": object{"permissions": allPermissions}})
				}
				require.Equal(t, "Administrator", text(admin.viewer(), "user", "role", "name"))
				// The first is the only one again.
				admin.must(deleteQuery, object{"id": secondID})
				assert.Contains(t, []string{"SELF_ACTION", "LAST_ADMINISTRATOR"}, func() string { _, code := admin.attempt(deleteQuery, object{"id": adminID}); return code }())
			}
		})

		for _, c := range []struct {
			name, to string
			people   int
		}{
			{"few people", viewer, 20},
			{"more than move while one waits", viewer, 120},
			{"more than move while one waits, to a role with a seat", roles["Customer Success Manager"], 80},
		} {
			t.Run("a role is deleted while people are invited with it and moved into it: "+c.name, func(t *testing.T) {
				before, _ := admin.seats()
				limit(before + 200)
				prefix := fmt.Sprintf("gone%d", c.people)
				role := admin.newRole(prefix, "VIEW_USERS")
				admin.populate(role, prefix+"has", c.people)
				moving := admin.populate(viewer, prefix+"moves", 5)
				known := people(admin, "")
				var mu sync.Mutex
				invited, deleted := 0, ""
				together(21, func(i int) {
					switch {
					case i == 0:
						_, deleted = admin.attempt(deleteRoleQuery, object{"id": role, "to": c.to})
					case i <= 5:
						_, code := admin.attempt(updateQuery, object{"id": moving[i-1], "in": object{"roleId": role}})
						assert.Contains(t, []string{"", "NOT_FOUND"}, code)
					default:
						payload, code := admin.attempt(inviteQuery, object{"in": object{"emails": []string{fmt.Sprintf("%snew%d@example.com", prefix, i)}, "roleId": role}})
						assert.Contains(t, []string{"", "NOT_FOUND"}, code)
						mu.Lock()
						defer mu.Unlock()
						if text(payload, "results", 0, "outcome") == "INVITED" {
							invited++
						}
					}
				})
				assert.Empty(t, deleted)
				assert.Equal(t, known+invited, people(admin, ""), "nobody is lost")
				used := admin.agree()
				if c.to != viewer {
					assert.GreaterOrEqual(t, used, before+c.people)
				} else {
					assert.Equal(t, before, used)
				}
				assert.NotContains(t, admin.roles(), prefix)
				eachPerson(admin, prefix, func(person any) { assert.NotEmpty(t, text(person, "role", "name"), "%v", person) })
				store := w.open(t, p)
				require.Eventually(t, func() bool { return carriers(t, store, role) == 0 }, 90*time.Second, 500*time.Millisecond, "everybody's document follows")
				assert.Equal(t, used, admin.agree())
			})
		}
	})
}

// eachPerson goes through those who are found by a search.
func eachPerson(c *client, search string, do func(person any)) {
	c.p.t.Helper()
	after := any(nil)
	for {
		page := c.do(`query($s: String, $after: String) { users(search: $s, first: 100, after: $after) { nodes { email role { name } } pageInfo { hasNextPage endCursor } } }`,
			object{"s": search, "after": after})
		nodes, _ := page["nodes"].([]any)
		for _, person := range nodes {
			do(person)
		}
		if more, _ := dig(page, "pageInfo", "hasNextPage").(bool); !more {
			return
		}
		after = dig(page, "pageInfo", "endCursor")
	}
}

// carriers is how many people carry a role in their documents; one more while
// the organization still remembers it as retired.
func carriers(t *testing.T, store directory.Store, role string) int {
	t.Helper()
	ctx := context.Background()
	org, err := store.OrganizationBySlug(ctx, "")
	require.NoError(t, err)
	n := len(org.Retired)
	for _, status := range []directory.Status{directory.Active, directory.Pending, directory.Inactive} {
		ids, err := store.Members(ctx, org.ID, role, status, 1000)
		require.NoError(t, err)
		n += len(ids)
	}
	return n
}

// TestARoleOfManyPeople: a role of more than 20,000 gains a seat and loses it,
// each in one mutation that writes nobody's document.
func TestARoleOfManyPeople(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		const seeded = 30_000
		p := installBare(t, w, []string{
			"BOOTSTRAP_ADMIN_EMAIL=" + adminEmail, "BOOTSTRAP_ADMIN_PASSWORD=" + adminPassword,
		}, "--seed", fmt.Sprint(seeded))
		admin := p.admin()
		viewer := admin.roles()["Viewer"]
		store := w.open(t, p)
		org, err := store.OrganizationBySlug(t.Context(), "")
		require.NoError(t, err)
		type state struct {
			version   int
			revision  int64
			updatedAt time.Time
		}
		documents := func() map[string]state {
			found := map[string]state{}
			page := directory.ListQuery{Order: directory.Order{Field: directory.ByCreated}, Limit: 2000}
			for {
				users, err := store.ListUsers(t.Context(), org.ID, page)
				require.NoError(t, err)
				for _, u := range users {
					if u.RoleID == viewer {
						found[u.ID] = state{u.Version, u.Revision, u.UpdatedAt}
					}
				}
				if len(users) < page.Limit {
					return found
				}
				last := directory.PositionOf(users[len(users)-1], directory.ByCreated)
				page.After = &last
			}
		}
		before, seated := documents(), people(admin, `csmSeat: true`)
		used := admin.agree()
		viewers := people(admin, fmt.Sprintf(`roleIds: [%q], status: ACTIVE`, viewer)) + people(admin, fmt.Sprintf(`roleIds: [%q], status: PENDING`, viewer))
		require.Greater(t, viewers, 20_000)
		require.Equal(t, used, seated)

		change := func(what string, permissions ...string) (code string) {
			t.Helper()
			began := time.Now()
			_, code = admin.attempt(updateRoleQuery, object{"id": viewer, "in": object{"permissions": permissions}})
			t.Logf("%s: %d people, %s", what, viewers, time.Since(began).Round(time.Millisecond))
			return code
		}
		assert.Equal(t, "NO_SEAT_AVAILABLE", change("refused for want of seats", "VIEW_USERS", "CSM_SEAT"))
		assert.Equal(t, used, admin.agree())
		admin.must(settingsQuery, object{"in": object{"seatLimit": 50_000}})
		stop := admin.watch()
		assert.Empty(t, change("a seat for each", "VIEW_USERS", "CSM_SEAT"))
		seen := stop()
		assert.Equal(t, used+viewers, admin.agree())
		for n := range seen {
			assert.Contains(t, []int{used, used + viewers}, n, "all of them or none")
		}
		require.Contains(t, refusals(admin.do(settingsQuery, object{"in": object{"seatLimit": used + viewers - 1}})), "INVALID")
		admin.must(settingsQuery, object{"in": object{"seatLimit": used + viewers}})
		invited := admin.invite("Viewer", "one-too-many@example.com")
		assert.Equal(t, "NO_SEAT_AVAILABLE", text(invited, "results", 0, "outcome"))
		assert.Empty(t, change("and back", "VIEW_USERS"))
		assert.Equal(t, used, admin.agree())
		assert.True(t, maps.Equal(before, documents()), "nobody's document is written")
	})
}
