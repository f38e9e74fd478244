//go:build services

package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSubscriptionOnTwoServers: what happens on one server is heard on the other.
func TestSubscriptionOnTwoServers(t *testing.T) {
	env := servicesEnv(t)
	shared := way{name: "services", env: func(*testing.T) []string { return env }}
	one, two := install(t, shared), install(t, shared)
	admin := one.admin()
	there := &client{p: two, token: admin.token, http: admin.http}
	l := there.listen()

	admin.invite("Viewer", "ann@example.com")
	c := l.change("CREATED", "ann@example.com")
	assert.EqualValues(t, 2, dig(c, "organization", "userCounts", "total"))

	ann, annID := one.enter(admin, "Viewer", "bob@example.com", "a walk along the river")
	ears := (&client{p: two, token: ann.token, http: ann.http}).listen()
	admin.do(`mutation($id: ID!) { updateUser(id: $id, input: {name: "Bob"}) { user { id } } }`, object{"id": annID})
	for text(ears.change("UPDATED", "bob@example.com"), "user", "name") != "Bob" {
	}
	admin.do(deleteQuery, object{"id": annID})
	ears.dies()
	l.change("DELETED", "bob@example.com")
}

// TestSubscriptionWhileRedisIsAway: the change is made all the same, listeners
// are told to look again when Redis is back, and then hear everything.
func TestSubscriptionWhileRedisIsAway(t *testing.T) {
	shared := servicesEnv(t)
	env, link := behind(t, shared, "REDIS_URL", "")
	require.NoError(t, link.Start())
	one := install(t, way{env: func(*testing.T) []string { return shared }})
	cut := install(t, way{env: func(*testing.T) []string { return env }})
	admin := one.admin()
	l := (&client{p: cut, token: admin.token, http: admin.http}).listen()

	link.Stop()
	admin.invite("Viewer", "ann@example.com")
	time.Sleep(2 * time.Second)
	require.NoError(t, link.Start())
	back := time.Now()
	l.change("REFETCH", "")
	assert.Less(t, time.Since(back), 5*time.Second)
	admin.invite("Viewer", "bob@example.com")
	l.change("CREATED", "bob@example.com")
	require.Zero(t, cut.stop())
}
