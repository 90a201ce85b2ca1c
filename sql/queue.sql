-- queue.sql - what the agent writes, and reads in order to write
--
-- A state in a WHERE is a literal, so that its partial index is used.

--: setting_get
SELECT value FROM setting WHERE name = :name;

--: setting_put
INSERT INTO setting (name, value) VALUES (:name, :value)
    ON CONFLICT DO UPDATE SET value = excluded.value;

--: app_put
INSERT INTO app (base_url, app_id) VALUES (:base_url, :app_id)
    ON CONFLICT DO UPDATE SET app_id = excluded.app_id
RETURNING id, factor;

--: output_put
INSERT INTO output (name, app) VALUES (:name, :app)
    ON CONFLICT DO UPDATE SET app = excluded.app
RETURNING id, paused_at;

--: output_paused
SELECT paused_at FROM output WHERE name = :name;

--: output_pause
UPDATE output SET paused_at = :now WHERE name = :name;

--: output_resume
UPDATE output SET paused_at = NULL, resumed_at = :now WHERE name = :name;

--: output_forget_all
-- Those that are configured say so again.
UPDATE output SET app = NULL;

--: app_factor
UPDATE app SET factor = :permille / 1000.0 WHERE id = :app;

--: lane_put
INSERT INTO lane (output, kind) VALUES (:output, :kind)
    ON CONFLICT DO UPDATE SET kind = excluded.kind
RETURNING id, open_ms;

--: lane_open_ms
UPDATE lane SET open_ms = :open_ms WHERE id = :lane;

--: window_forget_all
DELETE FROM window_limit;

--: window_put
INSERT INTO window_limit (output, name, limit_n, window_ms)
VALUES (:output, :name, :limit_n, :window_ms);

--: tally_add
INSERT INTO tally (lane, name, events) VALUES (:lane, :name, :events)
    ON CONFLICT DO UPDATE SET events = events + excluded.events;

--: identity_find
SELECT id FROM identity WHERE value = :value;

--: identity_revive
-- One that was erased and comes again.
UPDATE identity SET value = :value, hash = NULL WHERE hash = :hash
RETURNING id;

--: identity_put
INSERT INTO identity (value) VALUES (:value);

--: seen_put
-- Changes nothing if it was seen after :after; one that comes again later is as
-- new as any.
INSERT INTO seen (source_request_id, input_key, seen_at)
VALUES (:source_request_id, :input_key, :seen_at)
    ON CONFLICT DO UPDATE SET seen_at = excluded.seen_at
	WHERE seen_at <= :after;

--: batch_put
INSERT INTO batch (id, receipt_id, input, path, environment, received_at, mpid,
	source_request_id, duplicate, first_event, events, live, body)
VALUES (:id, :receipt_id, :input, :path, :environment, :received_at, :mpid,
	:source_request_id, :duplicate, :first_event, :events, :events, :body);

--: last_id
-- The highest id that a table ever gave out.  What others have put in counts,
-- too.
SELECT max(coalesce((SELECT id FROM last_id WHERE name = :name), 0),
	coalesce(CASE :name WHEN 'batch' THEN (SELECT max(id) FROM batch)
		WHEN 'event' THEN (SELECT max(id) FROM event)
		WHEN 'request' THEN (SELECT max(id) FROM request) END, 0));

--: last_id_put
INSERT INTO last_id (name, id) VALUES (:name, :id)
    ON CONFLICT DO UPDATE SET id = excluded.id;

--: event_put
-- Only updates that took up others have been failing, so CASE spares the rest a
-- look into another table.
INSERT OR ROLLBACK INTO event (id, batch, event_index, lane, identity, name, received_at,
	event_at, commerce, objects, payload, origins, chain, state, reason,
	due_at, failures, failing_since, failing_open_ms, suspect, ended_at)
VALUES (:id, :batch, :event_index, :lane, :identity, :name, :received_at,
	:event_at, :commerce, :objects, :payload, :origins, :chain, :state,
	:reason, :due_at, :failures, :failing_since,
	CASE WHEN :failing_age IS NOT NULL THEN :failing_age +
		(SELECT open_ms FROM lane WHERE id = :lane) END,
	:suspect, :ended_at);

--: properties_queued
-- The update of an identity that waits, in any lane of the same app; there is
-- at most one besides :id.  CROSS JOIN keeps the order: lanes are few.
SELECT u.* FROM lane_of_app AS l CROSS JOIN update_row AS u
 WHERE l.mine = :lane AND u.lane = l.lane AND u.identity = :identity
   AND u.state = 'queued' AND u.suspect IS NULL AND u.id <> :id
