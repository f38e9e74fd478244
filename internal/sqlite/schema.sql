-- The documents: organizations, users, claims and audit events. A document is
-- JSON in one column; beside it stand the values that an index is made of.
--
-- Times are milliseconds since 1970; the missing one is that of Go's zero time.

CREATE TABLE organizations (
	-- number stands for the organization in all other tables: an id would make
	-- each entry of each index 30 bytes longer.
	number        INTEGER PRIMARY KEY,
	id            TEXT    NOT NULL UNIQUE,
	slug          TEXT    NOT NULL UNIQUE,
	revision      INTEGER NOT NULL DEFAULT 1,
	-- due is Organization.DueAt; NULL when nothing is to be done.
	due           INTEGER,
	document      BLOB    NOT NULL,
	-- What claims are made against: the limit, how many seats stand in claims,
	-- and the version of the roles that claims were last fenced to.
	seat_limit    INTEGER NOT NULL,
	seats_used    INTEGER NOT NULL DEFAULT 0,
	roles_version INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX organizations_due ON organizations (due) WHERE due IS NOT NULL;

-- people are counted in groups, in the transaction that moves them.
CREATE TABLE groups (
	number       INTEGER PRIMARY KEY,
	organization INTEGER NOT NULL,
	status       TEXT    NOT NULL,
	role         TEXT    NOT NULL,
	two_factor   INTEGER NOT NULL,
	people       INTEGER NOT NULL DEFAULT 0,
	UNIQUE (organization, status, role, two_factor)
) STRICT;

CREATE TABLE users (
	number          INTEGER PRIMARY KEY,
	organization    INTEGER NOT NULL,
	id              TEXT    NOT NULL,
	revision        INTEGER NOT NULL,
	-- in_group is the user's row in groups; status is that group's.
	in_group        INTEGER NOT NULL,
	status          TEXT    NOT NULL,
	-- What lists are ordered by: directory.SortText, empty when missing.
	name            TEXT    NOT NULL,
	email           TEXT    NOT NULL,
	username        TEXT    NOT NULL,
	last_login      INTEGER NOT NULL,
	created         INTEGER NOT NULL,
	-- due is when the first entry of the outbox is; NULL when it is empty.
	due             INTEGER,
	-- SHA-256 of the tokens of the links; NULL while there is none.
	invitation_hash TEXT,
	reset_hash      TEXT,
	-- words are those in the table of that name, each behind a newline.
	words           TEXT    NOT NULL,
	document        BLOB    NOT NULL,
	UNIQUE (organization, id)
) STRICT;

-- A list is merged from streams, each a piece of one of these indexes in its
-- order: all people of a status, or of a group. So every page of every list is
-- read from where it begins, whatever it is filtered by and ordered by.
CREATE INDEX users_status_name       ON users (organization, status, name, id);
CREATE INDEX users_status_email      ON users (organization, status, email, id);
CREATE INDEX users_status_username   ON users (organization, status, username, id);
CREATE INDEX users_status_last_login ON users (organization, status, last_login, id);
CREATE INDEX users_status_created    ON users (organization, status, created, id);
CREATE INDEX users_group_name        ON users (in_group, name, id);
CREATE INDEX users_group_email       ON users (in_group, email, id);
CREATE INDEX users_group_username    ON users (in_group, username, id);
CREATE INDEX users_group_last_login  ON users (in_group, last_login, id);
CREATE INDEX users_group_created     ON users (in_group, created, id);

CREATE INDEX users_due        ON users (due)                           WHERE due IS NOT NULL;
CREATE INDEX users_invitation ON users (organization, invitation_hash) WHERE invitation_hash IS NOT NULL;
CREATE INDEX users_reset      ON users (organization, reset_hash)      WHERE reset_hash IS NOT NULL;

-- User.Keys, and whose they are.
CREATE TABLE keys (
	organization INTEGER NOT NULL,
	key          TEXT    NOT NULL,
	user         INTEGER NOT NULL,
	PRIMARY KEY (organization, key)
) STRICT, WITHOUT ROWID;

-- The words under which users are found, without those that begin another word
-- of the same user. The group is here so that matches can be filtered and
-- counted without a look at each user.
CREATE TABLE words (
	organization INTEGER NOT NULL,
	word         TEXT    NOT NULL,
	user         INTEGER NOT NULL,
	in_group     INTEGER NOT NULL,
	PRIMARY KEY (organization, word, user)
) STRICT, WITHOUT ROWID;

-- The members of an organization's sets of claims.
CREATE TABLE claims (
	organization INTEGER NOT NULL,
	-- kind is seat, administrator or moving.
	kind         TEXT    NOT NULL,
	user         TEXT    NOT NULL,
	-- mark is NULL when the claim is settled; begun is when it was marked.
	mark         TEXT,
	begun        INTEGER NOT NULL,
	PRIMARY KEY (organization, kind, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX claims_unsettled ON claims (begun)              WHERE mark IS NOT NULL;
CREATE INDEX claims_marks     ON claims (organization, mark) WHERE mark IS NOT NULL;

-- The audit log is walked by id, whatever it is filtered by: all of it, one
-- action at a time, or the events of one person.
CREATE TABLE events (
	organization INTEGER NOT NULL,
	id           TEXT    NOT NULL,
	action       TEXT    NOT NULL,
	document     BLOB    NOT NULL,
	PRIMARY KEY (organization, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX events_action ON events (organization, action, id);

-- Who did it, and to whom it was done. The action is here so that a person's
-- events can be filtered without a look at each.
CREATE TABLE event_people (
	organization INTEGER NOT NULL,
	person       TEXT    NOT NULL,
	id           TEXT    NOT NULL,
	action       TEXT    NOT NULL,
	PRIMARY KEY (organization, person, id)
) STRICT, WITHOUT ROWID;
