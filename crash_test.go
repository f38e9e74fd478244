package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/directory"
)

// rounds is how often the crash test kills: a few, or ROUNDS.
func rounds(t *testing.T) int {
	text := os.Getenv("ROUNDS")
	if text == "" {
		return 3
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, "ROUNDS")
	return n
}

// acknowledged is what the program has answered for, before it was killed.
type acknowledged struct {
	mu sync.Mutex
	// users are the last acknowledged status of each address.
	users map[string]string
	// unsure are addresses with a change that was not answered.
	unsure map[string]bool
	events int
}

func (a *acknowledged) set(email, status string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.users[email] = status
	a.events++
}

func (a *acknowledged) doubt(email string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unsure[email] = true
}

// TestKilledUnderLoad kills the program at random moments while people are
// invited, deleted and reactivated, starts it again, and counts what is lost.
func TestKilledUnderLoad(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		p := install(t, w, "SEAT_LIMIT=50000", "INVITATIONS_PER_HOUR=1000000")
		admin := p.admin()
		roles := admin.roles()
		all := acknowledged{users: map[string]string{}, unsure: map[string]bool{}}
		for round := range rounds(t) {
			var group sync.WaitGroup
			stop := make(chan struct{})
			for worker := range 4 {
				group.Go(func() {
					for n := 0; ; n++ {
						select {
						case <-stop:
							return
						default:
						}
						crashWork(admin, roles, &all, fmt.Sprintf("r%dw%dn%d@example.com", round, worker, n))
					}
				})
			}
			time.Sleep(300*time.Millisecond + time.Duration(rand.IntN(1200))*time.Millisecond)
			p.kill()
			close(stop)
			group.Wait()
			p.start()
		}

		t.Run("no acknowledged change is lost, and seats and counts agree", func(t *testing.T) {
			lost, seats := 0, 0
			total := 0
			require.Eventually(t, func() bool { used, _ := admin.seats(); seats = used; return seats == people(admin, `csmSeat: true`) },
				directory.SettleAfter+30*time.Second, time.Second, "seats are what people take")
			for email, status := range all.users {
				if all.unsure[email] {
					continue
				}
				total++
				found := admin.do(`query($s: String!) { users(search: $s) { nodes { status } } }`, object{"s": email})
				if text(found, "nodes", 0, "status") != status {
					lost++
				}
			}
			t.Logf("%d acknowledged, %d lost", total, lost)
			assert.Zero(t, lost)
			assert.Positive(t, total)
		})

		t.Run("every invitation has its mail", func(t *testing.T) {
			// Who was deleted right after needs none; nor does one whose deletion
			// was cut off, since it may have happened.
			var waiting []string
			for email, status := range all.users {
				if status == "PENDING" && !all.unsure[email] {
					waiting = append(waiting, email)
				}
			}
			mails, twice := len(waiting), 0
			for deadline := time.Now().Add(90 * time.Second); len(waiting) > 0 && time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
				waiting = slices.DeleteFunc(waiting, func(email string) bool {
					got := len(p.mails(email))
					// One for the invitation, one for the reactivation.
					if got > 2 {
						twice++
					}
					return got > 0
				})
			}
			t.Logf("%d mails expected, %d missing, %d sent once more", mails, len(waiting), twice)
			assert.Empty(t, waiting)
		})

		t.Run("every change has its audit event", func(t *testing.T) {
			require.Eventually(t, func() bool { return p.backlog(admin) == 0 }, 60*time.Second, time.Second)
			require.Equal(t, 0, p.stop())
			store := w.open(t, p)
			ctx := context.Background()
			org, err := store.OrganizationBySlug(ctx, "")
			require.NoError(t, err)
			events := map[string]int{}
			for before := ""; ; {
				page, err := store.Events(ctx, org.ID, before, 1000)
				require.NoError(t, err)
				for _, e := range page {
					events[e.TargetID]++
				}
				if len(page) < 1000 {
					break
				}
				before = page[len(page)-1].ID
			}
			users, err := store.ListUsers(ctx, org.ID, directory.ListQuery{Order: directory.Order{Field: directory.ByCreated}, Limit: 1_000_000})
			require.NoError(t, err)
			counted := directory.Counts{}
			for _, u := range users {
				counted[directory.GroupOf(u)]++
				assert.Empty(t, u.Outbox, "everything is told: %s", u.Email)
				if u.Email != adminEmail {
					// A version is a change that people see, and each has one event.
					assert.GreaterOrEqual(t, events[u.ID], u.Version, u.Email)
				}
			}
			kept, err := store.Counts(ctx, org.ID)
			require.NoError(t, err)
			for group, n := range counted {
				assert.Equal(t, n, kept[group], "%v", group)
			}
		})
	})
}

// crashWork is one life of a person, cut off anywhere.
func crashWork(admin *client, roles map[string]string, all *acknowledged, email string) {
	role := roles["Customer Success Manager"]
	r, err := admin.ask(inviteQuery, object{"in": object{"emails": []string{email}, "roleId": role}})
	if err != nil || r.code() != "" {
		all.doubt(email)
		return
	}
	all.set(email, "PENDING")
	id := text(r.Data, "inviteUsers", "results", 0, "user", "id")
	for _, step := range []struct{ query, status string }{
		{deleteQuery, "INACTIVE"},
		{`mutation($id: ID!) { reactivateUser(id: $id) { userErrors { code } } }`, "PENDING"},
	} {
		if r, err := admin.ask(step.query, object{"id": id}); err != nil || r.code() != "" {
			all.doubt(email)
			return
		}
		all.set(email, step.status)
	}
}

func people(admin *client, filter string) int {
	n, _ := admin.do(`{ users(`+filter+`, first: 0) { totalCount } }`, nil)["totalCount"].(float64)
	return int(n)
}

// backlog is how many of the newest pending people still wait for their mail.
func (p *program) backlog(admin *client) int {
	p.t.Helper()
	list := admin.do(`{ users(status: PENDING, orderBy: {field: CREATED_AT, direction: DESC}, first: 100) { nodes { invitation { delivery { state } } } } }`, nil)
	waiting := 0
	nodes, _ := list["nodes"].([]any)
	for _, n := range nodes {
		if text(n, "invitation", "delivery", "state") == "QUEUED" {
			waiting++
		}
	}
	return waiting
}

// TestMailServerDown: changes succeed while no mail can be sent, the row says
// why, and the mail leaves when the server is back.
func TestMailServerDown(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		addr := freeAddress(t)
		p := install(t, w, "SMTP_URL=smtp://"+addr)
		admin := p.admin()
		invited := admin.invite("Viewer", "waits@example.com")
		assert.Equal(t, "INVITED", text(invited, "results", 0, "outcome"))
		id := text(invited, "users", 0, "id")
		require.Eventually(t, func() bool {
			return text(admin.do(userQuery, object{"id": id}), "invitation", "delivery", "reason") != ""
		}, 10*time.Second, 50*time.Millisecond, "the row says why the mail waits")
		assert.Equal(t, "QUEUED", text(admin.do(userQuery, object{"id": id}), "invitation", "delivery", "state"))
		p.kill()
		p.start()
		inbox := serveSMTP(t, addr)
		select {
		case mail := <-inbox:
			assert.Contains(t, mail, "accept-invitation#token")
		case <-time.After(100 * time.Second):
			t.Fatal("the mail did not leave after the server came back")
		}
		require.Eventually(t, func() bool {
			return text(admin.do(userQuery, object{"id": id}), "invitation", "delivery", "state") == "SENT"
		}, 10*time.Second, 50*time.Millisecond)
	})
}
