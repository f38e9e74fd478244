//go:build services

package main

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestGraphQLOverHTTP: every audit of the specification's own list is passed.
// It needs Node, and so runs with make test, not with go test alone.
func TestGraphQLOverHTTP(t *testing.T) {
	p := install(t, ways[0])
	for _, command := range [][]string{
		{"npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"},
		{"node", "audit.js", p.url + "/graphql"},
	} {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Dir = "scripts/audit"
		said, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", said)
		t.Logf("%s", said)
		if command[0] == "node" {
			assert.Contains(t, string(said), "61/61 ok", "no fewer than there were")
		}
	}
}
