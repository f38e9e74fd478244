//go:build services

package redis_test

import (
	"crypto/rand"
	"os"
	"testing"

	"roster/internal/account"
	"roster/internal/redis"
	"roster/internal/vaulttest"
)

func TestVault(t *testing.T) {
	vaulttest.Run(t, func(t *testing.T) account.Vault {
		v, err := redis.Open(os.Getenv("TEST_REDIS_URL"), "test-"+rand.Text())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := v.Close(); err != nil {
				t.Error(err)
			}
		})
		return v
	})
}
