package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// keyed is a mutation that takes an idempotency key. What it answers of a person
// is what a retry must answer too; how far the mail has come is not.
type keyed struct {
	name, query string
	// action is the audit event that it leaves.
	action string
	// input makes the variables for a person: their address and their id.
	input func(email, id, key string) object
	// another is an input that is not the same, for the same key.
	another func(email, id, key string) object
}

const shownOfPerson = ` { user { id status version updatedAt twoFactorEnabled invitation { invitedAt } passwordReset { requestedAt } } userErrors { code field } } }`

// keyedByID are the variables of a mutation about one person.
func keyedByID(_, id, key string) object { return object{"id": id, "key": key} }

var (
	keyedInvite = keyed{
		name: "inviteUsers", action: "USER_INVITED",
		query: `mutation($in: InviteUsersInput!) { inviteUsers(input: $in) { results { input email outcome message user { id status version } } userErrors { code field } } }`,
		input: func(email, role, key string) object {
			return object{"in": object{"emails": []string{"Ann Lee <" + email + ">", "no address"}, "roleId": role, "idempotencyKey": key}}
		},
		another: func(email, role, key string) object {
			return object{"in": object{"emails": []string{"another-" + email}, "roleId": role, "idempotencyKey": key}}
		},
	}
	keyedResend = keyed{
		name: "resendInvitation", action: "INVITATION_RENEWED", input: keyedByID,
		query: `mutation($id: ID!, $key: String) { resendInvitation(id: $id, idempotencyKey: $key)` + shownOfPerson,
	}
	keyedReset = keyed{
		name: "resetPassword", action: "PASSWORD_RESET_REQUESTED", input: keyedByID,
		query: `mutation($id: ID!, $key: String) { resetPassword(id: $id, idempotencyKey: $key)` + shownOfPerson,
	}
	keyedReactivate = keyed{
		name: "reactivateUser", action: "USER_REACTIVATED", input: keyedByID,
		query: `mutation($id: ID!, $key: String) { reactivateUser(id: $id, idempotencyKey: $key)` + shownOfPerson,
	}
	keyedDisable = keyed{
		name: "disable2FA", action: "TWO_FACTOR_DISABLED", input: keyedByID,
		query: `mutation($id: ID!, $key: String) { disable2FA(id: $id, idempotencyKey: $key)` + shownOfPerson,
	}
)

// answer is what a mutation answers, as text; retried while it says "try again".
func (c *client) answer(query string, variables object) string {
	payload, code := c.attempt(query, variables)
	if payload == nil {
		return code
	}
	written, err := json.Marshal(payload)
	assert.NoError(c.p.t, err)
	return string(written)
}

// events is how many audit events there are of an action, done to somebody.
func (c *client) events(userID, action string) int {
	c.p.t.Helper()
	n, _ := c.do(`query($id: ID, $actions: [AuditAction!]) { auditEvents(userId: $id, actions: $actions, first: 100) { totalCount } }`,
		object{"id": userID, "actions": []string{action}})["totalCount"].(float64)
	return int(n)
}

// secondFactor sets up two-factor authentication for who is signed in.
func (c *client) secondFactor() (secret string, recovery []any) {
	c.p.t.Helper()
	secret = text(c.do(`mutation { startTwoFactorSetup { secret userErrors { code } } }`, nil), "secret")
	code, err := totp.GenerateCode(secret, time.Now())
	require.NoError(c.p.t, err)
	confirmed := c.do(`mutation($c: String!) { confirmTwoFactorSetup(code: $c) { recoveryCodes userErrors { code } } }`, object{"c": code})
	require.Empty(c.p.t, refusals(confirmed))
	recovery, _ = confirmed["recoveryCodes"].([]any)
	return secret, recovery
}

// trial is a person on whom a mutation is tried.
type trial struct {
	keyed
	email, id string
	// mails is how many mails they have had before.
	mails int
}

