package sqlite

import (
	"context"
	"encoding/json"

	"roster/internal/directory"
)

// Store keeps the documents of the directory.
type Store struct{ db *DB }

var _ directory.Store = (*Store)(nil)

// NewStore is the store in db.
func NewStore(db *DB) *Store { return &Store{db} }

// Ping answers nil when the file can be read and written.
func (s *Store) Ping(ctx context.Context) error { return s.db.Ping(ctx) }

// top is above all texts: no UTF-8 has this byte.
const top = "\xff"

// jsonOf makes a list a parameter, to be taken apart with json_each; so a
// statement's text does not depend on how long the list is.
func jsonOf[T any](list []T) string {
	text, err := json.Marshal(list)
	if err != nil {
		panic(err) // of strings and numbers only
	}
	return string(text)
}
