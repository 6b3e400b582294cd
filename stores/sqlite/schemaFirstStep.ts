/** The first step of the schema (schemaSteps.ts): what every archive has had from the beginning. */
export const firstStep = `
-- The archive: the bytes as they will be sent, in order of acceptance. accepted_at never falls as seq rises.
CREATE TABLE records (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  code TEXT NOT NULL,
  iccid TEXT,
  request_id TEXT,
  platform_id TEXT,
  size INTEGER NOT NULL,
  accepted_at INTEGER NOT NULL,
  bytes BLOB NOT NULL
) STRICT;
-- Covers what splitting a window needs, so that planning never touches the records themselves.
CREATE INDEX records_by_window ON records (kind, code, seq, size);
CREATE INDEX records_by_card ON records (iccid) WHERE iccid IS NOT NULL;
CREATE INDEX records_by_request ON records (request_id) WHERE request_id IS NOT NULL;

CREATE TABLE totals (
  kind TEXT NOT NULL,
  code TEXT NOT NULL,
  records INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  first_accepted_at INTEGER NOT NULL,
  last_accepted_at INTEGER NOT NULL,
  PRIMARY KEY (kind, code)
) STRICT, WITHOUT ROWID;

-- One row: windows up to this time are planned, so that nothing may be accepted before it.
CREATE TABLE closing (id INTEGER PRIMARY KEY CHECK (id = 1), closed_until INTEGER NOT NULL) STRICT;
INSERT INTO closing VALUES (1, 0);

CREATE TABLE requests (
  request_id TEXT NOT NULL,
  platform_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  code TEXT NOT NULL,
  iccid TEXT,
  digest TEXT,
  text_digest TEXT,
  accepted_at INTEGER NOT NULL,
  PRIMARY KEY (request_id, platform_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_by_card ON requests (iccid) WHERE iccid IS NOT NULL;

-- State by card: {fields, tags, earlier} of each side as JSON.
CREATE TABLE cards (
  iccid TEXT PRIMARY KEY,
  registration TEXT,
  registration_at INTEGER,
  person TEXT,
  card TEXT,
  card_at INTEGER
) STRICT;
CREATE INDEX cards_by_person ON cards (person) WHERE person IS NOT NULL;
CREATE INDEX cards_waiting_for_card ON cards (iccid) WHERE card IS NULL;
CREATE INDEX cards_waiting_for_registration ON cards (iccid) WHERE registration IS NULL;

CREATE TABLE dead_letters (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  pipeline TEXT NOT NULL,
  origin TEXT NOT NULL,
  code TEXT NOT NULL,
  reason TEXT NOT NULL,
  tags TEXT NOT NULL,
  request_id TEXT,
  iccid TEXT,
  raw BLOB,
  at INTEGER NOT NULL,
  state TEXT NOT NULL,
  UNIQUE (pipeline, origin)
) STRICT;
CREATE INDEX dead_letters_by_state ON dead_letters (state, id);
CREATE INDEX dead_letters_by_request ON dead_letters (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX dead_letters_by_card ON dead_letters (iccid) WHERE iccid IS NOT NULL;

CREATE TABLE positions (
  pipeline TEXT NOT NULL,
  source TEXT NOT NULL,
  offset INTEGER NOT NULL,
  line INTEGER NOT NULL,
  fingerprint TEXT NOT NULL,
  PRIMARY KEY (pipeline, source)
) STRICT, WITHOUT ROWID;

-- direct: 1 where the records come from a file instead of the archive; positions are then counted by the chain.
CREATE TABLE windows (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  code TEXT NOT NULL,
  cutoff TEXT NOT NULL,
  type TEXT NOT NULL,
  direct INTEGER NOT NULL,
  from_position INTEGER NOT NULL,
  to_position INTEGER NOT NULL,
  records INTEGER NOT NULL,
  pipeline TEXT NOT NULL,
  state TEXT NOT NULL,
  planned_at INTEGER NOT NULL,
  delivered_at INTEGER,
  options TEXT NOT NULL DEFAULT '',
  UNIQUE (kind, code, type, cutoff)
) STRICT;
CREATE INDEX windows_open ON windows (pipeline, id) WHERE state = 'open';

CREATE TABLE files (
  base_name TEXT PRIMARY KEY,
  window_id INTEGER NOT NULL REFERENCES windows (id),
  plan TEXT NOT NULL,
  from_position INTEGER NOT NULL,
  to_position INTEGER NOT NULL,
  state TEXT NOT NULL,
  planned_at INTEGER NOT NULL,
  packed_name TEXT,
  path TEXT,
  bytes INTEGER,
  sm3 TEXT,
  packed_at INTEGER,
  delivered_at INTEGER,
  remote_path TEXT
) STRICT;
CREATE INDEX files_by_window ON files (window_id, from_position);
`;
