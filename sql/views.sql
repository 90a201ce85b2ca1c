-- views.sql - what people look at with the sqlite3 shell
--
-- Made anew at every start of the agent.  Times are readable text in UTC.

DROP VIEW IF EXISTS lane_of_app;
DROP VIEW IF EXISTS exposure;
DROP VIEW IF EXISTS update_row;
DROP VIEW IF EXISTS v_reasons;
DROP VIEW IF EXISTS reason_words;
DROP VIEW IF EXISTS v_queue;
DROP VIEW IF EXISTS v_stuck;
DROP VIEW IF EXISTS v_requests;
DROP VIEW IF EXISTS v_identities;
DROP VIEW IF EXISTS v_windows;
DROP VIEW IF EXISTS v_conservation;

-- For each lane `mine`, the lanes of its kind that go to the same app: itself,
-- and those of outputs that share the app.
CREATE VIEW lane_of_app AS
SELECT mine.id AS mine, l.id AS lane
  FROM lane AS mine
 CROSS JOIN output AS m ON m.id = mine.output
 CROSS JOIN output AS o ON o.id = m.id OR o.app = m.app
 CROSS JOIN lane AS l ON l.output = o.id AND l.kind = mine.kind;

-- Of which events Heap may have something, by a request that was not refused
-- for certain: it arrived, it is out, it was not answered or by a failure, or
-- nothing is known of it any more.
CREATE VIEW exposure AS
SELECT e.id, e.attempts > 0 AND e.attempts > (SELECT count(*)
	  FROM (SELECT request FROM attempt WHERE event = e.id
		UNION ALL
		SELECT e.request WHERE e.request IS NOT NULL) AS a
	 CROSS JOIN request AS r ON r.id = a.request
	 WHERE r.never_left = 1 OR r.status BETWEEN 300 AND 499) AS exposed
  FROM event AS e;

-- A user-properties update as the agent merges it.  How long it has been
-- failing is told relative to its lane's clock, since each lane has its own.
CREATE VIEW update_row AS
SELECT e.id, e.payload, e.objects, e.sent, e.origins, e.chain, e.due_at,
       e.failures, e.failing_since,
       e.failing_open_ms - (SELECT open_ms FROM lane WHERE id = e.lane)
	AS failing_age,
       e.suspect, e.identity, e.lane, e.state
  FROM event AS e;

-- The words for every reason there is for being stuck or skipped, as parts of
-- a sentence: what happened to it, and what to do about it.  The agent makes
-- its own sentences of them, too.
CREATE VIEW reason_words (state, reason, what, hint) AS VALUES
('stuck', 'refused', 'Heap refused it, even when it was sent alone',
	'once what it objects to is mended, replay it, or discard it'),
('stuck', 'too_large', 'it has more than 10,000 objects, or Heap called it '
	|| 'too large when it was sent alone',
	'let its sender divide it, and discard this one'),
('stuck', 'failing', 'its requests failed again and again while those of '
	|| 'others arrived',
	'once the cause is mended, replay it, or discard it'),
('stuck', 'expired', 'it has been failing for longer than give_up_after '
	|| 'allows', 'replay it once Heap answers again, or discard it'),
('stuck', 'no_identity', 'its batch has no identity of the type that '
	|| 'external_id names',
	'set external_id to one that it has and replay it, or discard it'),
('stuck', 'identity_too_long', 'its identity is longer than the 255 '
	|| 'characters that Heap takes',
	'set external_id to another type and replay it with remap, or '
	|| 'discard it'),
('stuck', 'no_event_name', 'it is a custom event without a name, which Heap '
	|| 'does not take', 'let its sender name it, and discard this one'),
('skipped', 'duplicate', 'its batch was accepted before, under the same '
	|| 'source_request_id', 'nothing is to be done'),
('skipped', 'historical', 'it was posted as historical, which is stored and '
	|| 'not forwarded', 'post to /v2/bulkevents what should reach Heap'),
