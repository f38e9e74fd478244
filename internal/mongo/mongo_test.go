//go:build services

package mongo

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"roster/internal/directory"
	"roster/internal/storetest"
)

// TestContract holds the store to the contract, on a real server.
func TestContract(t *testing.T) {
	store := openStore(t)
	storetest.Run(t, func(*testing.T) directory.Store { return store })
}

// openStore opens a new database, which is dropped afterwards.
func openStore(t *testing.T, edits ...func(*options.ClientOptions)) *Store {
	t.Helper()
	s := openDatabase(t, "roster_test_"+bson.NewObjectID().Hex(), edits...)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.EnsureIndexes(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := s.database.Drop(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// openDatabase opens a database, as another server would.
func openDatabase(t *testing.T, name string, edits ...func(*options.ClientOptions)) *Store {
	t.Helper()
	o := options.Client().ApplyURI(serverURI(t))
	for _, edit := range edits {
		edit(o)
	}
	s, err := open(o, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func serverURI(t *testing.T) string {
	t.Helper()
	uri := os.Getenv("TEST_MONGODB_URI")
	if uri == "" {
		t.Fatal(`TEST_MONGODB_URI names no server to test against; run: eval "$(make -s services)"`)
	}
	return uri
}

var _ = fmt.Sprint
var _ = strings.Cut
