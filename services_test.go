//go:build services

package main

import (
	"context"
	"encoding/base64"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"roster/internal/directory"
	"roster/internal/mongo"
)

func init() {
	ways = append(ways, way{name: "services", env: servicesEnv, open: openMongo})
}

// servicesEnv is a database of its own on the servers that the tests are given.
func servicesEnv(t *testing.T) []string {
	t.Helper()
	mongoDB, redis := os.Getenv("TEST_MONGODB_URI"), os.Getenv("TEST_REDIS_URL")
	if mongoDB == "" || redis == "" {
		t.Fatal(`TEST_MONGODB_URI and TEST_REDIS_URL are not set: run eval "$(make -s services)" first`)
	}
	u, err := url.Parse(mongoDB)
	require.NoError(t, err)
	u.Path = "/test_" + strings.ReplaceAll(uuid.NewString(), "-", "")[:16]
	return []string{
		"MONGODB_URI=" + u.String(), "REDIS_URL=" + redis,
		"SECRET_KEY=" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdefghijklmnopqrstuv")),
	}
}

func openMongo(t *testing.T, p *program) directory.Store {
	t.Helper()
	for _, pair := range p.env {
		if uri, ok := strings.CutPrefix(pair, "MONGODB_URI="); ok {
			store, err := mongo.Open(context.Background(), uri)
			require.NoError(t, err)
			t.Cleanup(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				defer cancel()
				_ = store.Close(ctx)
			})
			return store
		}
	}
	t.Fatal("the program did not use MongoDB")
	return nil
}
