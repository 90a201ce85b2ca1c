-- inspect.sql - what operators look at; reads only
--
-- Lists go down the ids: event by event through inspect_match, or, where a
-- state has few events, through its index.  Whoever asks gives up after some
-- time and goes on below the last id that was looked at.

--: inspect_match
-- Which events of a range fit a filter; a parameter that is NULL asks nothing.
SELECT e.id,
       CASE WHEN (:state IS NULL OR e.state = :state)
	 AND (:reason IS NULL OR e.reason = :reason)
	 AND (:status IS NULL OR e.last_status = :status)
	 AND (:name IS NULL OR e.name = :name)
	 AND e.received_at >= :since AND e.received_at < :until
	 AND (:output IS NULL OR e.lane IN (SELECT l.id FROM lane AS l
		JOIN output AS o ON o.id = l.output WHERE o.name = :output))
	 AND (:identity IS NULL OR e.identity =
		(SELECT i.id FROM identity AS i WHERE i.value = :identity))
	 AND (:input IS NULL OR
		(SELECT b.input FROM batch AS b WHERE b.id = e.batch) = :input)
	THEN 1 ELSE 0 END
  FROM event AS e
 WHERE e.id BETWEEN :first AND :last
 ORDER BY e.id DESC;

--: inspect_count
-- How many events are in a state.
SELECT coalesce(sum(events), 0) FROM tally WHERE name = :state;

--: inspect_queued
SELECT id FROM (
	SELECT id FROM event INDEXED BY event_queued
	 WHERE state = 'queued' AND suspect IS NULL
	   AND lane IN (SELECT id FROM lane) AND id < :before
	UNION ALL
	SELECT id FROM event INDEXED BY event_suspect
	 WHERE state = 'queued' AND suspect IS NOT NULL
	   AND lane IN (SELECT id FROM lane) AND id < :before)
 ORDER BY id DESC;

--: inspect_inflight
SELECT id FROM event INDEXED BY event_inflight
 WHERE state = 'inflight' AND request > 0 AND id < :before
 ORDER BY id DESC;

--: inspect_stuck
SELECT id FROM event INDEXED BY event_stuck
 WHERE state = 'stuck' AND lane IN (SELECT id FROM lane) AND id < :before
 ORDER BY id DESC;

--: inspect_ended
-- Delivered, skipped, discarded.
SELECT id FROM event INDEXED BY event_ended
 WHERE state = :state AND ended_at IS NOT NULL AND id < :before
 ORDER BY id DESC;

--: inspect_event
-- One event; its payload, its batch and the words for its reason only if they
-- are asked for.
SELECT e.id, o.name, l.kind, i.value, e.name, e.objects, e.state, e.reason,
       e.attempts, e.due_at, e.last_status, e.last_error, b.input,
       b.environment, e.received_at, e.event_at, e.ended_at, e.batch,
       b.receipt_id, e.generation, e.merged_into, e.lane, e.event_index,
       e.suspect, o.paused_at, w.next_at, CASE WHEN e.sent = 0 THEN e.objects
	ELSE e.objects - e.objects * e.sent / length(CAST(e.payload AS BLOB))
	END,
       CASE WHEN :whole THEN e.payload END, CASE WHEN :whole THEN b.body END,
       CASE WHEN :whole THEN (SELECT what FROM reason_words AS r
	WHERE r.state = e.state AND r.reason = e.reason) END,
       CASE WHEN :whole THEN (SELECT hint FROM reason_words AS r
	WHERE r.state = e.state AND r.reason = e.reason) END
  FROM event AS e
  JOIN lane AS l ON l.id = e.lane
  JOIN output AS o ON o.id = l.output
  JOIN batch AS b ON b.id = e.batch
  LEFT JOIN identity AS i ON i.id = e.identity
  LEFT JOIN waiting AS w ON w.lane = e.lane AND w.identity = e.identity
 WHERE e.id = :id;

--: inspect_requests
-- What went to Heap, newest first.  How long an interrupted one took is not
-- known.
SELECT r.id, o.name, l.kind, r.form, r.events, r.objects, r.bytes, r.parent,
       r.started_at, r.ended_at, CASE WHEN r.verdict <> 'interrupted'
	THEN r.ended_boot - r.started_boot END,
       r.status, r.never_left, r.verdict, r.error, r.answer
  FROM request AS r
 CROSS JOIN lane AS l ON l.id = r.lane
 CROSS JOIN output AS o ON o.id = l.output
 WHERE r.id < :before
 ORDER BY r.id DESC;

