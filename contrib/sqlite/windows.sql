-- windows.sql - how full the rate windows are
--
-- The fullest first.  One that is empty does not appear.
SELECT output, window, coalesce(identity, '(the app)') AS whose, used,
       limit_n AS "limit", printf('%d %%', 100 * used / limit_n) AS full,
       window_ms / 1000 AS seconds, frees_at
  FROM v_windows
 ORDER BY 1.0 * used / limit_n DESC
 LIMIT 40;
