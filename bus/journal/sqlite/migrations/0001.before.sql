-- The first books.

-- One row per (tenant, key). Columns are what the engine searches or compares; ``rest`` is the JSON
-- of all other fields of the record, so that a new field needs no migration. ``claim`` is the visit
-- while the record is open, else NULL. ``lines`` counts the story's lines. The bodies are apart: so
-- the rows stay small, and a change of state does not write the bodies again.
CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    infno TEXT NOT NULL,
    effect TEXT NOT NULL,
    recovery TEXT NOT NULL,
    digest TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    open INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    owner TEXT NOT NULL,
    msgid TEXT NOT NULL,
    reversal_msgid TEXT NOT NULL,
    claim TEXT,
    subject TEXT NOT NULL,
    mdtrt_id TEXT NOT NULL,
    updated_ms INTEGER NOT NULL,
    next_at_ms INTEGER NOT NULL,
    told TEXT NOT NULL,
    event_due INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    rest TEXT NOT NULL
) STRICT;

-- Sealed bodies by the request's id; no row where the body is empty.
CREATE TABLE request_bodies (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE reply_bodies (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;

CREATE UNIQUE INDEX requests_key ON requests (key, tenant);
CREATE UNIQUE INDEX requests_claim ON requests (claim, tenant) WHERE claim IS NOT NULL;
CREATE INDEX requests_due ON requests (next_at_ms) WHERE next_at_ms > 0;
CREATE INDEX requests_outbox ON requests (id) WHERE event_due = 1;
CREATE INDEX requests_state ON requests (state, id);
CREATE INDEX requests_msgid ON requests (msgid) WHERE msgid <> '';
CREATE INDEX requests_reversal ON requests (reversal_msgid) WHERE reversal_msgid <> '';
CREATE INDEX requests_mdtrt ON requests (mdtrt_id) WHERE mdtrt_id <> '';
CREATE INDEX requests_subject ON requests (subject) WHERE subject <> '';
CREATE INDEX requests_final ON requests (effect, updated_ms) WHERE open = 0;

-- The lines of each request, in the order they were written.
CREATE TABLE story (
    request INTEGER NOT NULL,
    line INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    what TEXT NOT NULL,
    detail TEXT NOT NULL,
    owner TEXT NOT NULL,
    PRIMARY KEY (request, line)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER requests_purged AFTER DELETE ON requests BEGIN
    DELETE FROM request_bodies WHERE id = old.id;
    DELETE FROM reply_bodies WHERE id = old.id;
    DELETE FROM story WHERE request = old.id;
END;

-- Message numbers by the first 12 characters of the tenant, which is what a msgid shows of it:
-- ``second`` is seconds since 1970, ``next`` the first number not given away.
CREATE TABLE msgid_seq (
    prefix TEXT PRIMARY KEY,
    second INTEGER NOT NULL,
    next INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    tenant TEXT NOT NULL,
    opter TEXT NOT NULL,
    day TEXT NOT NULL,
    sign_no TEXT NOT NULL,
    state TEXT NOT NULL,
    owner TEXT NOT NULL,
    until_ms INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, opter, day)
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_state ON sessions (state);

CREATE TABLE facts (
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    item TEXT NOT NULL,
    value TEXT NOT NULL,
    batch TEXT NOT NULL,
    mark TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, kind, subject, item)
) STRICT, WITHOUT ROWID;

CREATE INDEX facts_age ON facts (at_ms);

-- The proof of a durable write: one row, rewritten by every check.
CREATE TABLE heartbeat (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    at_ms INTEGER NOT NULL
) STRICT;