UNION ALL
SELECT u.* FROM lane_of_app AS l CROSS JOIN update_row AS u
 WHERE l.mine = :lane AND u.lane = l.lane AND u.identity = :identity
   AND u.state = 'queued' AND u.suspect IS NOT NULL AND u.id <> :id
LIMIT 1;

--: properties_twins
-- The updates that wait in other lanes of the app while one of the same
-- identity waits in this one: two of each, until they are merged.
WITH other (id, identity) AS (
	SELECT e.id, e.identity FROM lane_of_app AS l CROSS JOIN event AS e
	 WHERE l.mine = :lane AND l.lane <> :lane AND e.lane = l.lane
	   AND e.state = 'queued' AND e.suspect IS NULL
	UNION ALL
	SELECT e.id, e.identity FROM lane_of_app AS l CROSS JOIN event AS e
	 WHERE l.mine = :lane AND l.lane <> :lane AND e.lane = l.lane
	   AND e.state = 'queued' AND e.suspect IS NOT NULL)
SELECT other.id FROM other
 WHERE EXISTS (SELECT 1 FROM event AS e
	 WHERE e.lane = :lane AND e.identity = other.identity
	   AND e.state = 'queued' AND e.suspect IS NULL)
    OR EXISTS (SELECT 1 FROM event AS e
	 WHERE e.lane = :lane AND e.identity = other.identity
	   AND e.state = 'queued' AND e.suspect IS NOT NULL
	   AND e.event_index IS NULL);

--: properties_row
SELECT * FROM update_row WHERE id = :id;

--: properties_newer
-- What other updates of the identity have set, or may have: those whose
-- request arrived or is out, those that changed nothing, and those of which
-- Heap may have something, whatever became of them.  One that is older than
-- all that was merged into this one has nothing newer to tell.
SELECT e.id, e.payload, e.origins FROM event AS old
 CROSS JOIN lane_of_app AS l
 CROSS JOIN event AS e
 WHERE old.id = :id AND l.mine = old.lane AND e.lane = l.lane
   AND e.identity = old.identity AND e.event_index IS NULL
   AND e.id > coalesce(old.chain, old.id) AND e.id <> old.id
   AND e.payload IS NOT NULL
   AND (e.state = 'delivered' OR e.state = 'inflight' OR
	e.state = 'skipped' AND e.reason = 'unchanged' OR
	(SELECT x.exposed FROM exposure AS x WHERE x.id = e.id))
 ORDER BY e.id;

--: properties_left
-- What an old update still sends, from its start.
UPDATE OR ROLLBACK event
   SET payload = :payload, objects = :objects, origins = :origins, sent = 0
 WHERE id = :id;

--: properties_superseded
UPDATE OR ROLLBACK event
   SET state = 'skipped', reason = 'superseded', suspect = NULL,
       ended_at = :now, generation = generation + 1
 WHERE id = :id;

--: properties_merged
-- Another one carries it now; only what Heap may have of it is remembered.
UPDATE OR ROLLBACK event
   SET state = 'skipped', reason = 'merged', merged_into = :into,
       chain = :chain, due_at = NULL, suspect = NULL, ended_at = :now,
       payload = iif(x.exposed, payload, NULL),
       objects = iif(x.exposed, objects, 0),
       origins = iif(x.exposed, origins, NULL),
       sent = iif(x.exposed, sent, 0)
  FROM exposure AS x
 WHERE event.id = :id AND x.id = :id;

--: properties_inherit
-- It carries what was merged into it.  A group is of one lane: in another of
-- the same app there is no suspicion.
UPDATE OR ROLLBACK event
   SET payload = :payload, objects = :objects, sent = :sent,
       origins = :origins, chain = :chain, failures = :failures,
       failing_since = :failing_since, failing_open_ms = :failing_age +
		(SELECT open_ms FROM lane WHERE id = event.lane),
       due_at = :due_at, suspect = (SELECT i.id FROM isolation AS i
	WHERE i.id = :suspect AND i.lane = event.lane)
 WHERE id = :id;

--: properties_chain
-- Two chains become one.
UPDATE OR ROLLBACK event SET chain = :chain WHERE chain = :other;

--: properties_carried
-- What was merged into an update, oldest first.
SELECT e.id, e.batch, e.generation FROM event AS head
 CROSS JOIN event AS e
 WHERE head.id = :id AND e.chain = head.chain AND e.reason = 'merged'
 ORDER BY e.id;