// prepare makes somebody on whom the mutation has an effect.
func (k keyed) prepare(admin *client, email string) trial {
	p, password := admin.p, "a password of somebody else"
	p.t.Helper()
	one := trial{keyed: k, email: email}
	switch k.name {
	case "inviteUsers":
		one.id = admin.roles()["Viewer"]
		return one
	case "resendInvitation":
		one.id = text(admin.invite("Viewer", email), "users", 0, "id")
		p.mail(email, 1)
	default:
		var person *client
		person, one.id = p.enter(admin, "Viewer", email, password)
		if k.name == "disable2FA" {
			person.secondFactor()
			p.mail(email, 2)
		}
		if k.name == "reactivateUser" {
			admin.must(deleteQuery, object{"id": one.id})
		}
	}
	one.mails = len(p.mails(email))
	return one
}

// target is whom the mutation was done to.
func (o trial) target(c *client) string {
	c.p.t.Helper()
	if o.name != "inviteUsers" {
		return o.id
	}
	return text(c.do(`query($s: String) { users(search: $s) { nodes { id } } }`, object{"s": o.email}), "nodes", 0, "id")
}

// TestIdempotencyKeys: a request that is repeated with its key has one effect
// and one mail, and answers as the first did.
func TestIdempotencyKeys(t *testing.T) {
	all := []keyed{keyedInvite, keyedResend, keyedReset, keyedReactivate, keyedDisable}
	eachWay(t, func(t *testing.T, w way) {
		p := install(t, w)
		admin := p.admin()
		second, _ := p.enter(admin, "Administrator", "second@example.com", "a password of the second one")
		var tried []trial
		for i, k := range all {
			one := k.prepare(admin, fmt.Sprintf("once%d@example.com", i))
			tried = append(tried, one)
			key := "the key of " + k.name
			t.Run(k.name+" 20 times at once with one key has one effect and one answer", func(t *testing.T) {
				answers := make([]string, 20)
				together(20, func(i int) { answers[i] = admin.answer(k.query, k.input(one.email, one.id, key)) })
				for _, answer := range answers {
					assert.Equal(t, answers[0], answer)
				}
				assert.Contains(t, answers[0], `"userErrors":[]`)
				assert.Equal(t, answers[0], admin.answer(k.query, k.input(one.email, one.id, key)), "and later too")
				// One that was being sent is sent again when its lease of a minute has ended.
				require.Eventually(t, func() bool { return len(p.mails(one.email)) > one.mails }, 90*time.Second, 100*time.Millisecond, "%s: a mail to %s", one.name, one.email)
			})
			t.Run(k.name+" refuses the key for anything else", func(t *testing.T) {
				const refusal = `"userErrors":[{"code":"INVALID","field":["idempotencyKey"]}]`
				const refusalOfInput = `"userErrors":[{"code":"INVALID","field":["input","idempotencyKey"]}]`
				for _, other := range all {
					variables := other.input("elsewhere-"+one.email, one.id, key)
					if other.name == k.name {
						if variables = k.input(one.email, text(admin.viewer(), "user", "id"), key); k.another != nil {
							variables = k.another(one.email, one.id, key)
						}
					}
					expected := refusal
					if other.name == "inviteUsers" {
						expected = refusalOfInput
					}
					assert.Contains(t, admin.answer(other.query, variables), expected, other.name)
				}
			})
		}
		t.Run("another person's key of the same text is another one", func(t *testing.T) {
			reset := tried[2]
			require.Equal(t, 1, admin.events(reset.id, reset.action))
			assert.Contains(t, second.answer(reset.query, reset.input(reset.email, reset.id, "the key of "+reset.name)), `"userErrors":[]`)
			require.Eventually(t, func() bool { return admin.events(reset.id, reset.action) == 2 }, 5*time.Second, 20*time.Millisecond)
			tried[2].mails++
			p.mail(reset.email, tried[2].mails+1)
		})
		t.Run("repetitions do not use up the limit", func(t *testing.T) {
			reset := tried[2]
			assert.Contains(t, admin.answer(reset.query, reset.input(reset.email, reset.id, "a third")), `"userErrors":[]`)
			assert.Equal(t, "RATE_LIMITED", admin.answer(reset.query, reset.input(reset.email, reset.id, "a fourth")))
			tried[2].mails++
		})
		t.Run("what was refused may be asked again with the key", func(t *testing.T) {
			id := text(admin.invite("Viewer", "refused@example.com"), "users", 0, "id")
			admin.must(deleteQuery, object{"id": id})
			assert.Contains(t, admin.answer(keyedResend.query, keyedByID("", id, "refused")), "NOT_PENDING")
			admin.must(reactivateQuery, object{"id": id})
			assert.Contains(t, admin.answer(keyedResend.query, keyedByID("", id, "refused")), `"userErrors":[]`)
			require.Eventually(t, func() bool { return admin.events(id, keyedResend.action) == 1 }, 5*time.Second, 20*time.Millisecond)
		})

		forgotten := map[string]string{}
		for i, k := range all[:3] {
			one := k.prepare(admin, fmt.Sprintf("forgotten%d@example.com", i))
			tried = append(tried, one)
			forgotten[one.email] = admin.answer(k.query, k.input(one.email, one.id, "forgotten"+k.name))
		}
		w.forget(t, p)
		assert.Nil(t, admin.viewer(), "sessions are forgotten too")
		admin = p.admin()
		for _, one := range tried[len(all):] {
			t.Run(one.name+" finds what it has done when the key is forgotten", func(t *testing.T) {
				assert.Equal(t, forgotten[one.email], admin.answer(one.query, one.input(one.email, one.id, "forgotten"+one.name)))
			})
		}
		t.Run("each has one audit event and one mail", func(t *testing.T) {
			for _, one := range tried {
				p.mail(one.email, one.mails+1)
			}
			// Longer than the sweep that would send another.
			time.Sleep(5 * time.Second)
			for i, one := range tried {
				assert.Len(t, p.mails(one.email), one.mails+1, "%s to %s", one.name, one.email)
				effects := 1
				if i == 2 {
					effects = 3
				}
				assert.Equal(t, effects, admin.events(one.target(admin), one.action), one.name)
			}
		})
	})
}

