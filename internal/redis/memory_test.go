//go:build services

package redis

import (
	"strings"
	"testing"
	"time"

	"roster/internal/account"
	"roster/internal/directory"
)

// TestMemoryOfSessions measures what docs/scaling.md says of a session: its key,
// and its place among its person's.
func TestMemoryOfSessions(t *testing.T) {
	v := testVault(t)
	now := time.Now()
	id := func(prefix string) string { return prefix + strings.Repeat("0", 26) }
	s := account.Session{
		ID: id("sess_"), OrganizationID: id("org_"), UserID: id("user_"), TokenHash: strings.Repeat("0", 64),
		CreatedAt: now, LastUsedAt: now, ExpiresAt: now.Add(24 * time.Hour), AuthenticatedAt: now,
		Origin: directory.Origin{IP: "203.0.113.77",
			UserAgent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"},
	}
	if err := v.PutSession(t.Context(), s, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	var all int64
	for _, key := range v.sessionKeys(s) {
		used, err := v.client.MemoryUsage(t.Context(), key).Result()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d bytes: %s", used, key)
		all += used
	}
	t.Logf("%d bytes a session", all)
	// Redis asks the allocator, whose sizes differ somewhat.
	const told = 2251
	if all > told*11/10 {
		t.Errorf("a session takes %d bytes, and the page says %d", all, told)
	}
}