('skipped', 'historical_invalid', 'it was posted as historical without what '
	|| 'that needs, such as a time that is old enough',
	'post to /v2/bulkevents what should reach Heap'),
('skipped', 'development', 'its batch is of the environment development, for '
	|| 'which the output has no app',
	'to send it after all, set development_app_id and replay it with '
	|| 'remap'),
('skipped', 'web_client_side', 'its batch is of the platform web, which the '
	|| 'browser sends to Heap itself',
	'if it does not, set forward_web_requests_server_side and replay it '
	|| 'with remap'),
('skipped', 'event_type', 'Heap has nothing that events of its type could '
	|| 'become', 'nothing is to be done'),
('skipped', 'merged', 'a newer update of its identity carries its properties',
	'look at the event that merged_into names'),
('skipped', 'unchanged', 'Heap had been told the same properties not long '
	|| 'before', 'nothing is to be done'),
('skipped', 'superseded', 'newer updates of its identity have set all that '
	|| 'it says', 'nothing is to be done');

-- The same as sentences.
CREATE VIEW v_reasons AS
SELECT state, reason, upper(substr(what, 1, 1)) || substr(what, 2) || '.'
	AS what,
       upper(substr(hint, 1, 1)) || substr(hint, 2) || '.' AS hint
  FROM reason_words;

-- What is queued or in flight, oldest first.  The ids come from the partial
-- indexes and are put in order before anything else is read, so that neither
-- what is done with nor the length of the queue costs much; LIMIT -1 keeps
-- that order, and CROSS JOIN keeps what follows behind it.
CREATE VIEW v_queue AS
SELECT e.id AS event_id, o.name AS output, i.value AS identity, e.name,
       e.state, e.reason, e.attempts,
       strftime('%Y-%m-%dT%H:%M:%fZ', e.due_at / 1000.0, 'unixepoch') AS due_at,
       e.last_status, e.last_error,
       strftime('%Y-%m-%dT%H:%M:%fZ', e.received_at / 1000.0, 'unixepoch')
	AS received_at,
       CASE
	WHEN e.state = 'inflight' THEN
		'It is on its way to Heap, in request ' || e.request || '.'
	WHEN o.app IS NULL THEN
		'Its output is not in the configuration.'
	WHEN o.paused_at IS NOT NULL THEN
		strftime('Its output is paused since %Y-%m-%dT%H:%M:%SZ.',
		    o.paused_at / 1000, 'unixepoch')
	WHEN e.due_at IS NOT NULL THEN
		'It failed, and is sent again when due_at has come.'
	WHEN e.suspect IS NOT NULL THEN
		'It goes apart from others, with which it was refused.'
	WHEN w.next_at / 1000 > CAST(strftime('%s', '9999-12-31') AS INTEGER)
	    THEN 'Requests of its identity are on their way; it leaves '
		|| 'when they are answered.'
	WHEN w.next_at / 1000 > CAST(strftime('%s') AS INTEGER) THEN
		strftime('Its identity waits for room, until '
		|| '%Y-%m-%dT%H:%M:%SZ at least.', w.next_at / 1000,
		    'unixepoch')
	ELSE 'It is ready, and leaves when its turn comes and the breaker '
		|| 'is closed.'
	END AS what,
       CASE
	WHEN e.state = 'inflight' THEN
		'SELECT * FROM v_requests WHERE request_id = ' || e.request
	WHEN o.app IS NULL THEN
		'Put [output ' || o.name || '] back into the configuration, '
		|| 'or discard what waits for it.'
	WHEN o.paused_at IS NOT NULL THEN
		'heaprelayctl resume ' || o.name
	ELSE 'heaprelayctl why ' || e.id
	END AS hint
  FROM (SELECT id FROM (
	SELECT id FROM event INDEXED BY event_queued
	 WHERE state = 'queued' AND suspect IS NULL
	UNION ALL
	SELECT id FROM event INDEXED BY event_suspect
	 WHERE state = 'queued' AND suspect IS NOT NULL
	UNION ALL
	SELECT id FROM event INDEXED BY event_inflight
	 WHERE state = 'inflight')
	 ORDER BY id LIMIT -1) AS q
 CROSS JOIN event AS e ON e.id = q.id
 CROSS JOIN lane AS l ON l.id = e.lane
 CROSS JOIN output AS o ON o.id = l.output
  LEFT JOIN identity AS i ON i.id = e.identity
  LEFT JOIN waiting AS w ON w.lane = e.lane AND w.identity = e.identity;

