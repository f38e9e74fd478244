package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Where a link leads and whom a mail goes to is read from the configuration
// and the store, never from a request.
func TestMailsIgnoreWhatARequestSaysOfHosts(t *testing.T) {
	t.Parallel()
	p := install(t, ways[0])
	admin := p.admin()
	admin.invite("Viewer", "ann@acme.example")
	p.link("ann@acme.example", 1)

	forged := func(token, query string, variables object) {
		t.Helper()
		body, err := json.Marshal(object{"query": query, "variables": variables})
		require.NoError(t, err)
		r, err := http.NewRequest(http.MethodPost, p.url+"/graphql", bytes.NewReader(body))
		require.NoError(t, err)
		r.Host = "evil.example"
		for name, value := range map[string]string{
			"Content-Type": "application/json", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https",
			"Forwarded": "host=evil.example;proto=https", "X-Original-Host": "evil.example", "X-Forwarded-Prefix": "//evil.example",
		} {
			r.Header.Set(name, value)
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer answer.Body.Close()
		require.Equal(t, http.StatusOK, answer.StatusCode)
	}
	const forgotten = `mutation($in: RequestPasswordResetInput!) { requestPasswordReset(input: $in) { message } }`
	forged("", forgotten, object{"in": object{"username": adminEmail}})
	forged(admin.token, inviteQuery, object{"in": object{"emails": []string{"Bea <bea@acme.example>"}, "roleId": admin.roles()["Viewer"]}})
	// Asked for a pending person, the invitation goes to the address in the store, however it is spelled here.
	forged("", forgotten, object{"in": object{"username": "ANN@acme.example"}})

	// link itself checks that each begins with PUBLIC_URL.
	p.link(adminEmail, 1)
	p.link("bea@acme.example", 1)
	p.link("ann@acme.example", 2)
	for _, to := range []string{adminEmail, "bea@acme.example", "ann@acme.example"} {
		for _, mail := range p.mails(to) {
			assert.NotContains(t, mail, "evil.example")
		}
	}
}
