import { firstStep } from './schemaFirstStep.js';

/**
 * The schema as a row of steps; `user_version` counts those taken. A step that has been released is never edited: a change
 * is a step of its own. Times are milliseconds since 1970, positions are `seq` of the record.
 */
export const steps: readonly string[] = [
  firstStep,
  `
  -- An album belongs to no window.
  CREATE TABLE files_2 (
    base_name TEXT PRIMARY KEY,
    window_id INTEGER REFERENCES windows (id),
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
  INSERT INTO files_2 SELECT * FROM files;
  DROP TABLE files;
  ALTER TABLE files_2 RENAME TO files;
  CREATE INDEX files_by_window ON files (window_id, from_position) WHERE window_id IS NOT NULL;

  -- Files that a deadline hangs on. stage: how many alarms have been told; next_stage_at: when the next is due.
  CREATE TABLE due_files (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    content TEXT NOT NULL,
    request_id TEXT NOT NULL,
    code TEXT NOT NULL,
    iccid TEXT NOT NULL,
    accepted_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'open',
    stage INTEGER NOT NULL DEFAULT 0,
    next_stage_at INTEGER,
    asked_at INTEGER,
    delivered_at INTEGER,
    expired_at INTEGER,
    failed_at INTEGER,
    reason TEXT
  ) STRICT;
  CREATE INDEX due_files_by_state ON due_files (content, state, id);
  CREATE INDEX due_files_by_stage ON due_files (next_stage_at) WHERE next_stage_at IS NOT NULL;
  CREATE INDEX due_files_by_request ON due_files (request_id);
  CREATE INDEX due_files_by_card ON due_files (iccid);
  `,
  `
  -- Records drawn for a reviewer (article 10), masked; the key of the draw is nobody's but this archive's.
  CREATE TABLE sampling (id INTEGER PRIMARY KEY CHECK (id = 1), key BLOB NOT NULL) STRICT;
  INSERT INTO sampling VALUES (1, randomblob(32));
  CREATE TABLE samples (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    pipeline TEXT NOT NULL,
    request_id TEXT,
    code TEXT,
    iccid TEXT,
    record TEXT NOT NULL,
    drawn_at INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'open',
    verdict TEXT,
    note TEXT,
    reviewed_at INTEGER
  ) STRICT;
  CREATE INDEX samples_open ON samples (id) WHERE state = 'open';
  CREATE INDEX samples_by_card ON samples (iccid) WHERE iccid IS NOT NULL;

  -- The log of purges (article 18): how many of what; finished_at is missing where one was broken off.
  CREATE TABLE purges (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    after_service_days INTEGER NOT NULL,
    cards INTEGER NOT NULL DEFAULT 0,
    records INTEGER NOT NULL DEFAULT 0,
    requests INTEGER NOT NULL DEFAULT 0,
    due_files INTEGER NOT NULL DEFAULT 0,
    dead_letters INTEGER NOT NULL DEFAULT 0,
    samples INTEGER NOT NULL DEFAULT 0,
    files INTEGER NOT NULL DEFAULT 0,
    pictures INTEGER NOT NULL DEFAULT 0,
    kept INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  `,
  `
  -- Files that others have sent, as the regulator keeps them. loaded: records taken from it so far.
  CREATE TABLE received_files (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sender TEXT NOT NULL,
    name TEXT NOT NULL,
    content TEXT NOT NULL,
    code TEXT NOT NULL,
    cutoff TEXT,
    type TEXT,
    sequence INTEGER,
    is_end INTEGER,
    request_id TEXT,
    bytes INTEGER NOT NULL,
    sm3 TEXT NOT NULL,
    items INTEGER NOT NULL,
    loaded INTEGER NOT NULL DEFAULT 0,
    twice INTEGER NOT NULL DEFAULT 0,
    twice_in TEXT,
    received_at INTEGER NOT NULL,
    UNIQUE (sender, name)
  ) STRICT;
  CREATE INDEX received_files_by_cutoff ON received_files (cutoff) WHERE cutoff IS NOT NULL;
  -- Which file holds which record, by the digest of sender, kind, code and bytes.
  CREATE TABLE received_records (
    digest BLOB NOT NULL,
    file_id INTEGER NOT NULL REFERENCES received_files (id),
    PRIMARY KEY (digest, file_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX due_files_by_time ON due_files (accepted_at);
  `,
  `
  -- One row where the records are kept elsewhere: the name of this ledger there. And the numbers that it gives them there.
  CREATE TABLE elsewhere (id INTEGER PRIMARY KEY CHECK (id = 1), ledger TEXT NOT NULL) STRICT;
  CREATE TABLE nodes (epoch INTEGER PRIMARY KEY, node INTEGER NOT NULL) STRICT;
  -- What others delivered before that is to be delivered again.
  ALTER TABLE windows ADD COLUMN reopened_at INTEGER;
  `,
  `
  -- Some archives have it already: it has stood in an earlier step for a while.
  CREATE INDEX IF NOT EXISTS due_files_expired ON due_files (content, state, id) WHERE expired_at IS NOT NULL;
  -- For a purge, which asks of each card whether a file that is still to come names it.
  CREATE INDEX due_files_by_term ON due_files (due_at) WHERE state IN ('open', 'asked');
  `,
  `
  -- Who sent: requests by day of acceptance (YYYYMMDD, Asia/Shanghai), platform, kind and code. It tells of companies alone, so
  -- a purge leaves it. Counted as they come: an index of the requests by time would cost each of them more.
  CREATE TABLE sent (
    day TEXT NOT NULL,
    platform_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    code TEXT NOT NULL,
    requests INTEGER NOT NULL,
    first_accepted_at INTEGER NOT NULL,
    last_accepted_at INTEGER NOT NULL,
    PRIMARY KEY (day, platform_id, kind, code)
  ) STRICT, WITHOUT ROWID;
  -- Row by row, so that nothing is sorted in memory. A platform stands before what tells its requests apart.
  INSERT INTO sent
    SELECT strftime('%Y%m%d', accepted_at / 1000, 'unixepoch', '+8 hours'),
      CASE
        WHEN kind = 'command' AND instr(platform_id, ' for ') > 0 THEN substr(platform_id, 1, instr(platform_id, ' for ') - 1)
        WHEN instr(platform_id, ' card ') > 0 THEN substr(platform_id, 1, instr(platform_id, ' card ') - 1)
        ELSE platform_id
      END,
      kind, code, 1, accepted_at, accepted_at
    FROM requests WHERE true
    ON CONFLICT DO UPDATE SET requests = requests + 1, first_accepted_at = min(first_accepted_at, excluded.first_accepted_at),
      last_accepted_at = max(last_accepted_at, excluded.last_accepted_at);
  `,
  `
  -- gone_at: since when the file that a position is of has not been found where it was. Rows are numbered, for a purge.
  CREATE TABLE positions_2 (
    id INTEGER PRIMARY KEY, pipeline TEXT NOT NULL, source TEXT NOT NULL,
    offset INTEGER NOT NULL, line INTEGER NOT NULL, fingerprint TEXT NOT NULL, gone_at INTEGER,
    UNIQUE (pipeline, source)
  ) STRICT;
  INSERT INTO positions_2 SELECT NULL, pipeline, source, offset, line, fingerprint, NULL FROM positions;
  DROP TABLE positions;
  ALTER TABLE positions_2 RENAME TO positions;
  ALTER TABLE purges ADD COLUMN positions INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE purges ADD COLUMN aside_files INTEGER NOT NULL DEFAULT 0;
  `,
  `
  -- Digest of the steps that packed a file: what was packed by others is packed again before it is delivered.
  ALTER TABLE files ADD COLUMN steps TEXT;
  `,
  `
  -- Where ClickHouse has the state by card, too: what of it has changed and is not there yet, in order; whose rows have gone here
  -- and are still to go there, with the last change before that; and this ledger's claim to it. state: loading (it comes from
  -- there, and the last card is how far it has come), whole, behind (something changed that has not been noted).
  CREATE TABLE card_changes (seq INTEGER PRIMARY KEY AUTOINCREMENT, iccid TEXT NOT NULL, side TEXT NOT NULL) STRICT;
  CREATE TABLE cards_gone (id INTEGER PRIMARY KEY AUTOINCREMENT, iccid TEXT NOT NULL, last_change INTEGER NOT NULL) STRICT;
  CREATE TABLE card_claim (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL,
    claim TEXT NOT NULL,
    state TEXT NOT NULL
  ) STRICT;
  -- Those that are due for several cards.
  CREATE INDEX IF NOT EXISTS due_files_of_cards ON due_files (iccid) WHERE instr(iccid, ',') > 0;
  `,
];
