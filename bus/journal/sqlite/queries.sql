-- Every statement of the engine: a name, a sentence, the statement. ``{name}`` inserts a fragment.

-- fragment: record
-- The columns a record is read from, in the order of ``rows.COLUMNS``.
id, tenant, key, infno, effect, recovery, digest, created_ms, state, fence, owner, msgid,
reversal_msgid, subject, mdtrt_id, updated_ms, next_at_ms, told, event_due, rest,
ifnull((SELECT body FROM request_bodies WHERE request_bodies.id = requests.id), x''),
ifnull((SELECT body FROM reply_bodies WHERE reply_bodies.id = requests.id), x'')

-- fragment: also
-- The terms of a search beside the one that drives it; an empty one means any.
(:tenant = '' OR tenant = :tenant) AND (:key = '' OR key = :key)
AND (:msgid = '' OR :msgid IN (msgid, reversal_msgid))
AND (:mdtrt_id = '' OR mdtrt_id = :mdtrt_id) AND (:subject = '' OR subject = :subject)
AND (:states = '[]' OR state IN (SELECT value FROM json_each(:states)))

-- name: begin
-- Insert a request unless its key exists or its visit is claimed.
INSERT INTO requests (
    tenant, key, infno, effect, recovery, digest, created_ms, state, open, fence, owner, msgid,
    reversal_msgid, claim, subject, mdtrt_id, updated_ms, next_at_ms, told, event_due, lines, rest
) VALUES (
    :tenant, :key, :infno, :effect, :recovery, :digest, :created_ms, :state, :open, :fence, :owner,
    :msgid, :reversal_msgid, :claim, :subject, :mdtrt_id, :updated_ms, :next_at_ms, :told,
    :event_due, 1, :rest
) ON CONFLICT DO NOTHING

-- name: by_key
-- The request of one key.
SELECT {record} FROM requests WHERE key = :key AND tenant = :tenant

-- name: claim_holder
-- The key of the open request that holds a visit.
SELECT key FROM requests WHERE claim = :claim AND tenant = :tenant

-- name: put_request
-- Keep the sealed body of a new request.
INSERT INTO request_bodies (id, body) VALUES (:id, :body)

-- name: put_reply
-- Keep the sealed reply.
INSERT INTO reply_bodies (id, body) VALUES (:id, :body)
ON CONFLICT (id) DO UPDATE SET body = excluded.body

-- name: drop_reply
-- The record has no reply now.
DELETE FROM reply_bodies WHERE id = :id

-- name: advance
-- Replace a request under its fence when the numbers it is searched by stay as they are: SQLite then
-- leaves four indexes alone. What was told is kept when the writer does not know it.
UPDATE requests SET
    state = :state, open = :open, owner = :owner, claim = :claim, updated_ms = :updated_ms,
    next_at_ms = :next_at_ms, told = CASE :told WHEN '' THEN told ELSE :told END,
    event_due = :event_due, lines = lines + 1, rest = :rest
WHERE key = :key AND tenant = :tenant AND fence = :fence AND msgid = :msgid
    AND reversal_msgid = :reversal_msgid AND subject = :subject AND mdtrt_id = :mdtrt_id
RETURNING id, lines

-- name: advance_renumbered
-- The same when one of those numbers changes.
UPDATE requests SET
    state = :state, open = :open, owner = :owner, claim = :claim, updated_ms = :updated_ms,
    next_at_ms = :next_at_ms, told = CASE :told WHEN '' THEN told ELSE :told END,
    event_due = :event_due, lines = lines + 1, rest = :rest, msgid = :msgid,
    reversal_msgid = :reversal_msgid, subject = :subject, mdtrt_id = :mdtrt_id
WHERE key = :key AND tenant = :tenant AND fence = :fence
RETURNING id, lines

-- name: one_more_line
-- Count one more line of a request's story.
UPDATE requests SET lines = lines + 1 WHERE key = :key AND tenant = :tenant RETURNING id, lines

-- name: add_story
-- Write the lines of a whole group at once.
INSERT INTO story (request, line, at_ms, fence, what, detail, owner)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
FROM json_each(:lines)

