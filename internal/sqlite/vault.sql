-- What expires: sessions, half-finished sign-ins, counts of what is limited,
-- answers under idempotency keys. See vault.go.
-- Times are milliseconds since 1970.

CREATE TABLE sessions (
  organization     TEXT NOT NULL,
  token_hash       TEXT NOT NULL,
  id               TEXT NOT NULL,
  user             TEXT NOT NULL,
  created_at       INTEGER NOT NULL,
  last_used_at     INTEGER NOT NULL,
  expires_at       INTEGER NOT NULL,
  authenticated_at INTEGER NOT NULL,
  ip               TEXT NOT NULL,
  user_agent       TEXT NOT NULL,
  ends_at          INTEGER NOT NULL,
  PRIMARY KEY (organization, token_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (organization, user);
CREATE INDEX sessions_by_end ON sessions (ends_at);

CREATE TABLE challenges (
  organization        TEXT NOT NULL,
  token_hash          TEXT NOT NULL,
  user                TEXT NOT NULL,
  credentials_version INTEGER NOT NULL,
  expires_at          INTEGER NOT NULL,
  PRIMARY KEY (organization, token_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX challenges_by_end ON challenges (expires_at);

CREATE TABLE limits (
  organization TEXT NOT NULL,
  key          TEXT NOT NULL,
  uses         INTEGER NOT NULL,
  first_at     INTEGER NOT NULL,
  last_at      INTEGER NOT NULL,
  ends_at      INTEGER NOT NULL,
  PRIMARY KEY (organization, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX limits_by_end ON limits (ends_at);

CREATE TABLE requests (
  organization TEXT NOT NULL,
  key          TEXT NOT NULL,
  fingerprint  TEXT NOT NULL,
  answer       BLOB, -- NULL until there is one
  ends_at      INTEGER NOT NULL,
  PRIMARY KEY (organization, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_by_end ON requests (ends_at);
