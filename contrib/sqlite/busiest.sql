-- busiest.sql - whose backlogs are the longest
--
-- The twenty identities with most events queued, and what they have used of
-- the windows of their own.
WITH busiest AS (
	SELECT * FROM v_identities ORDER BY queued DESC, stuck DESC LIMIT 20)
SELECT b.output, b.identity, b.queued, b.stuck, b.next_at,
       group_concat(w.window || ' ' || w.used || '/' || w.limit_n, ', ')
	AS windows
  FROM busiest AS b
  LEFT JOIN v_windows AS w ON w.output = b.output AND w.identity = b.identity
 GROUP BY b.output, b.identity
 ORDER BY b.queued DESC, b.stuck DESC;
