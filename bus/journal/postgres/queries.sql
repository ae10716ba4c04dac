-- Every statement of the engine: a name, a sentence, the statement. ``{name}`` inserts a fragment.
-- Those of a whole group take one array per column. Arrays are in the order of their keys, so that
-- processes lock rows in the same order.

-- fragment: record
-- The columns a record is read from, in the order of ``rows.COLUMNS``.
id, tenant, key, infno, effect, recovery, digest, created_ms, state, fence, owner, msgid,
reversal_msgid, subject, mdtrt_id, updated_ms, next_at_ms, told, event_due, rest,
coalesce((SELECT body FROM request_bodies WHERE request_bodies.id = requests.id), ''::bytea),
coalesce((SELECT body FROM reply_bodies WHERE reply_bodies.id = requests.id), ''::bytea)

-- fragment: also
-- The terms of a search beside the one that drives it; an empty one means any.
(%(tenant)s::text = '' OR tenant = %(tenant)s::text) AND (%(key)s::text = '' OR key = %(key)s::text)
AND (%(msgid)s::text = '' OR %(msgid)s::text IN (msgid, reversal_msgid))
AND (%(mdtrt_id)s::text = '' OR mdtrt_id = %(mdtrt_id)s::text)
AND (%(subject)s::text = '' OR subject = %(subject)s::text)
AND (cardinality(%(states)s::text[]) = 0 OR state = ANY (%(states)s::text[]))

-- fragment: facts_meant
-- The facts of a subject that a drop or a mark means.
tenant = %(tenant)s::text AND kind = %(kind)s::text AND subject = %(subject)s::text
AND (%(item)s::text = '' OR item = %(item)s::text)
AND (%(batch)s::text = '' OR batch = %(batch)s::text)
AND (%(where_mark)s::text IS NULL OR mark = %(where_mark)s::text)

-- fragment: taken
-- Take the requests chosen over: fence, owner and the lease.
UPDATE requests SET fence = fence + 1, owner = %(owner)s::text, next_at_ms = %(until_ms)s::bigint,
    lines = lines + 1
FROM due WHERE id = due_id RETURNING {record}, lines, was_ms

-- name: session_setup
-- What the server promises, and no weaker promise for this connection than a commit on its disk.
SELECT current_setting('fsync'), set_config('synchronous_commit',
    CASE WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN 'on'
    ELSE current_setting('synchronous_commit') END, false)

-- name: begin_group
-- Start a commit. A server or a user that is read-only stays so.
BEGIN ISOLATION LEVEL READ COMMITTED

-- name: commit_group
-- Make it durable.
COMMIT

-- name: enrol_writer
-- A row for a writer, so that there is one to wait for. The server's own transaction numbers cannot
-- tell whether a commit was made: after a crash it gives those that never reached its disk again.
INSERT INTO writers (name, number, at_ms)
VALUES (%(name)s::text, 0, (extract(epoch FROM now()) * 1000)::bigint)
ON CONFLICT DO NOTHING

-- name: mark_group
-- The number of the writer's commit, kept if and only if the commit is.
INSERT INTO writers (name, number, at_ms)
VALUES (%(name)s::text, %(number)s::bigint, (extract(epoch FROM now()) * 1000)::bigint)
ON CONFLICT (name) DO UPDATE SET number = excluded.number, at_ms = excluded.at_ms

-- name: last_group
-- The number of its last commit; waits for one that is still being made.
SELECT number FROM writers WHERE name = %(name)s::text FOR UPDATE

-- name: purge_writers
-- Delete writers that have not written since the cut.
DELETE FROM writers WHERE at_ms < %(before_ms)s::bigint

-- name: lock_migrations
-- One process changes the schema at a time.
SELECT pg_advisory_xact_lock(%(lock)s::bigint)

-- name: migrations_book
-- Whether there are books at all. Asked of the catalogue by a query, since the server's own look-up of
-- a name may miss what another process has just made.
SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'migrations' AND pg_table_is_visible(oid))

-- name: migrations
-- The changes applied so far.
SELECT name FROM migrations

-- name: add_migration
-- Note a change as applied.
INSERT INTO migrations (name, applied_ms) VALUES (%(name)s::text, %(applied_ms)s::bigint)

