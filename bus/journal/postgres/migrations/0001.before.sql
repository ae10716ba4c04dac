-- The first books. They mean the same as those of the SQLite engine. What is indexed is compared by
-- its bytes, so that no change of the system's sorting rules can ever spoil an index.

-- Rows are drawn their number before they are written, so that a commit needs no answer in between.
CREATE SEQUENCE requests_id;

-- One row per (tenant, key). Columns are what the engine searches or compares; ``rest`` is the JSON
-- of all other fields of the record, so that a new field needs no migration. It is kept as text:
-- jsonb refuses U+0000 and reorders. ``claim`` is the visit while the record is open, else NULL.
CREATE TABLE requests (
    id bigint PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    infno text NOT NULL,
    effect text COLLATE "C" NOT NULL,
    recovery text NOT NULL,
    digest text NOT NULL,
    created_ms bigint NOT NULL,
    state text COLLATE "C" NOT NULL,
    open smallint NOT NULL,
    fence bigint NOT NULL,
    owner text NOT NULL,
    msgid text COLLATE "C" NOT NULL,
    reversal_msgid text COLLATE "C" NOT NULL,
    claim text COLLATE "C",
    subject text COLLATE "C" NOT NULL,
    mdtrt_id text COLLATE "C" NOT NULL,
    updated_ms bigint NOT NULL,
    next_at_ms bigint NOT NULL,
    told text NOT NULL,
    event_due smallint NOT NULL,
    lines bigint NOT NULL,
    rest text NOT NULL
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- Sealed bodies by the request's id; no row where the body is empty. They do not compress.
CREATE TABLE request_bodies (id bigint PRIMARY KEY, body bytea NOT NULL);
CREATE TABLE reply_bodies (id bigint PRIMARY KEY, body bytea NOT NULL);
ALTER TABLE request_bodies ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE reply_bodies ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE UNIQUE INDEX requests_key ON requests (key, tenant);
CREATE UNIQUE INDEX requests_claim ON requests (claim, tenant) WHERE claim IS NOT NULL;
CREATE INDEX requests_due ON requests (next_at_ms, id) WHERE open = 1 AND next_at_ms > 0;
CREATE INDEX requests_outbox ON requests (id) WHERE event_due = 1;
CREATE INDEX requests_state ON requests (state, id);
CREATE INDEX requests_msgid ON requests (msgid) WHERE msgid <> '';
CREATE INDEX requests_reversal ON requests (reversal_msgid) WHERE reversal_msgid <> '';
CREATE INDEX requests_mdtrt ON requests (mdtrt_id, id) WHERE mdtrt_id <> '';
CREATE INDEX requests_subject ON requests (subject, id) WHERE subject <> '';
CREATE INDEX requests_final ON requests (effect, updated_ms, id) WHERE open = 0;

-- The lines of each request, in the order they were written.
CREATE TABLE story (
    request bigint NOT NULL,
    line bigint NOT NULL,
    at_ms bigint NOT NULL,
    fence bigint NOT NULL,
    what text NOT NULL,
    detail text NOT NULL,
    owner text NOT NULL,
    PRIMARY KEY (request, line)
);

-- Message numbers by the first 12 characters of the tenant: ``second`` is seconds since 1970,
-- ``next`` the first number not given away. The row is also the lock under which requests of the
-- institution begin.
CREATE TABLE msgid_seq (
    prefix text COLLATE "C" PRIMARY KEY,
    second bigint NOT NULL,
    next bigint NOT NULL
) WITH (fillfactor = 10);

CREATE TABLE sessions (
    tenant text COLLATE "C" NOT NULL,
    opter text COLLATE "C" NOT NULL,
    day text COLLATE "C" NOT NULL,
    sign_no text NOT NULL,
    state text COLLATE "C" NOT NULL,
    owner text NOT NULL,
    until_ms bigint NOT NULL,
    at_ms bigint NOT NULL,
    PRIMARY KEY (tenant, opter, day)
);

CREATE INDEX sessions_state ON sessions (state);
CREATE INDEX sessions_day ON sessions (day);

CREATE TABLE facts (
    tenant text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    item text COLLATE "C" NOT NULL,
    value text NOT NULL,
    batch text NOT NULL,
    mark text NOT NULL,
    at_ms bigint NOT NULL,
    PRIMARY KEY (tenant, kind, subject, item)
);

CREATE INDEX facts_age ON facts (at_ms);

-- The proof of a durable write: one row, rewritten by every check.
CREATE TABLE heartbeat (
    one smallint PRIMARY KEY CHECK (one = 1),
    at_ms bigint NOT NULL
) WITH (fillfactor = 10);