--: deferred_due
SELECT id FROM event
 WHERE state = 'queued' AND due_at IS NOT NULL AND due_at <= :now
 ORDER BY due_at LIMIT :n;

--: deferred_release
UPDATE OR ROLLBACK event SET due_at = NULL
 WHERE id = :id AND state = 'queued' AND due_at IS NOT NULL;

--: deferred_next
SELECT min(due_at) FROM event WHERE state = 'queued' AND due_at IS NOT NULL;

--: deferred_clamp
-- After a step of the clock: no instant is further away than its cause.
UPDATE OR ROLLBACK event SET due_at = :latest
 WHERE state = 'queued' AND due_at IS NOT NULL AND due_at > :latest;

--: waiting_enter
-- New events that are ready.
INSERT INTO waiting (lane, identity, ready, next_at)
VALUES (:lane, :identity, :events, :received_at)
    ON CONFLICT DO UPDATE SET ready = ready + excluded.ready;

--: waiting_first
-- Who may send now, in turn, behind the one that was read last.
SELECT identity, ready, next_at FROM waiting
 WHERE lane = :lane AND next_at <= :now
   AND (next_at, identity) > (:after_at, :after)
 ORDER BY next_at, identity LIMIT :n;

--: waiting_longest
-- Who may send now and has this power of two of ready events.
SELECT identity, ready, next_at FROM waiting
 WHERE lane = :lane AND level = :level AND next_at <= :now
 ORDER BY next_at LIMIT :n;

--: waiting_next
SELECT next_at FROM waiting WHERE lane = :lane ORDER BY next_at LIMIT 1;

--: waiting_park
-- The level is set here, where the row is written anyway, and not with every
-- event that comes.
UPDATE waiting SET next_at = :next_at,
	level = CASE WHEN ready < 8 THEN NULL WHEN ready < 16 THEN 3
		WHEN ready < 32 THEN 4 WHEN ready < 64 THEN 5 WHEN ready < 128 THEN 6
		WHEN ready < 256 THEN 7 WHEN ready < 512 THEN 8
		WHEN ready < 1024 THEN 9 WHEN ready < 2048 THEN 10
		WHEN ready < 4096 THEN 11 WHEN ready < 8192 THEN 12
		WHEN ready < 16384 THEN 13 WHEN ready < 32768 THEN 14
		WHEN ready < 65536 THEN 15 WHEN ready < 131072 THEN 16
		WHEN ready < 262144 THEN 17 WHEN ready < 524288 THEN 18
		WHEN ready < 1048576 THEN 19 WHEN ready < 2097152 THEN 20
		WHEN ready < 4194304 THEN 21 WHEN ready < 8388608 THEN 22
		WHEN ready < 16777216 THEN 23 ELSE 24 END
 WHERE lane = :lane AND identity = :identity;

--: waiting_wake
UPDATE waiting SET next_at = :now
 WHERE lane = :lane AND identity = :identity AND next_at >= :above;

--: waiting_rearm
-- Instants are computed anew: after a start, a reload, a step of the clock.
UPDATE waiting SET next_at = :now WHERE next_at > :now;

--: ready_first
-- An identity's ready events, oldest first.
SELECT id, objects, commerce, sent, attempts, received_at, payload FROM event
 WHERE state = 'queued' AND suspect IS NULL AND due_at IS NULL
   AND lane = :lane AND identity = :identity AND id > :after
 ORDER BY id;

--: suspect_group
-- The next group under suspicion that may go.
SELECT i.id, i.request FROM isolation AS i
 WHERE i.lane = :lane AND i.id > :after
   AND EXISTS (SELECT 1 FROM event AS e
	WHERE e.state = 'queued' AND e.suspect IS NOT NULL
	  AND e.lane = i.lane AND e.suspect = i.id AND e.due_at IS NULL)
 ORDER BY i.id LIMIT 1;

--: suspect_events
SELECT id, objects, commerce, sent, attempts, received_at, payload, identity
  FROM event
 WHERE state = 'queued' AND suspect IS NOT NULL
   AND lane = :lane AND suspect = :suspect AND due_at IS NULL
 ORDER BY id;

--: isolation_put
INSERT INTO isolation (lane, request, aside, last_index)
VALUES (:lane, :request, :aside, :last_index);

--: isolation_get
SELECT aside, last_index FROM isolation WHERE id = :id;

--: request_put
INSERT INTO request (id, lane, app, form, events, objects, bytes, parent,
	started_at, boot_id, started_boot)
VALUES (:id, :lane, :app, :form, :events, :objects, :bytes, :parent,
	:started_at, :boot_id, :started_boot);