-- name: due
-- Open requests whose time has come, the longest waiting first.
SELECT {record} FROM requests
WHERE next_at_ms > 0 AND next_at_ms <= :now_ms AND open = 1
    AND (:tenant = '' OR tenant = :tenant)
ORDER BY next_at_ms, id LIMIT :limit

-- name: due_key
-- The request of one key when its time has come.
SELECT {record} FROM requests
WHERE key = :key AND tenant = :tenant AND next_at_ms > 0 AND next_at_ms <= :now_ms AND open = 1

-- name: take
-- Take a request over: fence, owner and the lease.
UPDATE requests SET fence = fence + 1, owner = :owner, next_at_ms = :until_ms, lines = lines + 1
WHERE id = :id RETURNING id, lines

-- name: find_key
-- Search driven by the key.
SELECT {record} FROM requests WHERE key = :key AND {also} ORDER BY id DESC LIMIT :limit

-- name: find_msgid
-- Search driven by the msgid of the request or of its reversal.
SELECT {record} FROM requests WHERE id IN (
    SELECT id FROM requests WHERE msgid = :msgid AND msgid <> ''
    UNION SELECT id FROM requests WHERE reversal_msgid = :msgid AND reversal_msgid <> ''
) AND {also} ORDER BY id DESC LIMIT :limit

-- name: find_mdtrt
-- Search driven by the visit number.
SELECT {record} FROM requests WHERE mdtrt_id = :mdtrt_id AND mdtrt_id <> '' AND {also}
ORDER BY id DESC LIMIT :limit

-- name: find_subject
-- Search driven by the person's digest.
SELECT {record} FROM requests WHERE subject = :subject AND subject <> '' AND {also}
ORDER BY id DESC LIMIT :limit

-- name: find_state
-- Search driven by one state.
SELECT {record} FROM requests WHERE state = :state AND {also} ORDER BY id DESC LIMIT :limit

-- name: find_newest
-- Search without a driving term: back from the newest until the limit is reached.
SELECT {record} FROM requests WHERE id > 0 AND {also} ORDER BY id DESC LIMIT :limit

-- name: story
-- The lines of one request.
SELECT at_ms, fence, what, detail, owner FROM story
WHERE request = (SELECT id FROM requests WHERE key = :key AND tenant = :tenant) ORDER BY line

-- name: outbox
-- Requests with an event owed, oldest first.
SELECT {record} FROM requests WHERE event_due = 1 ORDER BY id LIMIT :limit

-- name: event_sent
-- The event is no longer owed.
UPDATE requests SET event_due = 0 WHERE key = :key AND tenant = :tenant AND state = :state

-- name: told
-- Note what the HIS was told, for a whole group at once.
UPDATE requests SET told = said.value ->> 2
FROM json_each(:told) AS said
WHERE requests.key = said.value ->> 1 AND requests.tenant = said.value ->> 0

-- name: numbers
-- Where the message numbers of an institution stand.
SELECT second, next FROM msgid_seq WHERE prefix = :prefix

-- name: put_numbers
-- Note where they stand now.
INSERT INTO msgid_seq (prefix, second, next) VALUES (:prefix, :second, :next)
ON CONFLICT (prefix) DO UPDATE SET second = excluded.second, next = excluded.next

-- name: session
-- The session of an operator on a day.
SELECT tenant, opter, day, sign_no, state, owner, until_ms, at_ms FROM sessions
WHERE tenant = :tenant AND opter = :opter AND day = :day

-- name: open_sessions
-- Sessions that are open, of any day.
SELECT tenant, opter, day, sign_no, state, owner, until_ms, at_ms FROM sessions
WHERE state = 'open' AND (:tenant = '' OR tenant = :tenant) ORDER BY tenant, opter, day

-- name: put_session
-- Insert or replace a session.
INSERT INTO sessions (tenant, opter, day, sign_no, state, owner, until_ms, at_ms)
VALUES (:tenant, :opter, :day, :sign_no, :state, :owner, :until_ms, :at_ms)
ON CONFLICT (tenant, opter, day) DO UPDATE SET sign_no = excluded.sign_no, state = excluded.state,
    owner = excluded.owner, until_ms = excluded.until_ms, at_ms = excluded.at_ms

