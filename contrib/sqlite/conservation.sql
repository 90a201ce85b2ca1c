-- conservation.sql - that nothing is lost
--
-- In all, and by output.  The first counts every event, which takes a while
-- in a large database; the second asks the counts that the agent keeps.
SELECT CASE ok WHEN 1 THEN 'Nothing is lost.'
	ELSE 'The counts differ.  Run heaprelayctl verify.' END AS result, *
  FROM v_conservation;
SELECT o.name AS output, l.kind AS lane,
       coalesce(sum(t.events) FILTER (WHERE t.name = 'accepted'), 0) AS accepted,
       coalesce(sum(t.events) FILTER (WHERE t.name = 'queued'), 0) AS queued,
       coalesce(sum(t.events) FILTER (WHERE t.name = 'inflight'), 0) AS inflight,
       coalesce(sum(t.events) FILTER (WHERE t.name = 'delivered'), 0)
	AS delivered,
       coalesce(sum(t.events) FILTER (WHERE t.name = 'stuck'), 0) AS stuck,
       coalesce(sum(t.events) FILTER (WHERE t.name = 'discarded'), 0)
	AS discarded,
       coalesce(sum(t.events) FILTER (WHERE t.name = 'skipped'), 0) AS skipped,
       coalesce(sum(t.events) FILTER (WHERE t.name = 'pruned'), 0) AS pruned,
       coalesce(sum(t.events) FILTER (WHERE t.name = 'erased'), 0) AS erased
  FROM lane AS l
  JOIN output AS o ON o.id = l.output
  LEFT JOIN tally AS t ON t.lane = l.id
 GROUP BY l.id
 ORDER BY o.name, l.kind;