--: inspect_event_requests
-- Those that carried an event, in the order of time; of very many the newest.
SELECT r.id, o.name, l.kind, r.form, r.events, r.objects, r.bytes, r.parent,
       r.started_at, r.ended_at, CASE WHEN r.verdict <> 'interrupted'
	THEN r.ended_boot - r.started_boot END,
       r.status, r.never_left, r.verdict, r.error, r.answer
  FROM (SELECT request FROM attempt WHERE event = :event
	UNION
	SELECT request FROM event WHERE id = :event AND request IS NOT NULL
	 ORDER BY request DESC LIMIT :n) AS a
 CROSS JOIN request AS r ON r.id = a.request
 CROSS JOIN lane AS l ON l.id = r.lane
 CROSS JOIN output AS o ON o.id = l.output
 ORDER BY r.id;

--: inspect_outputs
-- The one of that name, or all.
SELECT o.id, o.name, a.app_id, a.base_url, a.factor, o.paused_at
  FROM output AS o
  LEFT JOIN app AS a ON a.id = o.app
 WHERE :name IS NULL OR o.name = :name
 ORDER BY o.name;

--: inspect_output_counts
SELECT t.name, sum(t.events)
  FROM lane AS l
  JOIN tally AS t ON t.lane = l.id
 WHERE l.output = :output
 GROUP BY t.name;

--: inspect_due
-- By output, since when the event that has been due longest could have left,
-- NULL when none is due: an identity is looked at from next_at on, a deferred
-- event is released at due_at, one under suspicion may go again since the
-- request that put it there ended.  Outputs that are not configured or are
-- paused send nothing, so they are left out; nor does the time count in which
-- one was paused.
WITH sends (lane, output, since) AS MATERIALIZED (
	SELECT l.id, o.id, coalesce(o.resumed_at, 0)
	  FROM lane AS l JOIN output AS o ON o.id = l.output
	 WHERE o.app IS NOT NULL AND o.paused_at IS NULL),
due (output, at) AS (
	SELECT s.output, max(s.since, (SELECT w.next_at FROM waiting AS w
		 WHERE w.lane = s.lane ORDER BY w.next_at LIMIT 1))
	  FROM sends AS s
	UNION ALL
	SELECT s.output, min(max(s.since, e.due_at))
	  FROM event AS e INDEXED BY event_deferred
	 CROSS JOIN sends AS s ON s.lane = e.lane
	 WHERE e.state = 'queued' AND e.due_at <= :now
	 GROUP BY s.output
	UNION ALL
	SELECT s.output, min(max(s.since, r.ended_at)) FROM sends AS s
	 CROSS JOIN event AS e INDEXED BY event_suspect ON e.lane = s.lane
	 CROSS JOIN request AS r ON r.id = e.request
	 WHERE e.state = 'queued' AND e.suspect IS NOT NULL
	   AND e.due_at IS NULL
	 GROUP BY s.output)
SELECT o.name, min(iif(d.at <= :now, d.at, NULL))
  FROM due AS d
  JOIN output AS o ON o.id = d.output
 GROUP BY o.id;

--: backlog_lanes
-- Every lane with how much is queued in it.
SELECT l.id, o.name, l.kind, o.app IS NOT NULL, o.paused_at,
       coalesce(t.events, 0)
  FROM lane AS l
  JOIN output AS o ON o.id = l.output
  LEFT JOIN tally AS t ON t.lane = l.id AND t.name = 'queued'
 ORDER BY o.name, l.kind;

--: backlog_latency
-- How long the last requests that arrived took, in the mean.
SELECT avg(ended_boot - started_boot)
  FROM (SELECT * FROM request WHERE lane = :lane ORDER BY id DESC LIMIT 32)
 WHERE verdict = 'delivered';

--: backlog_deferred
-- The event that is due last; behind a thousand of other lanes it is not
-- looked for.
SELECT d.due_at, i.value
  FROM (SELECT lane, identity, due_at FROM event INDEXED BY event_deferred
	 WHERE state = 'queued' AND due_at IS NOT NULL
	 ORDER BY due_at DESC LIMIT 1000) AS d
  LEFT JOIN identity AS i ON i.id = d.identity
 WHERE d.lane = :lane
 ORDER BY d.due_at DESC LIMIT 1;

--: backlog_longest
-- Whose backlogs are the longest: of those that the planner has measured, and
-- of those that are next in turn.
SELECT w.identity, i.value, w.ready, w.next_at
  FROM (SELECT * FROM (SELECT identity, ready, next_at FROM waiting
	 WHERE lane = :lane AND level IS NOT NULL
	 ORDER BY level DESC LIMIT :measured)
	UNION
	SELECT * FROM (SELECT identity, ready, next_at FROM waiting
	 WHERE lane = :lane ORDER BY next_at LIMIT :measured)) AS w
  JOIN identity AS i ON i.id = w.identity
 ORDER BY w.ready DESC, w.identity LIMIT :n;