-- What waits for a person, oldest first.
CREATE VIEW v_stuck AS
SELECT e.id AS event_id, o.name AS output, i.value AS identity, e.name,
       e.state, e.reason, e.attempts,
       strftime('%Y-%m-%dT%H:%M:%fZ', e.due_at / 1000.0, 'unixepoch') AS due_at,
       e.last_status, e.last_error,
       strftime('%Y-%m-%dT%H:%M:%fZ', e.received_at / 1000.0, 'unixepoch')
	AS received_at,
       r.what, r.hint
  FROM event AS e INDEXED BY event_stuck_id
 CROSS JOIN lane AS l ON l.id = e.lane
 CROSS JOIN output AS o ON o.id = l.output
  LEFT JOIN identity AS i ON i.id = e.identity
  LEFT JOIN v_reasons AS r ON r.state = 'stuck' AND r.reason = e.reason
 WHERE e.state = 'stuck'
 ORDER BY e.id;

-- What went to Heap, newest first; status 0: no answer.
CREATE VIEW v_requests AS
SELECT r.id AS request_id, o.name AS output, l.kind AS lane, r.form, r.objects,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.started_at / 1000.0, 'unixepoch')
	AS started_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.ended_at / 1000.0, 'unixepoch')
	AS ended_at,
       r.status, r.error, r.events, r.bytes, r.verdict, r.answer, r.parent
  FROM request AS r
 CROSS JOIN lane AS l ON l.id = r.lane
 CROSS JOIN output AS o ON o.id = l.output
 ORDER BY r.id DESC;

-- Who has something queued and ready, or stuck.
CREATE VIEW v_identities AS
SELECT o.name AS output, i.value AS identity, sum(q.queued) AS queued,
       sum(q.stuck) AS stuck,
       strftime('%Y-%m-%dT%H:%M:%fZ', min(q.next_at) / 1000.0, 'unixepoch')
	AS next_at
  FROM (SELECT lane, identity, ready AS queued, 0 AS stuck, next_at
	  FROM waiting
	UNION ALL
	SELECT lane, identity, 1, 0, due_at
	  FROM event
	 WHERE state = 'queued' AND due_at IS NOT NULL
	UNION ALL
	SELECT lane, identity, 1, 0, NULL
	  FROM event
	 WHERE state = 'queued' AND suspect IS NOT NULL AND due_at IS NULL
	UNION ALL
	SELECT lane, identity, 0, 1, NULL
	  FROM event
	 WHERE state = 'stuck' AND identity IS NOT NULL) AS q
  JOIN lane AS l ON l.id = q.lane
  JOIN output AS o ON o.id = l.output
  JOIN identity AS i ON i.id = q.identity
 GROUP BY o.name, i.value;

-- The use of every window now, as the wall clock has it.  The agent itself
-- measures by a clock that never steps; it may know of more, never of less.
CREATE VIEW v_windows AS
WITH clock (now) AS (
	SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)),
recent AS (
	SELECT r.id, r.app, l.kind, r.objects, r.ended_at
	  FROM request AS r
	  JOIN lane AS l ON l.id = r.lane
	 WHERE r.never_left = 0
	   AND (r.ended_at IS NULL OR r.ended_at > (SELECT now FROM clock) -
		(SELECT max(window_ms) FROM window_limit))),
mentioned AS (
	SELECT recent.*, ri.identity, ri.objects AS identity_objects
	  FROM recent
	  JOIN request_identity AS ri ON ri.request = recent.id),
