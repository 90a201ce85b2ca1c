-- requests.sql - requests of the last day by hour and status
--
-- The newest hour first; status 0 is no answer.  For another span:
-- .parameter set :hours 72
SELECT strftime('%Y-%m-%d %H:00Z', r.ended_at / 1000, 'unixepoch') AS hour,
       o.name AS output, l.kind AS lane, r.status, count(*) AS requests,
       sum(r.events) AS events, sum(r.objects) AS objects,
       CAST(avg(CASE WHEN r.verdict <> 'interrupted'
	THEN r.ended_boot - r.started_boot END) AS INTEGER) AS mean_ms,
       max(r.error) AS an_error
  FROM request AS r
  JOIN lane AS l ON l.id = r.lane
  JOIN output AS o ON o.id = l.output
 WHERE r.ended_at > (strftime('%s') - 3600 * coalesce(:hours, 24)) * 1000
 GROUP BY hour, o.name, l.kind, r.status
 ORDER BY hour DESC, o.name, l.kind, r.status;