-- name: draw_ids
-- Numbers for the rows to come.
SELECT nextval('requests_id') FROM generate_series(1, %(count)s::bigint)

-- name: seed_numbers
-- Message numbers of institutions that have none yet start at nothing.
INSERT INTO msgid_seq (prefix, second, next)
SELECT prefix, 0, 0 FROM unnest(%(prefix)s::text[]) AS new (prefix) ON CONFLICT DO NOTHING

-- name: numbers
-- Where the message numbers stand; others wait until this commit is made.
SELECT prefix, second, next FROM msgid_seq WHERE prefix = ANY (%(prefix)s::text[])
ORDER BY prefix FOR UPDATE

-- name: put_numbers
-- Note where they stand now.
UPDATE msgid_seq SET second = new.second, next = new.next
FROM unnest(%(prefix)s::text[], %(second)s::bigint[], %(next)s::bigint[])
    AS new (prefix, second, next)
WHERE msgid_seq.prefix = new.prefix

-- name: known
-- The requests of some keys.
SELECT {record} FROM unnest(%(key)s::text[], %(tenant)s::text[]) AS want (key, tenant)
JOIN requests USING (key, tenant)

-- name: claim_holders
-- The open requests that hold some visits.
SELECT tenant, claim, requests.key
FROM unnest(%(claim)s::text[], %(tenant)s::text[]) AS want (claim, tenant)
JOIN requests USING (claim, tenant)

-- name: begin
-- Insert requests that are new and whose visit is free.
INSERT INTO requests (
    id, tenant, key, infno, effect, recovery, digest, created_ms, state, open, fence, owner, msgid,
    reversal_msgid, claim, subject, mdtrt_id, updated_ms, next_at_ms, told, event_due, lines, rest
)
SELECT id, tenant, key, infno, effect, recovery, digest, created_ms, state, open, fence, owner,
    msgid, reversal_msgid, claim, subject, mdtrt_id, updated_ms, next_at_ms, told, event_due, 1,
    rest
FROM unnest(
    %(id)s::bigint[], %(tenant)s::text[], %(key)s::text[], %(infno)s::text[], %(effect)s::text[],
    %(recovery)s::text[], %(digest)s::text[], %(created_ms)s::bigint[], %(state)s::text[],
    %(open)s::bigint[], %(fence)s::bigint[], %(owner)s::text[], %(msgid)s::text[],
    %(reversal_msgid)s::text[], %(claim)s::text[], %(subject)s::text[], %(mdtrt_id)s::text[],
    %(updated_ms)s::bigint[], %(next_at_ms)s::bigint[], %(told)s::text[], %(event_due)s::bigint[],
    %(rest)s::text[]
) AS new (
    id, tenant, key, infno, effect, recovery, digest, created_ms, state, open, fence, owner, msgid,
    reversal_msgid, claim, subject, mdtrt_id, updated_ms, next_at_ms, told, event_due, rest
)

-- name: put_requests
-- Keep the sealed bodies of new requests.
INSERT INTO request_bodies (id, body)
SELECT id, body FROM unnest(%(id)s::bigint[], %(body)s::bytea[]) AS new (id, body)

-- name: put_replies
-- Keep sealed replies.
INSERT INTO reply_bodies (id, body)
SELECT id, body FROM unnest(%(id)s::bigint[], %(body)s::bytea[]) AS new (id, body)
ON CONFLICT (id) DO UPDATE SET body = excluded.body

-- name: drop_replies
-- These records have no reply now.
DELETE FROM reply_bodies WHERE id = ANY (%(id)s::bigint[])

-- name: advance
-- Replace requests under their fence. What was told is kept when the writer does not know it.
UPDATE requests SET
    state = new.state, open = new.open, owner = new.owner, claim = new.claim,
    updated_ms = new.updated_ms, next_at_ms = new.next_at_ms,
    told = CASE new.told WHEN '' THEN requests.told ELSE new.told END,
    event_due = new.event_due, lines = requests.lines + 1, rest = new.rest, msgid = new.msgid,
    reversal_msgid = new.reversal_msgid, subject = new.subject, mdtrt_id = new.mdtrt_id