--: request_identity_put
INSERT INTO request_identity (request, identity, objects)
VALUES (:request, :identity, :objects)
    ON CONFLICT DO UPDATE SET objects = objects + excluded.objects;

--: attempt_put
-- Keeps the requests before this one, of those that had one.  :ids is a list
-- in JSON, so that one statement serves a whole request.
INSERT OR IGNORE INTO attempt (event, request)
SELECT e.id, e.request FROM json_each(:ids) AS j
 CROSS JOIN event AS e ON e.id = j.value
 WHERE e.request IS NOT NULL;

--: event_claim
UPDATE OR ROLLBACK event
   SET state = 'inflight', request = :request, attempts = attempts + 1,
       due_at = NULL
 WHERE id IN (SELECT value FROM json_each(:ids)) AND state = 'queued';

--: request_end
UPDATE request
   SET ended_at = :ended_at, boot_id = :boot_id, ended_boot = :ended_boot,
       never_left = :never_left, status = :status, verdict = :verdict,
       error = :error, answer = :answer
 WHERE id = :request;

--: request_delivered
UPDATE OR ROLLBACK event
   SET state = 'delivered', suspect = NULL, ended_at = :now,
       last_status = :status, last_error = NULL
 WHERE request = :request AND state = 'inflight';

--: slice_delivered
UPDATE OR ROLLBACK event
   SET state = 'queued', sent = :sent, due_at = NULL, last_status = :status,
       last_error = NULL
 WHERE id = :id AND request = :request AND state = 'inflight';

--: request_back
-- Again, later: not a failure of the events.
UPDATE OR ROLLBACK event
   SET state = 'queued', due_at = :due_at, last_status = :status,
       last_error = :error
 WHERE request = :request AND state = 'inflight';

--: request_failed
-- Again, later: a failure of the events.
UPDATE OR ROLLBACK event
   SET state = 'queued', due_at = :due_at, failures = failures + 1,
       failing_since = coalesce(failing_since, :now),
       failing_open_ms = coalesce(failing_open_ms, :open_ms),
       last_status = :status, last_error = :error
 WHERE request = :request AND state = 'inflight';

--: request_expired
-- Those that have failed for too long, before the others go back.
UPDATE OR ROLLBACK event
   SET state = 'stuck', reason = 'expired', failures = failures + 1,
       last_status = :status, last_error = :error, suspect = NULL
 WHERE request = :request AND state = 'inflight'
   AND failing_open_ms + :give_up_ms <= :open_ms;

--: request_failures
-- The most failures among what a request carried: backoff goes by it.
SELECT max(failures) FROM event WHERE request = :request AND state = 'inflight';

--: request_stuck
UPDATE OR ROLLBACK event
   SET state = 'stuck', reason = :reason, last_status = :status,
       last_error = :error, suspect = NULL
 WHERE request = :request AND state = 'inflight';

--: event_unrefuse
-- All are refused: the fault is not in this one.
UPDATE OR ROLLBACK event SET state = 'queued', reason = NULL, due_at = NULL
 WHERE id = :id AND state = 'stuck' AND reason = 'refused';

--: properties_attempted
-- The update of an identity that was sent last, by any lane of the app, and
-- whether it arrived there: the output may have had another app then.
SELECT e.payload, e.state = 'delivered' AND EXISTS (SELECT 1
	  FROM lane AS mine
	  JOIN output AS o ON o.id = mine.output
	  JOIN request AS r ON r.app = o.app
	 WHERE mine.id = :lane AND r.id = e.request), e.ended_at
  FROM lane_of_app AS l
 CROSS JOIN event AS e
 WHERE l.mine = :lane AND e.lane = l.lane AND e.identity = :identity
   AND e.event_index IS NULL AND e.request IS NOT NULL
   AND e.request = (SELECT max(request) FROM event
	WHERE event_index IS NULL AND request IS NOT NULL
	  AND lane = l.lane AND identity = :identity)
 ORDER BY e.request DESC LIMIT 1;

--: properties_unchanged
UPDATE OR ROLLBACK event
   SET state = 'skipped', reason = 'unchanged', due_at = NULL,
       suspect = NULL, ended_at = :now
 WHERE id = :id AND state = 'queued';

--: request_events
SELECT id FROM event
 WHERE request = :request AND state = 'inflight'
 ORDER BY id;

--: event_suspect
UPDATE OR ROLLBACK event
   SET state = 'queued', suspect = :suspect, due_at = NULL,
       last_status = :status, last_error = :error
 WHERE id = :id AND state = 'inflight';

