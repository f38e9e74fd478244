//go:build services

package mongo

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"roster/internal/directory"
	"roster/internal/sample"
)

func fill(t *testing.T, s *Store, n int) time.Duration {
	o := &directory.Organization{ID: directory.NewID("org_", time.Now(), rand.Reader), Slug: "x" + time.Now().String(), Name: "X"}
	for _, n := range []string{"Administrator", "Customer Success Manager", "User Manager", "Viewer"} {
		o.Roles = append(o.Roles, directory.Role{ID: directory.NewID("role_", time.Now(), rand.Reader), Name: n})
	}
	if err := s.InsertOrganization(context.Background(), o, 50000); err != nil {
		t.Fatal(err)
	}
	t0 := time.Now()
	if err := sample.Fill(context.Background(), s, o, n, "x", time.Now(), func(done int) {}); err != nil {
		t.Fatal(err)
	}
	return time.Since(t0)
}

func TestMeasure2(t *testing.T) {
	ctx := context.Background()
	all := userIndexes()
	sets := map[string][]mongo.IndexModel{"none": nil, "all": all}
	for i, m := range all {
		sets[fmt.Sprint(i, m.Keys)] = []mongo.IndexModel{m}
	}
	for name, set := range sets {
		s := openDatabase(t, "roster_measure_"+time.Now().Format("150405000000"))
		s.indexed.Store(true)
		if set != nil {
			if _, err := s.users.Indexes().CreateMany(ctx, set); err != nil {
				t.Fatal(err)
			}
		}
		fmt.Println(fill(t, s, 4000), name)
		s.database.Drop(ctx)
	}
}