FROM unnest(
    %(tenant)s::text[], %(key)s::text[], %(fence)s::bigint[], %(state)s::text[],
    %(open)s::bigint[], %(owner)s::text[], %(claim)s::text[], %(updated_ms)s::bigint[],
    %(next_at_ms)s::bigint[], %(told)s::text[], %(event_due)s::bigint[], %(rest)s::text[],
    %(msgid)s::text[], %(reversal_msgid)s::text[], %(subject)s::text[], %(mdtrt_id)s::text[]
) AS new (
    tenant, key, fence, state, open, owner, claim, updated_ms, next_at_ms, told, event_due, rest,
    msgid, reversal_msgid, subject, mdtrt_id
)
WHERE requests.key = new.key AND requests.tenant = new.tenant AND requests.fence = new.fence
RETURNING requests.tenant, requests.key, requests.id, requests.lines

-- name: late
-- One more line of a request's story, and nothing else.
WITH counted AS (
    UPDATE requests SET lines = lines + 1
    WHERE key = %(key)s::text AND tenant = %(tenant)s::text RETURNING id, lines
)
INSERT INTO story (request, line, at_ms, fence, what, detail, owner)
SELECT id, lines, %(at_ms)s::bigint, %(fence)s::bigint, %(what)s::text, %(detail)s::text,
    %(owner)s::text
FROM counted

-- name: add_story
-- Write the lines of a whole group at once.
INSERT INTO story (request, line, at_ms, fence, what, detail, owner)
SELECT request, line, at_ms, fence, what, detail, owner
FROM unnest(
    %(request)s::bigint[], %(line)s::bigint[], %(at_ms)s::bigint[], %(fence)s::bigint[],
    %(what)s::text[], %(detail)s::text[], %(owner)s::text[]
) AS new (request, line, at_ms, fence, what, detail, owner)

-- name: take_due
-- Take open requests over whose time has come, the longest waiting first; those another process
-- is just working on are left to it.
WITH due AS (
    SELECT id AS due_id, next_at_ms AS was_ms FROM requests
    WHERE next_at_ms > 0 AND next_at_ms <= %(now_ms)s::bigint AND open = 1
        AND (%(tenant)s::text = '' OR tenant = %(tenant)s::text)
    ORDER BY next_at_ms, id LIMIT %(limit)s::bigint FOR UPDATE SKIP LOCKED
)
{taken}

-- name: take_key
-- Take the request of one key over when its time has come.
WITH due AS (
    SELECT id AS due_id, next_at_ms AS was_ms FROM requests
    WHERE key = %(key)s::text AND tenant = %(tenant)s::text AND next_at_ms > 0
        AND next_at_ms <= %(now_ms)s::bigint AND open = 1
    FOR UPDATE
)
{taken}

-- name: find_key
-- Search driven by the key.
SELECT {record} FROM requests WHERE key = %(key)s::text AND {also}
ORDER BY id DESC LIMIT %(limit)s::bigint

-- name: find_msgid
-- Search driven by the msgid of the request or of its reversal.
SELECT {record} FROM requests WHERE id IN (
    SELECT id FROM requests WHERE msgid = %(msgid)s::text AND msgid <> ''
    UNION SELECT id FROM requests WHERE reversal_msgid = %(msgid)s::text AND reversal_msgid <> ''
) AND {also} ORDER BY id DESC LIMIT %(limit)s::bigint

-- name: find_mdtrt
-- Search driven by the visit number.
SELECT {record} FROM requests WHERE mdtrt_id = %(mdtrt_id)s::text AND mdtrt_id <> '' AND {also}
ORDER BY id DESC LIMIT %(limit)s::bigint

-- name: find_subject
-- Search driven by the person's digest.
SELECT {record} FROM requests WHERE subject = %(subject)s::text AND subject <> '' AND {also}
ORDER BY id DESC LIMIT %(limit)s::bigint

-- name: find_state
-- Search driven by one state.
SELECT {record} FROM requests WHERE state = %(state)s::text AND {also}
ORDER BY id DESC LIMIT %(limit)s::bigint