--: inflight_requests
-- At start: what was out when the agent ended.
SELECT DISTINCT e.request, r.lane, l.kind FROM event AS e
  JOIN request AS r ON r.id = e.request
  JOIN lane AS l ON l.id = r.lane
 WHERE e.state = 'inflight';

--: inflight_ended
-- At start: a request without an end counts as ended now.
UPDATE request
   SET ended_at = :now, boot_id = :boot_id, ended_boot = :boot,
       status = 0, verdict = 'interrupted',
       error = 'the agent ended before the answer came'
 WHERE ended_at IS NULL;

--: window_requests
-- For the windows of an app: what ended late enough in this boot.
SELECT r.id, r.objects, r.ended_boot FROM request AS r
  JOIN lane AS l ON l.id = r.lane
 WHERE r.boot_id = :boot_id AND r.ended_boot >= :since
   AND r.never_left = 0 AND r.app = :app AND l.kind = :kind;

--: window_requests_before
-- Those of other boots, newest first, whose age nobody can tell; unless
-- something of this boot is older than the windows: then they are as well.
SELECT r.id, r.objects FROM request AS r
  JOIN lane AS l ON l.id = r.lane
 WHERE r.boot_id <> :boot_id AND r.ended_at IS NOT NULL
   AND r.never_left = 0 AND r.app = :app AND l.kind = :kind
   AND NOT EXISTS (SELECT 1 FROM request
	WHERE boot_id = :boot_id AND ended_boot < :since)
 ORDER BY r.id DESC;

--: window_identities
SELECT identity, objects FROM request_identity WHERE request = :request;

--: event_get
SELECT e.state, e.reason, e.lane, e.identity, e.payload IS NOT NULL, l.kind,
       e.batch, e.event_index, e.generation
  FROM event AS e JOIN lane AS l ON l.id = e.lane
 WHERE e.id = :id;

--: event_replay
UPDATE OR ROLLBACK event
   SET state = 'queued', reason = NULL, due_at = NULL, failures = 0,
       failing_since = NULL, failing_open_ms = NULL, ended_at = NULL,
       suspect = NULL, generation = generation + 1
 WHERE id = :id;

--: event_remap
-- A fresh payload; a development event may have got an app of its own.
UPDATE OR ROLLBACK event
   SET lane = :lane, identity = :identity, name = :name, event_at = :event_at,
       commerce = :commerce, objects = :objects, payload = :payload,
       origins = :origins, sent = 0
 WHERE id = :id;

--: event_discard
UPDATE OR ROLLBACK event
   SET state = 'discarded', due_at = NULL, suspect = NULL, ended_at = :now
 WHERE id = :id;

--: batch_get
SELECT receipt_id, input, path, received_at, mpid, duplicate, body
  FROM batch WHERE id = :id;

--: audit_put
INSERT INTO audit (done_at, action, subject, detail)
VALUES (:now, :action, :subject, :detail);

--: event_unanswered
-- May some of it be at Heap under its present keys?  A slice was delivered, or
-- not every request that carried it is known to have been answered; one whose
-- row was pruned is not known.
SELECT 1 FROM event AS e
 WHERE e.id = :id
   AND (e.sent > 0 OR e.attempts > (SELECT count(*)
	  FROM (SELECT request FROM attempt WHERE event = :id
		UNION ALL
		SELECT e.request WHERE e.request IS NOT NULL) AS a
	 CROSS JOIN request AS r ON r.id = a.request
	 WHERE r.status > 0 OR r.never_left = 1));

--: job_put
INSERT INTO job (kind, filter, remap, force, last_event, started_at)
VALUES (:kind, :filter, :remap, :force, :last_event, :now);

--: job_running
-- The one whose turn it is, of those that are done to events one by one.
SELECT id, kind, filter, remap, force, total, moved, skipped, cursor,
       last_event
  FROM job INDEXED BY job_running
 WHERE state = 'running' AND (kind = 'replay' OR kind = 'discard')
 ORDER BY id LIMIT 1;

--: job_match
-- The next events of a job's range, and which of them it means: stuck ones by
-- way of their index, others one after the other.  CROSS JOIN keeps the order.
-- A parameter that is NULL asks nothing.
SELECT e.id, e.lane, e.identity, e.objects,
       CASE WHEN e.state = :state
	 AND (:state <> 'skipped' OR e.reason = 'development' OR
		e.reason = 'web_client_side')
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
  FROM (SELECT id FROM event INDEXED BY event_stuck_id
	 WHERE :state = 'stuck' AND state = 'stuck'
	   AND id > :after AND id <= :last
	UNION ALL
	SELECT id FROM event
	 WHERE :state <> 'stuck' AND id > :after AND id <= :last
	 ORDER BY id LIMIT :n) AS c
 CROSS JOIN event AS e ON e.id = c.id;

