-- The book of scheduled runs.
CREATE TABLE runs (
    tenant TEXT NOT NULL,
    schedule TEXT NOT NULL,
    due_ms INTEGER NOT NULL,
    job TEXT NOT NULL,
    state TEXT NOT NULL,
    fence INTEGER NOT NULL,
    owner TEXT NOT NULL,
    until_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (tenant, schedule, due_ms)
) STRICT, WITHOUT ROWID;

CREATE INDEX runs_open ON runs (due_ms) WHERE state IN ('waiting', 'running');
CREATE INDEX runs_latest ON runs (due_ms DESC, tenant DESC, schedule DESC);
CREATE INDEX runs_age ON runs (at_ms);
