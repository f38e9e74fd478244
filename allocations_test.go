package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/directory"
)

// What a list of 50 people allocates: whoever makes it allocate much more has
// taken it from the quick way, and is told so without a clock. There is room
// for what differs between machines and with the race detector; when a list
// gets by with far less, the number follows.
const (
	listAllocations  = 800 // of the request, from the handler of HTTP down
	storeAllocations = 120 // of the store alone
)

func TestListAllocations(t *testing.T) {
	h := newCostHouse(t, costWays[0], 1)
	h.populate(60)
	var list document
	for _, d := range documented(t) {
		if d.name == "benchmark List" {
			list = d
		}
	}
	body, err := json.Marshal(object{"query": list.text, "variables": object{"first": 50}})
	require.NoError(t, err)
	var answer *httptest.ResponseRecorder
	allocations := testing.AllocsPerRun(100, func() {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", bytes.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+h.admin.token)
		answer = httptest.NewRecorder()
		h.handler.ServeHTTP(answer, request)
	})
	var r reply
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &r))
	nodes, _ := dig(r.Data, "users", "nodes").([]any)
	require.Len(t, nodes, 50, answer.Body.String())
	t.Logf("a request: %.0f", allocations)
	assert.Less(t, allocations, float64(listAllocations))

	q := directory.ListQuery{
		Groups: []directory.Group{{Status: directory.Active, RoleID: h.org.Roles[3].ID}, {Status: directory.Active, RoleID: h.org.Roles[3].ID, TwoFactor: true}},
		Order:  directory.Order{Field: directory.ByName}, Limit: 51,
	}
	var found []*directory.User
	allocations = testing.AllocsPerRun(100, func() {
		found, err = h.store.ListUsers(t.Context(), h.org.ID, q)
	})
	require.NoError(t, err)
	require.Len(t, found, 51)
	t.Logf("the store: %.0f", allocations)
	assert.Less(t, allocations, float64(storeAllocations))
}