// TestARetryAfterACrash: killed in the middle of a mutation, and asked again
// with the same key after the start, it has one effect and one mail.
func TestARetryAfterACrash(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		p := install(t, w, "INVITATIONS_PER_HOUR=1000000")
		admin := p.admin()
		answered, effects, twice := 0, 0, 0
		for round := range max(rounds(t)/10, 1) {
			var tried []trial
			for i := range 12 {
				k := []keyed{keyedInvite, keyedResend, keyedReset, keyedReactivate}[i%4]
				tried = append(tried, k.prepare(admin, fmt.Sprintf("crash%d-%d@example.com", round, i)))
			}
			var mu sync.Mutex
			var killing sync.WaitGroup
			killing.Go(func() {
				time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond)
				p.kill()
			})
			together(len(tried), func(i int) {
				one := tried[i]
				if r, err := admin.ask(one.query, one.input(one.email, one.id, one.email)); err == nil && r.code() == "" {
					mu.Lock()
					defer mu.Unlock()
					answered++
				}
			})
			killing.Wait()
			p.start()
			together(len(tried), func(i int) {
				one := tried[i]
				assert.Contains(t, admin.answer(one.query, one.input(one.email, one.id, one.email)), `"userErrors":[]`, one.name)
			})
			for _, one := range tried {
				// A mail that was about to be sent is its server's for a minute.
				require.Eventually(t, func() bool { return len(p.mails(one.email)) > one.mails }, 90*time.Second, 50*time.Millisecond, "%s to %s", one.name, one.email)
				require.Eventually(t, func() bool { return admin.events(one.target(admin), one.action) > 0 }, 20*time.Second, 50*time.Millisecond, one.name)
				effects++
				assert.Equal(t, 1, admin.events(one.target(admin), one.action), "%s: one effect", one.name)
			}
			time.Sleep(3 * time.Second)
			for _, one := range tried {
				// A mail that was being sent when the program was killed is sent again.
				extra := len(p.mails(one.email)) - one.mails - 1
				assert.Contains(t, []int{0, 1}, extra, "%s: one mail", one.name)
				twice += extra
			}
		}
		t.Logf("%d requests, %d of them answered before the kill: %d effects, %d mails sent once more", effects, answered, effects, twice)
	})
}
