-- skipped.sql - what was not sent on purpose, and why
--
-- As far back as retention reaches, most first.
SELECT o.name AS output, e.reason, count(*) AS events,
       datetime(max(e.ended_at) / 1000, 'unixepoch') AS last, r.what, r.hint
  FROM event AS e
  JOIN lane AS l ON l.id = e.lane
  JOIN output AS o ON o.id = l.output
  LEFT JOIN v_reasons AS r ON r.state = 'skipped' AND r.reason = e.reason
 WHERE e.state = 'skipped' AND e.ended_at > 0
 GROUP BY o.name, e.reason
 ORDER BY count(*) DESC;