-- name: find_newest
-- Search without a driving term: back from the newest until the limit is reached.
SELECT {record} FROM requests WHERE id > 0 AND {also} ORDER BY id DESC LIMIT %(limit)s::bigint

-- name: story
-- The lines of one request.
SELECT at_ms, fence, what, detail, owner FROM story
WHERE request = (
    SELECT id FROM requests WHERE key = %(key)s::text AND tenant = %(tenant)s::text
) ORDER BY line

-- name: outbox
-- Requests with an event owed, oldest first.
SELECT {record} FROM requests WHERE event_due = 1 ORDER BY id LIMIT %(limit)s::bigint

-- name: event_sent
-- The event is no longer owed.
UPDATE requests SET event_due = 0
WHERE key = %(key)s::text AND tenant = %(tenant)s::text AND state = %(state)s::text

-- name: told
-- Note what the HIS was told, for a whole group at once.
UPDATE requests SET told = said.status
FROM unnest(%(tenant)s::text[], %(key)s::text[], %(status)s::text[]) AS said (tenant, key, status)
WHERE requests.key = said.key AND requests.tenant = said.tenant

-- name: session
-- The session of an operator on a day.
SELECT tenant, opter, day, sign_no, state, owner, until_ms, at_ms FROM sessions
WHERE tenant = %(tenant)s::text AND opter = %(opter)s::text AND day = %(day)s::text

-- name: session_to_claim
-- The same; nobody else changes it until this commit is made.
SELECT tenant, opter, day, sign_no, state, owner, until_ms, at_ms FROM sessions
WHERE tenant = %(tenant)s::text AND opter = %(opter)s::text AND day = %(day)s::text FOR UPDATE

-- name: open_sessions
-- Sessions that are open, of any day.
SELECT tenant, opter, day, sign_no, state, owner, until_ms, at_ms FROM sessions
WHERE state = 'open' AND (%(tenant)s::text = '' OR tenant = %(tenant)s::text)
ORDER BY tenant, opter, day

-- name: first_session
-- Insert a session unless another process was quicker.
INSERT INTO sessions (tenant, opter, day, sign_no, state, owner, until_ms, at_ms)
VALUES (%(tenant)s::text, %(opter)s::text, %(day)s::text, %(sign_no)s::text, %(state)s::text,
    %(owner)s::text, %(until_ms)s::bigint, %(at_ms)s::bigint)
ON CONFLICT DO NOTHING

-- name: put_session
-- Insert or replace a session.
INSERT INTO sessions (tenant, opter, day, sign_no, state, owner, until_ms, at_ms)
VALUES (%(tenant)s::text, %(opter)s::text, %(day)s::text, %(sign_no)s::text, %(state)s::text,
    %(owner)s::text, %(until_ms)s::bigint, %(at_ms)s::bigint)
ON CONFLICT (tenant, opter, day) DO UPDATE SET sign_no = excluded.sign_no, state = excluded.state,
    owner = excluded.owner, until_ms = excluded.until_ms, at_ms = excluded.at_ms

-- name: facts_put
-- Insert or replace facts.
INSERT INTO facts (tenant, kind, subject, item, value, batch, mark, at_ms)
SELECT tenant, kind, subject, item, value, batch, mark, at_ms
FROM unnest(
    %(tenant)s::text[], %(kind)s::text[], %(subject)s::text[], %(item)s::text[],
    %(value)s::text[], %(batch)s::text[], %(mark)s::text[], %(at_ms)s::bigint[]
) AS new (tenant, kind, subject, item, value, batch, mark, at_ms)
ON CONFLICT (tenant, kind, subject, item) DO UPDATE SET value = excluded.value,
    batch = excluded.batch, mark = excluded.mark, at_ms = excluded.at_ms

-- name: fact_drop
-- Delete facts of a subject.
DELETE FROM facts WHERE {facts_meant}

-- name: fact_mark
-- Set the mark of facts of a subject.
UPDATE facts SET mark = %(mark)s::text WHERE {facts_meant}

-- name: facts
-- All facts of a subject.
SELECT tenant, kind, subject, item, value, batch, mark, at_ms FROM facts
WHERE tenant = %(tenant)s::text AND kind = %(kind)s::text AND subject = %(subject)s::text
ORDER BY item