-- name: fact_put
-- Insert or replace a fact.
INSERT INTO facts (tenant, kind, subject, item, value, batch, mark, at_ms)
VALUES (:tenant, :kind, :subject, :item, :value, :batch, :mark, :at_ms)
ON CONFLICT (tenant, kind, subject, item) DO UPDATE SET value = excluded.value,
    batch = excluded.batch, mark = excluded.mark, at_ms = excluded.at_ms

-- name: fact_drop
-- Delete facts of a subject.
DELETE FROM facts
WHERE tenant = :tenant AND kind = :kind AND subject = :subject AND (:item = '' OR item = :item)
    AND (:batch = '' OR batch = :batch) AND (:where_mark IS NULL OR mark = :where_mark)

-- name: fact_mark
-- Set the mark of facts of a subject.
UPDATE facts SET mark = :mark
WHERE tenant = :tenant AND kind = :kind AND subject = :subject AND (:item = '' OR item = :item)
    AND (:batch = '' OR batch = :batch) AND (:where_mark IS NULL OR mark = :where_mark)

-- name: facts
-- All facts of a subject.
SELECT tenant, kind, subject, item, value, batch, mark, at_ms FROM facts
WHERE tenant = :tenant AND kind = :kind AND subject = :subject ORDER BY item

-- name: beat
-- Prove a durable write.
INSERT INTO heartbeat (one, at_ms) VALUES (1, :at_ms)
ON CONFLICT (one) DO UPDATE SET at_ms = excluded.at_ms

-- name: purge_requests
-- Delete final requests of one class older than the cut, with all that belongs to them.
DELETE FROM requests WHERE id IN (
    SELECT id FROM requests WHERE effect = :effect AND open = 0 AND event_due = 0
        AND updated_ms < :before_ms ORDER BY updated_ms, id LIMIT :limit
)

-- name: purge_facts
-- Delete facts older than the cut.
DELETE FROM facts WHERE at_ms < :before_ms

-- name: purge_sessions
-- Delete sign-ins of days before the cut.
DELETE FROM sessions WHERE day < :day

-- name: plan_run
-- Insert a run unless it is there.
INSERT INTO runs (tenant, schedule, due_ms, job, state, fence, owner, until_ms, attempts, at_ms, detail)
VALUES (:tenant, :schedule, :due_ms, :job, :state, :fence, :owner, :until_ms, :attempts, :at_ms, :detail)
ON CONFLICT DO NOTHING

-- name: runs_due
-- Runs that are due and that nobody works on.
SELECT tenant, schedule, due_ms, job, state, fence, owner, until_ms, attempts, at_ms, detail
FROM runs
WHERE state IN ('waiting', 'running') AND due_ms <= :now_ms AND until_ms <= :now_ms
    AND (:tenant = '' OR tenant = :tenant)
ORDER BY due_ms LIMIT :limit

-- name: put_run
-- Replace a run under its fence.
UPDATE runs SET job = :job, state = :state, owner = :owner, until_ms = :until_ms,
    attempts = :attempts, at_ms = :at_ms, detail = :detail
WHERE tenant = :tenant AND schedule = :schedule AND due_ms = :due_ms AND fence = :fence

-- name: take_run
-- Raise the fence of a run.
UPDATE runs SET fence = :fence
WHERE tenant = :tenant AND schedule = :schedule AND due_ms = :due_ms

-- name: runs
-- Runs, latest due first.
SELECT tenant, schedule, due_ms, job, state, fence, owner, until_ms, attempts, at_ms, detail
FROM runs
WHERE due_ms < :before_ms
    AND (:tenant = '' OR tenant = :tenant) AND (:schedule = '' OR schedule = :schedule)
    AND (:states = '[]' OR state IN (SELECT value FROM json_each(:states)))
ORDER BY due_ms DESC, tenant DESC, schedule DESC LIMIT :limit

-- name: purge_runs
-- Delete ended runs before the cut.
DELETE FROM runs WHERE at_ms < :before_ms AND state NOT IN ('waiting', 'running')
