-- isolation.sql - how a refused request was taken apart
--
-- The tree of requests around one of them, or around the last that was taken
-- apart: each is indented under the refused one whose events it carried, with
-- the events that became stuck by it.  For another:
-- .parameter set :request 17
WITH RECURSIVE up (id, parent) AS (
	SELECT id, parent FROM request
	 WHERE id = coalesce(:request, (SELECT max(parent) FROM request))
	UNION ALL
	SELECT r.id, r.parent FROM up JOIN request AS r ON r.id = up.parent),
tree (id, depth, path) AS (
	SELECT min(id), 0, printf('%020d', min(id)) FROM up
	UNION ALL
	SELECT r.id, t.depth + 1, t.path || printf('/%020d', r.id)
	  FROM tree AS t
	  JOIN request AS r ON r.parent = t.id AND r.id > t.id)
SELECT printf('%*s%d', 2 * t.depth, '', r.id) AS request, r.form, r.events,
       r.objects, r.status, r.verdict,
       (SELECT group_concat(e.id, ' ') FROM event AS e
	 WHERE e.state = 'stuck' AND e.request = r.id) AS stuck,
       coalesce(r.answer, r.error) AS answer
  FROM tree AS t
  JOIN request AS r ON r.id = t.id
 ORDER BY t.path;