--: backlog_objects
-- An identity's oldest ready events below an id: how many, with how many
-- objects that have not been delivered in slices.
SELECT count(*), coalesce(sum(objects), 0)
  FROM (SELECT CASE WHEN sent = 0 THEN objects ELSE objects - objects * sent /
		length(CAST(payload AS BLOB)) END AS objects
	  FROM event INDEXED BY event_queued
	 WHERE state = 'queued' AND suspect IS NULL AND due_at IS NULL
	   AND lane = :lane AND identity = :identity AND id < :before
	 ORDER BY id LIMIT :n);

--: backlog_ahead
-- The same without the objects, which lie in the table itself.
SELECT count(*)
  FROM (SELECT 1 FROM event INDEXED BY event_queued
	 WHERE state = 'queued' AND suspect IS NULL AND due_at IS NULL
	   AND lane = :lane AND identity = :identity AND id < :before
	 LIMIT :n);

--: backlog_identity
-- What a lane holds of an identity.
SELECT i.value,
       (SELECT ready FROM waiting
	 WHERE lane = :lane AND identity = i.id),
       (SELECT next_at FROM waiting
	 WHERE lane = :lane AND identity = i.id),
       (SELECT count(*) FROM (SELECT 1 FROM event INDEXED BY event_queued
	 WHERE state = 'queued' AND suspect IS NULL AND due_at IS NOT NULL
	   AND lane = :lane AND identity = i.id LIMIT :n)),
       (SELECT max(due_at) FROM event INDEXED BY event_queued
	 WHERE state = 'queued' AND suspect IS NULL AND due_at IS NOT NULL
	   AND lane = :lane AND identity = i.id),
       (SELECT count(*) FROM (SELECT 1 FROM event INDEXED BY event_stuck
	 WHERE state = 'stuck' AND lane = :lane AND identity = i.id LIMIT :n))
  FROM identity AS i
 WHERE i.id = :identity;

--: inspect_jobs
-- Replays and discards of many, newest first.
SELECT id, kind, filter, remap, force, state, total, moved, skipped, error,
       started_at, ended_at
  FROM job
 WHERE id BETWEEN :first AND :last
 ORDER BY id DESC;

--: inspect_audit
-- What operators did, newest first.
SELECT id, done_at, action, subject, detail
  FROM audit
 WHERE id < :before
 ORDER BY id DESC;

--: live_batch
-- A batch as the live stream tells it.
SELECT input, receipt_id, path, environment, duplicate, received_at, events
  FROM batch
 WHERE id = :id;

--: live_event
-- An event as the live stream tells it, and how the request ended that it was
-- told of.
SELECT o.name, l.kind, i.value, e.name, e.objects, e.batch, b.input,
       b.environment, r.error, r.answer
  FROM event AS e
  JOIN lane AS l ON l.id = e.lane
  JOIN output AS o ON o.id = l.output
  JOIN batch AS b ON b.id = e.batch
  LEFT JOIN identity AS i ON i.id = e.identity
  LEFT JOIN request AS r ON r.id = :request
 WHERE e.id = :id;

--: live_audit
SELECT action, subject, detail FROM audit WHERE id = :id;

-- The statements that begin with verify_ are those of heaprelayctl verify,
-- which reads everything there is, on purpose.

--: verify_size
SELECT page_count FROM pragma_page_count;

--: verify_lanes
-- Lanes whose counts do not add up to what was accepted, and all of them.
SELECT count(*) FILTER (WHERE accepted <> others), count(*)
  FROM (SELECT coalesce(sum(events) FILTER (WHERE name = 'accepted'), 0)
		AS accepted,
	       coalesce(sum(events) FILTER (WHERE name <> 'accepted'), 0)
		AS others
	  FROM tally GROUP BY lane);

--: verify_integrity
-- The file as such: "ok", or what is wrong with it.
SELECT integrity_check FROM pragma_integrity_check LIMIT 1;

--: verify_pages
-- The same without a look at what indexes hold.
SELECT quick_check FROM pragma_quick_check LIMIT 1;

--: verify_references
-- Rows that point at nothing; those that point at requests apart, since
-- retention prunes requests before the events that they carried.
SELECT count(*) FILTER (WHERE parent <> 'request'),
       count(*) FILTER (WHERE parent = 'request')
  FROM pragma_foreign_key_check;

--: verify_conservation
SELECT ok, accepted, queued, inflight, delivered, stuck, discarded, skipped,
       pruned, erased
  FROM v_conservation;

