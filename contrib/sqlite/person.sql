-- person.sql - profiles of a person
--
-- By any identity that a batch may have had, or by MPID:
-- .parameter set :person 'ada@example.com'
-- Without one, the twenty profiles that were found last.
WITH found (mpid) AS (
	SELECT mpid FROM profile_identity
	 WHERE value = lower(trim(:person)) OR value = trim(:person)
	UNION
	SELECT mpid FROM profile
	 WHERE mpid = CAST(:person AS INTEGER)
	   AND CAST(mpid AS TEXT) = CAST(:person AS TEXT)
	UNION
	SELECT mpid FROM (SELECT mpid FROM profile
	 WHERE :person IS NULL ORDER BY resolved DESC LIMIT 20))
SELECT p.mpid, CASE p.minted WHEN 1 THEN 'made here' ELSE 'from a batch' END
	AS origin,
       p.customer_id,
       (SELECT group_concat(c.type || ' ' || c.value, ', ')
	  FROM profile_current AS c WHERE c.mpid = p.mpid) AS newest,
       (SELECT count(*) FROM profile_identity AS i WHERE i.mpid = p.mpid)
	AS known_by,
       p.resolved AS last_batch,
       (SELECT datetime(b.received_at / 1000, 'unixepoch')
	  FROM batch AS b WHERE b.id = p.resolved) AS last_seen
  FROM found AS f
  JOIN profile AS p ON p.mpid = f.mpid
 ORDER BY p.resolved DESC;
