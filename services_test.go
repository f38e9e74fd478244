//go:build services

package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"roster/internal/directory"
	"roster/internal/mongo"
)

func init() {
	ways = append(ways, way{name: "services", env: servicesEnv, open: openMongo, forget: emptyRedis, dump: dumpServices, away: servicesAway})
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

// redisKeys goes through the keys of this program's installation: they begin
// with the database's name.
func redisKeys(t *testing.T, p *program, do func(ctx context.Context, client *redis.Client, key string)) {
	t.Helper()
	var url, prefix string
	for _, pair := range p.env {
		if value, ok := strings.CutPrefix(pair, "REDIS_URL="); ok {
			url = value
		}
		if value, ok := strings.CutPrefix(pair, "MONGODB_URI="); ok {
			prefix = value[strings.LastIndex(value, "/")+1:]
		}
	}
	options, err := redis.ParseURL(url)
	require.NoError(t, err)
	client := redis.NewClient(options)
	defer client.Close()
	ctx := context.Background()
	all := client.Scan(ctx, 0, prefix+":*", 1000).Iterator()
	for all.Next(ctx) {
		do(ctx, client, all.Val())
	}
	require.NoError(t, all.Err())
}

func emptyRedis(t *testing.T, p *program) {
	t.Helper()
	removed := 0
	redisKeys(t, p, func(ctx context.Context, client *redis.Client, key string) {
		require.NoError(t, client.Del(ctx, key).Err())
		removed++
	})
	require.Positive(t, removed)
}

// dumpServices is all that the installation keeps in MongoDB and in Redis.
func dumpServices(t *testing.T, p *program) string {
	t.Helper()
	var all strings.Builder
	ctx := context.Background()
	for _, pair := range p.env {
		uri, ok := strings.CutPrefix(pair, "MONGODB_URI=")
		if !ok {
			continue
		}
		client, err := driver.Connect(options.Client().ApplyURI(uri))
		require.NoError(t, err)
		defer func() { _ = client.Disconnect(ctx) }()
		db := client.Database(uri[strings.LastIndex(uri, "/")+1:])
		collections, err := db.ListCollectionNames(ctx, bson.M{})
		require.NoError(t, err)
		require.NotEmpty(t, collections)
		for _, collection := range collections {
			cursor, err := db.Collection(collection).Find(ctx, bson.M{})
			require.NoError(t, err)
			for cursor.Next(ctx) {
				all.Write(cursor.Current)
			}
			require.NoError(t, cursor.Err())
		}
	}
	redisKeys(t, p, func(ctx context.Context, client *redis.Client, key string) {
		kind, err := client.Type(ctx, key).Result()
		require.NoError(t, err)
		var value any
		switch kind {
		case "string":
			value, err = client.Get(ctx, key).Result()
		case "hash":
			value, err = client.HGetAll(ctx, key).Result()
		case "set":
			value, err = client.SMembers(ctx, key).Result()
		case "zset":
			value, err = client.ZRangeWithScores(ctx, key, 0, -1).Result()
		case "list":
			value, err = client.LRange(ctx, key, 0, -1).Result()
		case "none":
			return // its time has come
		default:
			t.Errorf("what is in a %s?", kind)
		}
		require.NoError(t, err)
		fmt.Fprintf(&all, "%s %v\n", key, value)
	})
	return all.String()
}

// servicesAway puts both servers behind proxies, which go away one after the other.
func servicesAway(t *testing.T, env []string) (changed []string, while func(do func())) {
	t.Helper()
	changed, mongoDB := behind(t, env, "MONGODB_URI", "")
	changed, redis := behind(t, changed, "REDIS_URL", "")
	proxies := []*toxiproxy.Proxy{mongoDB, redis}
	for _, proxy := range proxies {
		require.NoError(t, proxy.Start())
	}
	return changed, func(do func()) {
		for _, proxy := range proxies {
			proxy.Stop()
			do()
			require.NoError(t, proxy.Start())
			time.Sleep(2 * time.Second)
		}
	}
}

// TestTwoServers share one MongoDB and Redis: what one has answered, the other knows.
func TestTwoServers(t *testing.T) {
	env := servicesEnv(t)
	shared := way{name: "services", env: func(*testing.T) []string { return env }}
	one := install(t, shared)
	two := install(t, shared)
	admin := one.admin()
	ann, annID := one.enter(admin, "Viewer", "ann@example.com", "a walk along the river")
	elsewhere := &client{p: two, token: ann.token, http: ann.http}
	assert.NotNil(t, elsewhere.viewer(), "signed in on one is signed in on the other")
	(&client{p: two, token: admin.token, http: admin.http}).do(deleteQuery, object{"id": annID})
	assert.Nil(t, ann.viewer(), "deleted on one is out on the other at the next request")
}
