-- How many times the file has changed. Whoever keeps something of it in memory
-- learns from this number that another process has written; see memory.go.

CREATE TABLE changes (
	one INTEGER PRIMARY KEY CHECK (one = 1),
	n   INTEGER NOT NULL
) STRICT;

INSERT INTO changes VALUES (1, 0);
