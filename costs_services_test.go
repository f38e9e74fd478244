//go:build services

package main

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"roster/internal/mongo"
	vaults "roster/internal/redis"
)

func init() {
	costWays = append(costWays, costWay{
		name: "services", unit: "Commands of MongoDB, and round trips to Redis,", open: openServicesCounted,
		grows: map[string]string{},
	})
}

func openServicesCounted(t *testing.T) watchedStores {
	t.Helper()
	var uri, url string
	for _, pair := range servicesEnv(t) {
		if value, ok := strings.CutPrefix(pair, "MONGODB_URI="); ok {
			uri = value
		}
		if value, ok := strings.CutPrefix(pair, "REDIS_URL="); ok {
			url = value
		}
	}
	documents, err := mongo.Open(t.Context(), uri, func(o *options.ClientOptions) {
		o.SetMonitor(&event.CommandMonitor{Started: func(ctx context.Context, e *event.CommandStartedEvent) {
			collection, _ := e.Command.Lookup(e.CommandName).StringValueOK()
			note(ctx, strings.TrimSpace("mongodb "+e.CommandName+" "+collection))
		}})
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		assert.NoError(t, documents.Close(ctx))
	})
	require.NoError(t, documents.EnsureIndexes(t.Context()))
	expiring, err := vaults.Open(url, documents.DatabaseName(), func(client redis.UniversalClient) error {
		client.AddHook(trips{})
		return nil
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, expiring.Close()) })
	return watchedStores{Store: documents, vault: expiring}
}

// trips notes round trips to Redis. A script that Redis does not know yet is
// sent as a whole, once; that is not counted.
type trips struct{}

func (trips) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return next(ctx, network, address)
	}
}

func (trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error {
		err := next(ctx, command)
		switch {
		case redis.HasErrorPrefix(err, "NOSCRIPT"):
		case command.Name() == "eval":
			note(ctx, "redis evalsha")
		default:
			note(ctx, "redis "+command.Name())
		}
		return err
	}
}

// What is pipelined is one trip.
func (trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		note(ctx, "redis pipeline")
		return next(ctx, commands)
	}
}
