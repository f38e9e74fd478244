package sqlite

import (
	"context"
	"database/sql"

	"roster/internal/directory"
)

// Settings of the connection while a store is filled: a page is to be written
// once, and what is sorted need not fit into memory.
const (
	fillSettings   = "PRAGMA cache_size = -128000; PRAGMA temp_store = FILE"
	filledSettings = "PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY; PRAGMA shrink_memory"
)

// Fill has do add very many people to a store, which it is given for that: all
// of them in one transaction, or none. What makes people findable is built when
// all are there, each index in its order, which takes a fraction of the time of
// adding to a dozen of them for each. So people who would not go together, or
// with those who are there, are found only then: ErrTaken. Nobody else writes
// meanwhile; those who read see the store as it was.
func (s *Store) Fill(ctx context.Context, do func(directory.Store) error) error {
	err := s.db.set(ctx, fillSettings)
	if err != nil {
		return err
	}
	err = s.db.write(ctx, func(t *tx) error {
		t.untold = true
		var last int64
		if err := t.row("SELECT coalesce(max(number), 0) FROM users").Scan(&last); err != nil {
			return err
		}
		indexes, err := t.dropIndexes()
		if err != nil {
			return err
		}
		db := &DB{reader: s.db.reader, writer: s.db.writer, memory: s.db.memory, within: t}
		if err := do(&Store{db}); err != nil {
			return err
		}
		for _, statement := range []string{
			"INSERT INTO keys (organization, key, user) SELECT organization, email, number FROM users WHERE number > ? ORDER BY organization, email",
			"INSERT INTO keys (organization, key, user) SELECT organization, username, number FROM users WHERE number > ? AND username <> email ORDER BY organization, username",
			`INSERT INTO words (organization, word, user, in_group)
				SELECT organization, value, number, in_group FROM users, json_each('["' || replace(substr(words, 2), char(10), '","') || '"]')
				WHERE number > ? AND words <> '' ORDER BY organization, value, number`,
		} {
			_, err := t.exec(statement, last)
			if violates(err) {
				return directory.ErrTaken
			}
			if err != nil {
				return err
			}
		}
		for _, index := range indexes {
			if err := t.script(index); err != nil {
				return err
			}
		}
		return nil
	})
	if again := s.db.set(context.WithoutCancel(ctx), filledSettings); err == nil {
		err = again
	}
	return err
}

// dropIndexes drops those of people, and answers how they are made again.
func (t *tx) dropIndexes() (made []string, err error) {
	var names []string
	err = t.rows("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'users' AND sql IS NOT NULL", nil,
		func(rows *sql.Rows) error {
			var name, text string
			err := rows.Scan(&name, &text)
			names, made = append(names, name), append(made, text)
			return err
		})
	for _, name := range names {
		if err == nil {
			err = t.script("DROP INDEX " + name)
		}
	}
	return made, err
}

// set changes settings of the connection that writes, outside of a transaction.
func (db *DB) set(ctx context.Context, settings string) error {
	select {
	case <-db.writer.closed:
		return translate(sql.ErrConnDone)
	case <-ctx.Done():
		return translate(ctx.Err())
	case <-db.writer.free:
		c := db.writer.take()
		defer func() { db.writer.give(c) }()
		if c == nil {
			return nil
		}
		_, err := c.ExecContext(ctx, settings)
		return translate(err)
	}
}