-- name: beat
-- Prove a durable write.
INSERT INTO heartbeat (one, at_ms) VALUES (1, %(at_ms)s::bigint)
ON CONFLICT (one) DO UPDATE SET at_ms = excluded.at_ms

-- name: purge_requests
-- Delete final requests of one class older than the cut, with all that belongs to them.
WITH old AS (
    SELECT id FROM requests WHERE effect = %(effect)s::text AND open = 0 AND event_due = 0
        AND updated_ms < %(before_ms)s::bigint
    ORDER BY updated_ms, id LIMIT %(limit)s::bigint FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM requests USING old WHERE requests.id = old.id RETURNING requests.id
), asked AS (
    DELETE FROM request_bodies USING old WHERE request_bodies.id = old.id
), answered AS (
    DELETE FROM reply_bodies USING old WHERE reply_bodies.id = old.id
), lines AS (
    DELETE FROM story USING old WHERE story.request = old.id
)
SELECT id FROM gone

-- name: purge_facts
-- Delete facts older than the cut.
DELETE FROM facts WHERE at_ms < %(before_ms)s::bigint

-- name: purge_sessions
-- Delete sign-ins of days before the cut.
DELETE FROM sessions WHERE day < %(day)s::text

-- name: plan_run
-- Insert a run unless it is there.
INSERT INTO runs (tenant, schedule, due_ms, job, state, fence, owner, until_ms, attempts, at_ms, detail)
VALUES (%(tenant)s::text, %(schedule)s::text, %(due_ms)s::bigint, %(job)s::text, %(state)s::text,
    %(fence)s::bigint, %(owner)s::text, %(until_ms)s::bigint, %(attempts)s::bigint,
    %(at_ms)s::bigint, %(detail)s::text)
ON CONFLICT DO NOTHING

-- name: take_runs
-- Lease runs that are due and that nobody works on; another process takes others.
WITH due AS MATERIALIZED (
    SELECT tenant, schedule, due_ms FROM runs
    WHERE state IN ('waiting', 'running') AND due_ms <= %(now_ms)s::bigint
        AND until_ms <= %(now_ms)s::bigint
        AND (%(tenant)s::text = '' OR tenant = %(tenant)s::text)
    ORDER BY due_ms LIMIT %(limit)s::bigint FOR UPDATE SKIP LOCKED
)
UPDATE runs SET state = 'running', fence = fence + 1, attempts = attempts + 1,
    owner = %(owner)s::text, until_ms = %(until_ms)s::bigint, at_ms = %(now_ms)s::bigint
FROM due
WHERE runs.tenant = due.tenant AND runs.schedule = due.schedule AND runs.due_ms = due.due_ms
RETURNING runs.tenant, runs.schedule, runs.due_ms, runs.job, runs.state, runs.fence, runs.owner, runs.until_ms, runs.attempts, runs.at_ms, runs.detail

-- name: put_run
-- Replace a run under its fence.
UPDATE runs SET job = %(job)s::text, state = %(state)s::text, owner = %(owner)s::text,
    until_ms = %(until_ms)s::bigint, attempts = %(attempts)s::bigint, at_ms = %(at_ms)s::bigint,
    detail = %(detail)s::text
WHERE tenant = %(tenant)s::text AND schedule = %(schedule)s::text AND due_ms = %(due_ms)s::bigint
    AND fence = %(fence)s::bigint

-- name: runs
-- Runs, latest due first.
SELECT tenant, schedule, due_ms, job, state, fence, owner, until_ms, attempts, at_ms, detail
FROM runs
WHERE due_ms < %(before_ms)s::bigint
    AND (%(tenant)s::text = '' OR tenant = %(tenant)s::text)
    AND (%(schedule)s::text = '' OR schedule = %(schedule)s::text)
    AND (cardinality(%(states)s::text[]) = 0 OR state = ANY (%(states)s::text[]))
ORDER BY due_ms DESC, tenant DESC, schedule DESC LIMIT %(limit)s::bigint

-- name: purge_runs
-- Delete ended runs before the cut.
DELETE FROM runs WHERE at_ms < %(before_ms)s::bigint AND state NOT IN ('waiting', 'running')