--: job_total
UPDATE job SET total = :total WHERE id = :id AND state = 'running';

--: job_progress
-- What became stuck since the count may make more than were counted.
UPDATE job
   SET cursor = :cursor, moved = moved + :moved, skipped = skipped + :skipped,
       total = max(total, moved + :moved + skipped + :skipped),
       error = coalesce(:error, error)
 WHERE id = :id AND state = 'running';

--: job_end
-- A person is not left half erased.
UPDATE job
   SET state = :state, ended_at = :now, error = coalesce(:error, error)
 WHERE id = :id AND state = 'running'
   AND NOT (kind = 'erase' AND :state = 'cancelled');

--: task_put
-- A job that is not done to events one by one.
INSERT INTO job (kind, filter, remap, force, last_event, started_at)
VALUES (:kind, :filter, 0, 0, :last_event, :now);

--: task_runs
SELECT 1 FROM job WHERE id = :id AND state = 'running';

--: task_progress
UPDATE job SET moved = :moved, total = :total
 WHERE id = :id AND state = 'running';

--: copies_interrupted
-- At start: what was being copied when the agent ended.
SELECT id, filter ->> 'file' FROM job INDEXED BY job_running
 WHERE state = 'running' AND kind = 'backup';

--: prune_jobs
DELETE FROM job WHERE id IN (SELECT id FROM job ORDER BY id LIMIT :n)
   AND state <> 'running' AND ended_at < :before;

--: prune_look
-- The next events that were over before that instant, and which of them must
-- stay.  While an identity has a stuck update, what others set or may have set
-- since must be known to a replay; while an update is not over, the batches of
-- those that were merged into it must be known to a remap; an update that Heap
-- may have taken without saying so must be known until the one before it no
-- longer counts as what Heap has.
SELECT e.id, e.ended_at,
       e.event_index IS NULL AND (e.payload IS NOT NULL AND EXISTS (SELECT 1
		FROM lane_of_app AS l CROSS JOIN event AS s
		WHERE l.mine = e.lane AND s.state = 'stuck' AND s.lane = l.lane
		  AND s.identity = e.identity AND s.event_index IS NULL
		  AND coalesce(s.chain, s.id) < e.id)
	OR e.reason = 'merged' AND EXISTS (SELECT 1 FROM event AS head
		WHERE head.chain = e.chain AND head.ended_at IS NULL)
	OR e.request IS NOT NULL AND e.state <> 'delivered'
	   AND e.ended_at > :same)
  FROM event AS e
 WHERE e.state = :state AND e.ended_at IS NOT NULL
   AND (e.ended_at, e.id) > (:after_at, :after) AND e.ended_at < :before
 ORDER BY e.ended_at, e.id LIMIT :n;

--: prune_event
DELETE FROM event WHERE id = :id;

--: prune_batches
DELETE FROM batch WHERE id IN (SELECT id FROM batch
	WHERE live = 0 AND received_at < :before
	ORDER BY received_at LIMIT :n);

--: prune_seen
DELETE FROM seen WHERE (source_request_id, input_key) IN
	(SELECT source_request_id, input_key FROM seen
	WHERE seen_at < :before ORDER BY seen_at LIMIT :n);

--: prune_requests
-- The wall clock may have been stepped, so what the windows may still hold is
-- spared by the span clock: the last day of this boot, and all of others until
-- this one is a day old.
DELETE FROM request WHERE id IN (SELECT id FROM request
	WHERE ended_at < :before
	  AND coalesce(ended_boot, started_boot) < iif(boot_id = :boot_id,
		:boot - 86400000, iif(:boot > 86400000, 9223372036854775807, 0))
	ORDER BY ended_at LIMIT :n);

--: prune_request_identities
-- Of requests that are gone; of all, when none is left.
DELETE FROM request_identity
 WHERE request < coalesce((SELECT min(id) FROM request),
	9223372036854775807);

--: profile_get
SELECT customer_id, shared FROM profile WHERE mpid = :mpid;

--: profile_put
INSERT INTO profile (mpid, minted, resolved) VALUES (:mpid, :minted, :resolved);

--: profile_resolved
UPDATE profile SET resolved = :resolved WHERE mpid = :mpid;

--: profile_customer
UPDATE profile SET customer_id = :customer_id WHERE mpid = :mpid;

