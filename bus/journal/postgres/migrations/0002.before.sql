-- The book of scheduled runs, and of writers.
CREATE TABLE runs (
    tenant text COLLATE "C" NOT NULL,
    schedule text COLLATE "C" NOT NULL,
    due_ms bigint NOT NULL,
    job text NOT NULL,
    state text COLLATE "C" NOT NULL,
    fence bigint NOT NULL,
    owner text NOT NULL,
    until_ms bigint NOT NULL,
    attempts bigint NOT NULL,
    at_ms bigint NOT NULL,
    detail text NOT NULL,
    PRIMARY KEY (tenant, schedule, due_ms)
) WITH (fillfactor = 50);

CREATE INDEX runs_open ON runs (due_ms) WHERE state IN ('waiting', 'running');
CREATE INDEX runs_latest ON runs (due_ms DESC, tenant DESC, schedule DESC);
CREATE INDEX runs_age ON runs (at_ms);

-- One row per writer: the number of the last commit it made. It tells whether a commit was made when
-- the connection broke during it.
CREATE TABLE writers (
    name text COLLATE "C" PRIMARY KEY,
    number bigint NOT NULL,
    at_ms bigint NOT NULL
) WITH (fillfactor = 10);

CREATE INDEX writers_age ON writers (at_ms);
