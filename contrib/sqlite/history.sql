-- history.sql - every request that carried an event
--
-- Oldest first; of the event that is stuck longest, or of another:
-- .parameter set :event 17
-- Requests that retention has removed are missing.
WITH chosen (id) AS (
	SELECT coalesce(:event, (SELECT min(id) FROM event
	 WHERE state = 'stuck'))),
carried (event, request) AS (
	SELECT a.event, a.request FROM chosen AS c
	  JOIN attempt AS a ON a.event = c.id
	UNION
	SELECT e.id, e.request FROM chosen AS c
	  JOIN event AS e ON e.id = c.id
	 WHERE e.request IS NOT NULL)
SELECT c.event, r.request_id, r.form, r.events, r.started_at, r.ended_at,
       r.status, r.verdict, r.parent, coalesce(r.error, r.answer) AS answer
  FROM carried AS c
  JOIN v_requests AS r ON r.request_id = c.request
 ORDER BY r.request_id;