used AS (
	SELECT o.id AS output, w.name, NULL AS identity, w.limit_n, w.window_ms,
	       sum(r.objects) AS used, min(r.ended_at) AS oldest
	  FROM window_limit AS w
	  JOIN output AS o ON o.id = w.output
	  JOIN recent AS r ON r.app = o.app AND r.kind = CASE w.name
		WHEN 'app_limit' THEN 'track'
		WHEN 'properties_app_limit' THEN 'user_properties' END
	   AND (r.ended_at IS NULL OR
		r.ended_at + w.window_ms >= (SELECT now FROM clock))
	 GROUP BY o.id, w.name
	UNION ALL
	SELECT o.id, w.name, m.identity, w.limit_n, w.window_ms,
	       sum(CASE w.name WHEN 'identity_limit' THEN m.identity_objects
		ELSE 1 END), min(m.ended_at)
	  FROM window_limit AS w
	  JOIN output AS o ON o.id = w.output
	  JOIN mentioned AS m ON m.app = o.app AND m.kind = CASE w.name
		WHEN 'track_limit' THEN 'track'
		WHEN 'identity_limit' THEN 'track'
		WHEN 'properties_limit' THEN 'user_properties' END
	   AND (m.ended_at IS NULL OR
		m.ended_at + w.window_ms >= (SELECT now FROM clock))
	 GROUP BY o.id, w.name, m.identity)
SELECT o.name AS output, u.name AS window, i.value AS identity, u.used,
       u.limit_n, u.window_ms,
       strftime('%Y-%m-%dT%H:%M:%fZ', (u.oldest + u.window_ms) / 1000.0,
	'unixepoch') AS frees_at
  FROM used AS u
  JOIN output AS o ON o.id = u.output
  LEFT JOIN identity AS i ON i.id = u.identity
 ORDER BY o.name, u.name, u.used DESC;

-- Nothing is lost: ok = 1.  Counts every event there is, so it takes a while
-- on a large database.
CREATE VIEW v_conservation AS
WITH stored (queued, inflight, delivered, stuck, discarded, skipped) AS (
	SELECT count(*) FILTER (WHERE state = 'queued'),
	       count(*) FILTER (WHERE state = 'inflight'),
	       count(*) FILTER (WHERE state = 'delivered'),
	       count(*) FILTER (WHERE state = 'stuck'),
	       count(*) FILTER (WHERE state = 'discarded'),
	       count(*) FILTER (WHERE state = 'skipped')
	  FROM event),
counted (accepted, pruned, erased, queued, inflight, delivered, stuck,
	discarded, skipped) AS (
	SELECT coalesce(sum(events) FILTER (WHERE name = 'accepted'), 0),
	       coalesce(sum(events) FILTER (WHERE name = 'pruned'), 0),
	       coalesce(sum(events) FILTER (WHERE name = 'erased'), 0),
	       coalesce(sum(events) FILTER (WHERE name = 'queued'), 0),
	       coalesce(sum(events) FILTER (WHERE name = 'inflight'), 0),
	       coalesce(sum(events) FILTER (WHERE name = 'delivered'), 0),
	       coalesce(sum(events) FILTER (WHERE name = 'stuck'), 0),
	       coalesce(sum(events) FILTER (WHERE name = 'discarded'), 0),
	       coalesce(sum(events) FILTER (WHERE name = 'skipped'), 0)
	  FROM tally)
SELECT s.queued, s.inflight, s.delivered, s.stuck, s.discarded, s.skipped,
       c.accepted, c.pruned, c.erased,
       c.accepted = s.queued + s.inflight + s.delivered + s.stuck +
	s.discarded + s.skipped + c.pruned + c.erased
       AND c.queued = s.queued AND c.inflight = s.inflight
       AND c.delivered = s.delivered AND c.stuck = s.stuck
       AND c.discarded = s.discarded AND c.skipped = s.skipped AS ok
  FROM stored AS s, counted AS c;