--: profile_hits
-- Who has this value, without those whose login id is another.
SELECT p.mpid, p.resolved, p.shared FROM profile_identity AS i
  JOIN profile AS p ON p.mpid = i.mpid
 WHERE i.type = :type AND i.value = :value
   AND (p.customer_id IS NULL OR p.customer_id = :customer_id)
 ORDER BY i.mpid;

--: profile_has_value
SELECT 1 FROM profile_identity WHERE type = :type AND value = :value LIMIT 1;

--: profile_identity_put
INSERT OR IGNORE INTO profile_identity (type, value, mpid)
VALUES (:type, :value, :mpid);

--: profile_value_shared
SELECT 1 FROM profile_identity
 WHERE type = :type AND value = :value AND mpid <> :mpid LIMIT 1;

--: profile_share
UPDATE profile SET shared = 1
 WHERE shared = 0 AND mpid IN (SELECT mpid FROM profile_identity
	WHERE type = :type AND value = :value);

--: profile_current_get
SELECT value FROM profile_current WHERE mpid = :mpid AND type = :type;

--: profile_current_put
INSERT INTO profile_current (mpid, type, value) VALUES (:mpid, :type, :value)
    ON CONFLICT DO UPDATE SET value = excluded.value;

--: erasure_put
INSERT INTO erasure (job, hash, identity, last_batch)
VALUES (:job, :hash, :identity, :last_batch);

--: erasure_next
-- The one whose turn it is.
SELECT x.job, x.hash, x.identity, x.last_batch, x.cursor, x.again, x.request,
       x.batches, x.profiles, j.moved
  FROM erasure AS x JOIN job AS j ON j.id = x.job
 ORDER BY x.job LIMIT 1;

--: erasure_progress
UPDATE erasure
   SET cursor = :cursor, again = :again, request = :request,
       batches = :batches, profiles = :profiles
 WHERE job = :job;

--: erasure_holds
-- Whom nothing is sent for meanwhile.
SELECT DISTINCT identity FROM erasure_identity ORDER BY identity;

--: erasure_profiles
SELECT mpid FROM erasure_profile WHERE job = :job;

--: erasure_identities
SELECT identity, value, shared FROM erasure_identity WHERE job = :job;

--: erasure_knows
-- Is this one of the person's identities?
SELECT 1 FROM erasure_value
 WHERE job = :job AND type = :type AND value = :value;

--: erasure_quotes
-- Is one of the person's identities in a text?
-- One of a few letters is in many by chance.
SELECT 1 FROM erasure_value
 WHERE job = :job AND length(value) > 5 AND instr(:text, value) > 0
UNION ALL
SELECT 1 FROM erasure_identity
 WHERE job = :job AND length(value) > 5 AND instr(:text, value) > 0
 LIMIT 1;

--: erasure_value_put
INSERT OR IGNORE INTO erasure_value (job, type, value)
VALUES (:job, :type, :value);

--: erasure_profile_put
INSERT OR IGNORE INTO erasure_profile (job, mpid) VALUES (:job, :mpid);

--: erasure_profile_values
-- What a profile was found by, before it goes.
INSERT OR IGNORE INTO erasure_value (job, type, value)
SELECT :job, type, value FROM profile_identity WHERE mpid = :mpid;

--: erasure_profile_current
INSERT OR IGNORE INTO erasure_value (job, type, value)
SELECT :job, type, value FROM profile_current WHERE mpid = :mpid;

--: erasure_identity_put
INSERT OR IGNORE INTO erasure_identity (job, identity, value)
SELECT :job, id, value FROM identity WHERE id = :identity;

--: erasure_called
-- Who is called by a value that the person had as an identity of that type.
SELECT DISTINCT i.id FROM erasure_value AS v
 CROSS JOIN identity AS i ON i.value = v.value
 WHERE v.job = :job AND v.type = :type;

--: erasure_shared
UPDATE erasure_identity SET shared = 1
 WHERE job = :job AND identity = :identity;

--: erasure_unshared
UPDATE erasure_identity SET shared = 0 WHERE job = :job;

--: erasure_forget_identities
DELETE FROM erasure_identity WHERE job = :job;

--: erasure_forget_values
DELETE FROM erasure_value WHERE job = :job;

--: erasure_forget_profiles
DELETE FROM erasure_profile WHERE job = :job;

--: erasure_forget
DELETE FROM erasure WHERE job = :job;

--: profiles_with
-- Who ever had this value as an identity of that type.
SELECT mpid FROM profile_identity WHERE type = :type AND value = :value;

