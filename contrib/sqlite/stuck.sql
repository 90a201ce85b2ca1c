-- stuck.sql - what is stuck, and why
--
-- Most first.  To see the events themselves: SELECT * FROM v_stuck.  What can
-- be replayed at once: heaprelayctl replay --reason ... --dry-run.
SELECT output, reason, last_status AS status, count(*) AS events,
       count(DISTINCT identity) AS identities, min(received_at) AS oldest,
       min(event_id) AS first_id, what, hint, max(last_error) AS an_error
  FROM v_stuck
 GROUP BY output, reason, last_status
 ORDER BY count(*) DESC;
