package main

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// together runs n functions at the same time, as near as can be.
func together(n int, run func(i int)) {
	var ready, group sync.WaitGroup
	start := make(chan struct{})
	ready.Add(n)
	for i := range n {
		group.Go(func() {
			ready.Done()
			<-start
			run(i)
		})
	}
	ready.Wait()
	close(start)
	group.Wait()
}

// seats are how many are taken and free.
func (c *client) seats() (used, available int) {
	c.p.t.Helper()
	org := c.do(`{ organization { seats { used available } } }`, nil)
	u, _ := dig(org, "seats", "used").(float64)
	a, _ := dig(org, "seats", "available").(float64)
	return int(u), int(a)
}

const deleteQuery = `mutation($id: ID!) { deleteUser(id: $id) { user { status } userErrors { code } } }`

// TestRaces holds the rules of the organization under many requests at once.
func TestRaces(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		p := install(t, w, "SEAT_LIMIT=5")
		admin := p.admin()
		roles := admin.roles()

		t.Run("50 invitations at once for 5 seats grant 5", func(t *testing.T) {
			var mu sync.Mutex
			outcomes := map[string]int{}
			together(50, func(i int) {
				r, err := admin.ask(inviteQuery, object{"in": object{
					"emails": []string{fmt.Sprintf("seat%d@example.com", i)}, "roleId": roles["Customer Success Manager"],
				}})
				mu.Lock()
				defer mu.Unlock()
				if assert.NoError(t, err) && assert.Empty(t, r.Errors) {
					outcomes[text(r.Data, "inviteUsers", "results", 0, "outcome")]++
				}
			})
			assert.Equal(t, map[string]int{"INVITED": 5, "NO_SEAT_AVAILABLE": 45}, outcomes)
			used, available := admin.seats()
			assert.Equal(t, 5, used)
			assert.Equal(t, 0, available)
			assert.EqualValues(t, 5, admin.do(`{ users(csmSeat: true) { totalCount } }`, nil)["totalCount"])
		})

		t.Run("a freed seat is had once", func(t *testing.T) {
			seated := admin.do(`{ users(csmSeat: true, first: 1) { nodes { id } } }`, nil)
			admin.do(deleteQuery, object{"id": text(seated, "nodes", 0, "id")})
			used, _ := admin.seats()
			require.Equal(t, 4, used)
			var mu sync.Mutex
			invited := 0
			together(20, func(i int) {
				r, err := admin.ask(inviteQuery, object{"in": object{
					"emails": []string{fmt.Sprintf("freed%d@example.com", i)}, "roleId": roles["Customer Success Manager"],
				}})
				mu.Lock()
				defer mu.Unlock()
				if assert.NoError(t, err) && text(r.Data, "inviteUsers", "results", 0, "outcome") == "INVITED" {
					invited++
				}
			})
			assert.Equal(t, 1, invited)
			used, _ = admin.seats()
			assert.Equal(t, 5, used)
		})

		t.Run("20 invitations of one address make one person", func(t *testing.T) {
			var mu sync.Mutex
			outcomes := map[string]int{}
			ids := map[string]bool{}
			together(20, func(i int) {
				spelling := []string{"same@example.com", "SAME@example.com", "Same@Example.com"}[i%3]
				r, err := admin.ask(inviteQuery, object{"in": object{"emails": []string{spelling}, "roleId": roles["Viewer"]}})
				mu.Lock()
				defer mu.Unlock()
				if assert.NoError(t, err) && assert.Empty(t, r.Errors) {
					outcomes[text(r.Data, "inviteUsers", "results", 0, "outcome")]++
					ids[text(r.Data, "inviteUsers", "results", 0, "user", "id")] = true
				}
			})
			assert.Equal(t, map[string]int{"INVITED": 1, "RENEWED": 19}, outcomes)
			assert.Len(t, ids, 1)
			assert.EqualValues(t, 1, admin.do(`{ users(search: "same@example.com") { totalCount } }`, nil)["totalCount"])
		})

		t.Run("two administrators who demote each other leave exactly one", func(t *testing.T) {
			for round := range 3 {
				email := fmt.Sprintf("second%d@example.com", round)
				second, secondID := p.enter(admin, "Administrator", email, "a password of the second one")
				adminID := text(admin.viewer(), "user", "id")
				demote := `mutation($id: ID!, $role: ID!) { updateUser(id: $id, input: {roleId: $role}) { userErrors { code } } }`
				var codes [2][]string
				together(2, func(i int) {
					by, whom := admin, secondID
					if i == 1 {
						by, whom = second, adminID
					}
					r, err := by.ask(demote, object{"id": whom, "role": roles["Viewer"]})
					if assert.NoError(t, err) {
						if payload, ok := r.Data["updateUser"].(object); ok {
							codes[i] = refusals(payload)
						} else {
							codes[i] = []string{r.code()}
						}
					}
				})
				successes := 0
				for _, c := range codes {
					if len(c) == 0 {
						successes++
					} else {
						assert.Contains(t, []string{"LAST_ADMINISTRATOR", "ROLE_ESCALATION", "FORBIDDEN"}, c[0])
					}
				}
				require.Equal(t, 1, successes, "%v", codes)
				// The one who is left makes the other an administrator again.
				left, other := admin, secondID
				if role := text(admin.viewer(), "user", "role", "name"); role != "Administrator" {
					left, other = second, adminID
				}
				require.Equal(t, "Administrator", text(left.viewer(), "user", "role", "name"))
				require.Empty(t, refusals(left.do(demote, object{"id": other, "role": roles["Administrator"]})))
				require.Empty(t, refusals(admin.do(demote, object{"id": secondID, "role": roles["Viewer"]})))
			}
		})

		t.Run("one link used 8 times at once works once", func(t *testing.T) {
			admin.invite("Viewer", "once@example.com")
			token := p.link("once@example.com", 1)
			var mu sync.Mutex
			var answers []string
			together(8, func(int) {
				r, err := p.anybody().ask(acceptQuery, object{"in": object{"token": token, "password": "works only a single time"}})
				mu.Lock()
				defer mu.Unlock()
				if !assert.NoError(t, err) {
					return
				}
				payload, _ := r.Data["acceptInvitation"].(object)
				switch codes := refusals(payload); {
				case r.code() != "":
					answers = append(answers, r.code())
				case len(codes) == 0:
					answers = append(answers, "OK")
				default:
					answers = append(answers, codes[0])
				}
			})
			won := 0
			for _, answer := range answers {
				if answer == "OK" {
					won++
					continue
				}
				// A busy machine may refuse to hash so many passwords at once.
				assert.Contains(t, []string{"LINK_INVALID", "UNAVAILABLE"}, answer)
			}
			assert.Equal(t, 1, won, "%v", answers)
		})

		t.Run("60 wrong passwords at once in three spellings are looked at 5 times", func(t *testing.T) {
			var mu sync.Mutex
			evaluated, limited := 0, 0
			together(60, func(i int) {
				spelling := []string{adminEmail, " ADMIN@example.com", "Admin@Example.COM "}[i%3]
				r, err := p.anybody().ask(loginQuery, object{"in": object{"username": spelling, "password": "wrong", "issueToken": true}})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case !assert.NoError(t, err):
				case r.code() == "RATE_LIMITED":
					limited++
					seconds, _ := r.Errors[0].Extensions["retryAfterSeconds"].(float64)
					assert.Positive(t, seconds)
				case text(r.Data, "login", "userErrors", 0, "code") == "INVALID_CREDENTIALS":
					evaluated++
				}
			})
			assert.Equal(t, 5, evaluated)
			assert.Equal(t, 55, limited)
			assert.NotNil(t, admin.viewer(), "who is signed in already is not disturbed")
			_, second := p.enter(admin, "Viewer", "neighbour@example.com", "a neighbour on the same network")
			assert.NotEmpty(t, second, "others on the same network still sign in")
		})
	})
}

// TestALinkEndsAtItsTime uses a short life, since the program has its own clock.
func TestALinkEndsAtItsTime(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		p := install(t, w, "INVITATION_TTL=2s")
		admin := p.admin()
		admin.invite("Viewer", "late@example.com")
		token := p.link("late@example.com", 1)
		assert.NotNil(t, p.anybody().do(`query($t: String!) { invitation(token: $t) { email } }`, object{"t": token}))
		time.Sleep(2100 * time.Millisecond)
		assert.Nil(t, p.anybody().do(`query($t: String!) { invitation(token: $t) { email } }`, object{"t": token}))
		assert.Equal(t, []string{"LINK_INVALID"}, refusals(p.anybody().do(acceptQuery, object{"in": object{"token": token, "password": "too late for this one"}})))
	})
}
