-- oldest.sql - what has been waiting longest, and for what
--
-- The twenty oldest events that are queued or in flight.
SELECT event_id, output, identity, name, state, attempts, received_at,
       printf('%.1f', (julianday('now') - julianday(received_at)) * 24)
	AS hours, due_at, last_status AS status, last_error, what
  FROM v_queue
 LIMIT 20;