--: verify_waiting
-- Rows of waiting that count otherwise than the events do, or are missing, or
-- too many; and how many there should be.
WITH ready (lane, identity, n) AS (
	SELECT lane, identity, count(*) FROM event INDEXED BY event_queued
	 WHERE state = 'queued' AND suspect IS NULL AND due_at IS NULL
	   AND lane IN (SELECT id FROM lane)
	 GROUP BY lane, identity)
SELECT count(*) FILTER (WHERE r.n IS NOT w.ready), count(r.n)
  FROM ready AS r
  FULL JOIN waiting AS w ON w.lane = r.lane AND w.identity = r.identity;

--: verify_tally
-- Likewise for the counts by lane and state.
WITH stored (lane, state, n) AS (
	SELECT lane, state, count(*) FROM event GROUP BY lane, state),
counted (lane, state, n) AS (
	SELECT lane, name, events FROM tally
	 WHERE name NOT IN ('accepted', 'pruned', 'erased') AND events <> 0)
SELECT count(*) FILTER (WHERE s.n IS NOT c.n), count(s.n)
  FROM stored AS s
  FULL JOIN counted AS c ON c.lane = s.lane AND c.state = s.state;

--: verify_windows
-- The promise of the windows, proved from the stored requests.  A request
-- occupies the windows that it counts in from its claim until the window's
-- length after its end, so that no interval of that length holds more than
-- the limit, wherever between claim and end Heap counted it.  Each request is
-- two steps: n more at its claim, n fewer one millisecond after it has left
-- the window.  The running sum of the steps of one window is its use; it must
-- not be above the limit at any claim.
--
-- Limits are today's; outputs that share an app have the same.  Spans are
-- those of one boot's clock, so each boot stands alone.  Of a request that was
-- interrupted by the end of its boot, the end was told by the next one's
-- clock and the claim was not: it counts as both at once, as it does for the
-- agent.  That is told from an interruption within a boot by whether both
-- clocks say the same of its length.
WITH limits AS (
	SELECT o.app, w.name, min(w.limit_n) AS limit_n,
	       max(w.window_ms) AS window_ms,
	       CASE WHEN w.name LIKE 'properties_%' THEN 'user_properties'
		ELSE 'track' END AS kind,
	       w.name LIKE '%app_limit' AS whole
	  FROM window_limit AS w
	  JOIN output AS o ON o.id = w.output
	 WHERE o.app IS NOT NULL
	 GROUP BY o.app, w.name),
span AS (
	SELECT r.id, r.app, l.kind, r.objects, r.boot_id,
	       CASE WHEN r.verdict = 'interrupted' AND abs((r.ended_at -
		r.started_at) - (r.ended_boot - r.started_boot)) > 10000
		THEN r.ended_boot ELSE r.started_boot END AS claimed,
	       r.ended_boot AS ended
	  FROM request AS r
	  JOIN lane AS l ON l.id = r.lane
	 WHERE r.never_left = 0),
occupied AS (
	SELECT w.*, 0 AS identity, s.boot_id, s.id, s.claimed, s.ended,
	       s.objects AS n
	  FROM limits AS w
	  JOIN span AS s ON s.app = w.app AND s.kind = w.kind
	 WHERE w.whole
	UNION ALL
	SELECT w.*, ri.identity, s.boot_id, s.id, s.claimed, s.ended,
	       CASE w.name WHEN 'identity_limit' THEN ri.objects ELSE 1 END
	  FROM limits AS w
	  JOIN span AS s ON s.app = w.app AND s.kind = w.kind
	  JOIN request_identity AS ri ON ri.request = s.id
	 WHERE NOT w.whole),
step AS (
	SELECT app, name, limit_n, window_ms, identity, boot_id, id,
	       claimed AS at, n
	  FROM occupied
	UNION ALL
	SELECT app, name, limit_n, window_ms, identity, boot_id, id,
	       ended + window_ms + 1, -n
	  FROM occupied
	 WHERE ended IS NOT NULL),
use AS (
	SELECT *, sum(n) OVER (PARTITION BY app, name, identity, boot_id
		ORDER BY at, n > 0, id ROWS UNBOUNDED PRECEDING) AS used
	  FROM step)
SELECT a.app_id, u.name, u.limit_n, u.window_ms, count(*), max(u.used),
       count(*) FILTER (WHERE u.used > u.limit_n),
       min(u.id) FILTER (WHERE u.used > u.limit_n)
  FROM use AS u
  JOIN app AS a ON a.id = u.app
 WHERE u.n > 0
 GROUP BY u.app, u.name
 ORDER BY a.app_id, a.base_url, u.name;