--: profile_erase
DELETE FROM profile WHERE mpid = :mpid;

--: profile_identity_erase
DELETE FROM profile_identity WHERE mpid = :mpid;

--: profile_current_erase
DELETE FROM profile_current WHERE mpid = :mpid;

--: identity_text
SELECT value FROM identity WHERE id = :identity;

--: identity_erase
UPDATE identity SET value = NULL, hash = :hash
 WHERE id = :identity AND value IS NOT NULL;

--: identity_restore
-- Somebody else is called so, too.
UPDATE identity SET value = :value, hash = NULL
 WHERE id = :identity AND value IS NULL;

--: updates_drop_queued
-- Or a newer one would take them into itself; they go with their batch.
-- Somebody else's, who is called so too, stay.
UPDATE OR ROLLBACK event SET state = 'discarded', due_at = NULL
 WHERE state = 'queued' AND suspect IS NULL AND event_index IS NULL
   AND identity = :identity AND lane IN (SELECT id FROM lane)
   AND EXISTS (SELECT 1 FROM erasure AS x
	 CROSS JOIN batch AS b ON b.id = event.batch
	 WHERE x.job = :job AND b.id <= x.last_batch
	   AND (x.identity = event.identity OR b.mpid IN
		(SELECT mpid FROM erasure_profile WHERE job = :job)));

--: updates_drop_suspect
UPDATE OR ROLLBACK event SET state = 'discarded', due_at = NULL, suspect = NULL
 WHERE state = 'queued' AND suspect IS NOT NULL AND event_index IS NULL
   AND identity = :identity AND lane IN (SELECT id FROM lane)
   AND EXISTS (SELECT 1 FROM erasure AS x
	 CROSS JOIN batch AS b ON b.id = event.batch
	 WHERE x.job = :job AND b.id <= x.last_batch
	   AND (x.identity = event.identity OR b.mpid IN
		(SELECT mpid FROM erasure_profile WHERE job = :job)));

--: updates_drop_inflight
-- One that comes back has nothing to add to a newer one.
UPDATE OR ROLLBACK event
   SET payload = '{"identity":"","properties":{}}', objects = 1,
       origins = NULL, sent = 0
 WHERE state = 'inflight' AND request > 0 AND event_index IS NULL
   AND identity = :identity
   AND EXISTS (SELECT 1 FROM erasure AS x
	 CROSS JOIN batch AS b ON b.id = event.batch
	 WHERE x.job = :job AND b.id <= x.last_batch
	   AND (x.identity = event.identity OR b.mpid IN
		(SELECT mpid FROM erasure_profile WHERE job = :job)));

--: erase_batches
-- The next ones; the body of those that were resolved to nobody.
SELECT id, mpid, first_event, events, live, source_request_id,
       CASE WHEN mpid IS NULL THEN body END
  FROM batch
 WHERE id > :after AND id <= :last
 ORDER BY id LIMIT :n;

--: erase_events
-- Those of a batch.
SELECT id, identity, state = 'inflight', last_error IS NOT NULL, request
  FROM event
 WHERE id >= :first AND id < :end AND batch = :batch
 ORDER BY id;

--: event_erase
DELETE FROM event WHERE id = :id;

--: batch_erase
-- One without events; others go with the last.
DELETE FROM batch WHERE id = :id AND live = 0;

--: seen_erase
DELETE FROM seen WHERE source_request_id = :source_request_id;

--: error_erase
-- What Heap said of a request that carried the person as well.
UPDATE OR ROLLBACK event SET last_error = NULL
 WHERE id = :id AND EXISTS (SELECT 1 FROM erasure_identity AS i
	 CROSS JOIN request_identity AS r
	 WHERE i.job = :job AND r.request = :request
	   AND r.identity = i.identity);

--: answers_erase
UPDATE request SET answer = NULL
 WHERE id > :after AND id <= :last AND answer IS NOT NULL
   AND EXISTS (SELECT 1 FROM erasure_identity AS i
	 CROSS JOIN request_identity AS r
	 WHERE i.job = :job AND r.request = request.id
	   AND r.identity = i.identity);

--: job_filters_erase
UPDATE job SET filter = json_set(filter, '$.identity', :hash)
 WHERE filter ->> 'identity' = :value;

--: audit_erase
UPDATE audit SET detail = replace(detail, :quoted, :hash)
 WHERE instr(detail, :quoted) > 0;

--: waiting_free
-- Those who were held may be looked at again.
UPDATE waiting SET next_at = :now
 WHERE identity = :identity AND lane IN (SELECT id FROM lane)
   AND next_at > :now;
