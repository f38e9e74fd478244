//go:build services

package mongo

import (
	"math"
	"os"
	"strconv"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"roster/internal/sample"
)

// TestSizesOfPeople measures what docs/scaling.md says of the documents and
// indexes of people, of 2,000 or of SCALING_PEOPLE, and holds the calculation
// against the documents that the server has.
func TestSizesOfPeople(t *testing.T) {
	n := 2000
	if text := os.Getenv("SCALING_PEOPLE"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	s := openStore(t)
	o := sampleOrganization()
	if err := s.InsertOrganization(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	o.SeatLimit = sample.Seats(n)
	if err := s.SetSeatLimit(t.Context(), o.ID, o.SeatLimit); err != nil {
		t.Fatal(err)
	}
	if err := sample.Fill(t.Context(), s, o, n, sampleHash, now, func(int) {}); err != nil {
		t.Fatal(err)
	}
	var stats struct {
		Size        float64          `bson:"size"`
		Count       float64          `bson:"count"`
		StorageSize int64            `bson:"storageSize"`
		Indexes     map[string]int64 `bson:"indexSizes"`
	}
	if err := s.database.RunCommand(t.Context(), bson.D{{Key: "collStats", Value: "users"}}).Decode(&stats); err != nil {
		t.Fatal(err)
	}
	t.Logf("%.0f people, %.0f bytes each, %d bytes in the store, indexes %v", stats.Count, stats.Size/stats.Count, stats.StorageSize, stats.Indexes)
	calculated := sizesOf(samplePeople(t, n)).user
	if math.Abs(stats.Size/stats.Count-calculated) > calculated/20 {
		t.Errorf("the server says %.0f bytes a person, calculated are %.0f", stats.Size/stats.Count, calculated)
	}
}
