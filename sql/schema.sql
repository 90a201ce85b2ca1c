-- schema.sql - the database of heaprelay, version 1
--
-- Loads as it is in the sqlite3 shell.  Every time is INTEGER milliseconds
-- since 1970-01-01T00:00:00Z unless its comment says otherwise.  The agent is
-- the only writer; reading never disturbs it.

PRAGMA application_id = 1752329337;	-- the letters "hrly"
PRAGMA user_version = 1;

-- What the agent remembers of itself.
CREATE TABLE setting (
	name	TEXT NOT NULL PRIMARY KEY,	-- identity_secret, created_at ...
	value	ANY NOT NULL			-- as its name says
) STRICT, WITHOUT ROWID;

-- The highest id that a table ever gave out, written once a turn.
-- AUTOINCREMENT would write it with every row.
CREATE TABLE last_id (
	name	TEXT NOT NULL PRIMARY KEY,	-- batch, event or request
	id	INTEGER NOT NULL		-- the next row has a higher one
) STRICT, WITHOUT ROWID;

-- A Heap environment as Heap counts by it: the windows belong to it.
CREATE TABLE app (
	id	INTEGER PRIMARY KEY,
	base_url TEXT NOT NULL,			-- without a trailing slash
	app_id	TEXT NOT NULL,			-- decimal digits
	factor	REAL NOT NULL DEFAULT 1,	-- learnt, 0.1 .. 1; times app_limit
	UNIQUE (base_url, app_id)
) STRICT;

-- An [output NAME], or NAME.development for its development app.  Stays when
-- the name vanishes from the configuration, as its events do.
CREATE TABLE output (
	id	INTEGER PRIMARY KEY,
	name	TEXT NOT NULL UNIQUE,		-- heap, heap.development
	app	INTEGER REFERENCES app (id),	-- today's; NULL: not configured
	paused_at INTEGER,			-- since when; NULL: not paused
	resumed_at INTEGER			-- when it last was; NULL: never
) STRICT;

-- One endpoint of an output.
CREATE TABLE lane (
	id	INTEGER PRIMARY KEY,
	output	INTEGER NOT NULL REFERENCES output (id),
	kind	TEXT NOT NULL			-- the endpoint
		CHECK (kind IN ('track', 'user_properties')),
	open_ms	INTEGER NOT NULL DEFAULT 0,	-- how long it has been open in
						-- all: neither paused nor its
						-- breaker open; what give_up_after
						-- is measured by
	UNIQUE (output, kind)
) STRICT;

-- The windows in force, for the views; written at start and by a reload.
CREATE TABLE window_limit (
	output	INTEGER NOT NULL REFERENCES output (id),
	name	TEXT NOT NULL,			-- track_limit, identity_limit ...
	limit_n	INTEGER NOT NULL,		-- at most so many ...
	window_ms INTEGER NOT NULL,		-- ... in any interval this long
	PRIMARY KEY (output, name)
) STRICT, WITHOUT ROWID;

-- Every value ever sent as `identity`, interned: other tables hold the number.
CREATE TABLE identity (
	id	INTEGER PRIMARY KEY,
	value	TEXT,				-- as sent; NULL: erased
	hash	TEXT				-- hex SHA-256 of it once erased
) STRICT;
CREATE UNIQUE INDEX identity_value ON identity (value) WHERE value IS NOT NULL;
-- One that comes again gets its row back: the windows know it by its number.
CREATE UNIQUE INDEX identity_hash ON identity (hash) WHERE hash IS NOT NULL;

-- One accepted mParticle batch, as received.
CREATE TABLE batch (
	id	INTEGER PRIMARY KEY,		-- never used twice: last_id
	receipt_id TEXT NOT NULL,		-- 32 hex digits, random; part of
						-- idempotency keys
	input	TEXT NOT NULL,			-- the name of its [input]
	path	TEXT NOT NULL,			-- /v2/events, /v2/bulkevents ...
	environment TEXT NOT NULL		-- anything unheard of is production
		CHECK (environment IN ('production', 'development')),
	received_at INTEGER NOT NULL,		-- by this host's clock
	mpid	INTEGER,			-- given or resolved; NULL: none
	source_request_id TEXT,			-- NULL: none
	duplicate INTEGER NOT NULL,		-- 1: its source_request_id was seen
	first_event INTEGER NOT NULL,		-- its events are this id and the
	events	INTEGER NOT NULL,		-- ... next ones, so many in all
	live	INTEGER NOT NULL,		-- how many of them are still stored
	body	TEXT NOT NULL			-- the batch's JSON, byte for byte
) STRICT;
-- Batches that never had events: profile updates only.
CREATE INDEX batch_without_events ON batch (received_at) WHERE live = 0;

-- A list of more than two after IN makes SQLite build an index of it for each
-- statement; on the hot table that was a third of the cost of a batch, hence
-- the chains of OR.

-- The queue: what one mParticle event (or a batch's user properties) becomes
-- for one output.
CREATE TABLE event (
	id	INTEGER PRIMARY KEY,		-- never used twice: last_id
	batch	INTEGER NOT NULL REFERENCES batch (id),
	event_index INTEGER,			-- in the batch's `events`; NULL:
						-- user properties
	lane	INTEGER NOT NULL REFERENCES lane (id),
	identity INTEGER REFERENCES identity (id), -- NULL: it has none
	name	TEXT NOT NULL,			-- Heap's event name; '' for user
						-- properties
	received_at INTEGER NOT NULL,		-- the batch's
	event_at INTEGER NOT NULL,		-- the timestamp sent to Heap
	commerce INTEGER NOT NULL,		-- 1: travels in the bulk form only
	objects	INTEGER NOT NULL,		-- Heap objects in the payload
	payload	TEXT,				-- those, as JSON texts joined by
						-- commas; NULL: never mapped, or
						-- merged before Heap could have it
	sent	INTEGER NOT NULL DEFAULT 0,	-- bytes of it that were delivered
						-- in earlier slices
	origins	TEXT,				-- merged user properties: which
						-- event each property in the payload
						-- comes from, ID*COUNT in its order;
						-- NULL: all from this one
	state	TEXT NOT NULL			-- moves as event_move allows
		CHECK (state = 'queued' OR state = 'inflight' OR
		state = 'delivered' OR state = 'stuck' OR
		state = 'discarded' OR state = 'skipped'),
	reason	TEXT,				-- why stuck or skipped
	due_at	INTEGER,			-- queued: not before; NULL: now
	attempts INTEGER NOT NULL DEFAULT 0,	-- requests that carried it
	failures INTEGER NOT NULL DEFAULT 0,	-- those that were its own, since it
						-- was accepted or replayed
	failing_since INTEGER,			-- the first of them; NULL: none
	failing_open_ms INTEGER,		-- lane.open_ms at that moment
	suspect	INTEGER REFERENCES isolation (id), -- travels with this group
						-- only; NULL: with anybody
	request	INTEGER REFERENCES request (id), -- the last that carried it
	last_status INTEGER,			-- of that; NULL: no answer yet
	last_error TEXT,			-- its text, or what failed
	ended_at INTEGER,			-- delivered, skipped or discarded
	generation INTEGER NOT NULL DEFAULT 0,	-- how often it was replayed
	merged_into INTEGER,			-- the event that took it up
	chain	INTEGER				-- the same of all updates that were
						-- merged into one: the lowest id
						-- among them; NULL: merged with none
) STRICT;
-- Ready ones of an identity have due_at NULL and come in the order of id.
CREATE INDEX event_queued ON event (lane, identity, due_at, id)
	WHERE state = 'queued' AND suspect IS NULL;
CREATE INDEX event_deferred ON event (due_at)
	WHERE state = 'queued' AND due_at IS NOT NULL;
CREATE INDEX event_suspect ON event (lane, suspect, id)
	WHERE state = 'queued' AND suspect IS NOT NULL;
CREATE INDEX event_inflight ON event (request) WHERE state = 'inflight';
CREATE INDEX event_suspect_inflight ON event (suspect)
	WHERE state = 'inflight' AND suspect IS NOT NULL;
CREATE INDEX event_stuck ON event (lane, identity, id) WHERE state = 'stuck';
-- The same in the order of id: jobs go through it in slices.
CREATE INDEX event_stuck_id ON event (id) WHERE state = 'stuck';
CREATE INDEX event_properties ON event (lane, identity, id)
	WHERE event_index IS NULL;
CREATE INDEX event_attempted ON event (lane, identity, request)
	WHERE event_index IS NULL AND request IS NOT NULL;
-- The updates that were merged, and the one of each chain that is not over.
CREATE INDEX event_chain ON event (chain, ended_at) WHERE chain IS NOT NULL;
CREATE INDEX event_ended ON event (state, ended_at) WHERE ended_at IS NOT NULL;

-- Which identities have ready events in a lane, and when each may send.
-- Kept by the triggers below, of new events by the way in, since a trigger of
-- those would cost a tenth of a batch; next_at by the planner.
CREATE TABLE waiting (
	lane	INTEGER NOT NULL,		-- lane.id
	identity INTEGER NOT NULL,		-- identity.id
	ready	INTEGER,			-- events that are queued, due and
						-- not under suspicion; never 0, nor
						-- NULL: to check that, SQLite would
						-- journal each statement on event
	next_at	INTEGER NOT NULL,		-- not looked at before; the order
						-- in which identities take turns
	level	INTEGER,			-- 2^level <= ready < 2^(level+1) when
						-- the planner looked last; NULL:
						-- fewer than 8 were, or never yet
	PRIMARY KEY (lane, identity)
) STRICT, WITHOUT ROWID;
CREATE INDEX waiting_next ON waiting (lane, next_at);
-- The longest backlogs.  By the power of two, since an index on what changes
-- with every event would be written with every event.
CREATE INDEX waiting_level ON waiting (lane, level, next_at)
	WHERE level IS NOT NULL;

-- Groups of events that were refused together (delivery: isolation).
CREATE TABLE isolation (
	id	INTEGER PRIMARY KEY,
	lane	INTEGER NOT NULL REFERENCES lane (id),
	request	INTEGER NOT NULL,		-- the refused one it came from
	aside	INTEGER NOT NULL,		-- how many were set aside by index
	last_index INTEGER			-- the index Heap named last; NULL: none
) STRICT;

-- One HTTP call to Heap: one attempt of all that it carried.
CREATE TABLE request (
	id	INTEGER PRIMARY KEY,		-- never used twice: last_id
	lane	INTEGER NOT NULL REFERENCES lane (id),
	app	INTEGER NOT NULL REFERENCES app (id),
	form	TEXT NOT NULL			-- one object, or a list of them
		CHECK (form IN ('flat', 'bulk')),
	events	INTEGER NOT NULL,		-- how many it carried
	objects	INTEGER NOT NULL,		-- Heap objects in it
	bytes	INTEGER NOT NULL,		-- of the body
	parent	INTEGER,			-- isolation: the refused request
						-- whose events these are
	started_at INTEGER NOT NULL,		-- when it was claimed
	ended_at INTEGER,			-- NULL: in flight
	boot_id	TEXT NOT NULL,			-- the boot that these two belong to:
	started_boot INTEGER NOT NULL,		-- ms of CLOCK_BOOTTIME
	ended_boot INTEGER,			-- likewise; NULL: in flight
	never_left INTEGER NOT NULL DEFAULT 0,	-- 1: provably; counts in no window
	status	INTEGER,			-- 0: no answer
	verdict	TEXT,				-- delivered, refused, later ...
	error	TEXT,				-- what failed, without an answer
	answer	TEXT				-- the start of what Heap said
) STRICT;
CREATE INDEX request_ended ON request (ended_at);
CREATE INDEX request_lane ON request (lane, id);
CREATE INDEX request_window ON request (boot_id, ended_boot);

-- What a request mentioned: the windows are rebuilt from it.
CREATE TABLE request_identity (
	request	INTEGER NOT NULL REFERENCES request (id),
	identity INTEGER NOT NULL REFERENCES identity (id),
	objects	INTEGER NOT NULL,		-- Heap objects of that identity
	PRIMARY KEY (request, identity)
) STRICT, WITHOUT ROWID;

-- Earlier requests of an event; the last one is event.request.
CREATE TABLE attempt (
	event	INTEGER NOT NULL REFERENCES event (id),
	request	INTEGER NOT NULL REFERENCES request (id),
	PRIMARY KEY (event, request)
) STRICT, WITHOUT ROWID;

-- The local stand-in for mParticle's identity service.
CREATE TABLE profile (
	mpid	INTEGER PRIMARY KEY,		-- signed 64 bit, never 0
	minted	INTEGER NOT NULL,		-- 1: made here; 0: came in a batch
	customer_id TEXT,			-- its login id; NULL: none
	resolved INTEGER NOT NULL,		-- the last batch that resolved to it;
						-- of one that never shared a value,
						-- where nobody asks, the first
	shared	INTEGER NOT NULL DEFAULT 0	-- 1: some lookup value of it was
						-- another's, too
) STRICT;
-- Every lookup value a profile ever had.
CREATE TABLE profile_identity (
	type	TEXT NOT NULL,			-- email, customer_id ...
	value	TEXT NOT NULL,			-- trimmed, folded
	mpid	INTEGER NOT NULL REFERENCES profile (mpid),
	PRIMARY KEY (type, value, mpid)
) STRICT, WITHOUT ROWID;
-- For erasing all of one profile.
CREATE INDEX profile_identity_mpid ON profile_identity (mpid);
-- The newest value of each type, as received.
CREATE TABLE profile_current (
	mpid	INTEGER NOT NULL REFERENCES profile (mpid),
	type	TEXT NOT NULL,			-- as in profile_identity
	value	TEXT NOT NULL,			-- untrimmed, in its own casing
	PRIMARY KEY (mpid, type)
) STRICT, WITHOUT ROWID;

-- source_request_ids of accepted batches.
CREATE TABLE seen (
	source_request_id TEXT NOT NULL,	-- as decoded, byte for byte
	input_key TEXT NOT NULL,		-- the API key it came under
	seen_at	INTEGER NOT NULL,		-- when its batch was accepted
	PRIMARY KEY (source_request_id, input_key)
) STRICT, WITHOUT ROWID;
-- For forgetting the oldest.
CREATE INDEX seen_age ON seen (seen_at);

-- Events by lane: how many are in each state, and how many were `accepted`,
-- `pruned` and `erased` in all.
CREATE TABLE tally (
	lane	INTEGER NOT NULL REFERENCES lane (id),
	name	TEXT NOT NULL,			-- a state, or one of those three
	events	INTEGER NOT NULL,		-- how many
	PRIMARY KEY (lane, name)
) STRICT, WITHOUT ROWID;

-- What operators did.
CREATE TABLE audit (
	id	INTEGER PRIMARY KEY,
	done_at	INTEGER NOT NULL,		-- when it was accepted
	action	TEXT NOT NULL,			-- replay, discard ...
	subject	TEXT NOT NULL,			-- event 17, output heap ...
	detail	TEXT NOT NULL			-- what changed
) STRICT;

-- What takes many turns: replays and discards of all events that match a
-- filter, copies of the database, erasures of a person.
CREATE TABLE job (
	id	INTEGER PRIMARY KEY AUTOINCREMENT,	-- never used twice
	kind	TEXT NOT NULL			-- what is done
		CHECK (kind IN ('replay', 'discard', 'backup', 'erase')),
	filter	TEXT NOT NULL,			-- JSON: which events; spans of time
						-- have become instants.  backup:
						-- which file.  erase: whose hash
	remap	INTEGER NOT NULL,		-- 1: their batches are mapped again
	force	INTEGER NOT NULL,		-- 1: even if Heap may have them
	state	TEXT NOT NULL DEFAULT 'running'	-- cancelled: by an operator
		CHECK (state IN ('running', 'done', 'cancelled', 'failed')),
	total	INTEGER,			-- events that match; NULL: they are
						-- not counted (yet).  backup: pages
	moved	INTEGER NOT NULL DEFAULT 0,	-- events replayed, discarded or
						-- erased.  backup: pages copied
	skipped	INTEGER NOT NULL DEFAULT 0,	-- events that match and could not be
	cursor	INTEGER NOT NULL DEFAULT 0,	-- event.id it has come to
	last_event INTEGER NOT NULL,		-- the highest event.id at its start;
						-- what came later is left alone
	error	TEXT,				-- why it failed, or why the last one
						-- was skipped; NULL: neither
	started_at INTEGER NOT NULL,		-- when it was asked for
	ended_at INTEGER			-- NULL: it runs
) STRICT;
CREATE INDEX job_running ON job (id) WHERE state = 'running';

-- How far each erasure that runs has come.  These four tables are about a
-- person until nothing else is, and are empty then.
CREATE TABLE erasure (
	job	INTEGER PRIMARY KEY REFERENCES job (id),
	hash	TEXT NOT NULL,			-- hex SHA-256 of the identity asked for
	identity INTEGER REFERENCES identity (id), -- that; NULL: it was never sent
	last_batch INTEGER NOT NULL,		-- batch.id; what came later is of a
						-- new person
	cursor	INTEGER NOT NULL DEFAULT 0,	-- batch.id it has come to
	again	INTEGER,			-- batch.id behind which to look once
						-- more; NULL: nowhere
	request	INTEGER,			-- request.id it has come to; NULL:
						-- batches come first
	batches	INTEGER NOT NULL DEFAULT 0,	-- removed so far
	profiles INTEGER NOT NULL DEFAULT 0	-- removed so far
) STRICT;
-- The profiles that are the person, which are gone already.
CREATE TABLE erasure_profile (
	job	INTEGER NOT NULL REFERENCES erasure (job),
	mpid	INTEGER NOT NULL,		-- profile.mpid
	PRIMARY KEY (job, mpid)
) STRICT, WITHOUT ROWID;
-- Every lookup value that those ever had.
CREATE TABLE erasure_value (
	job	INTEGER NOT NULL REFERENCES erasure (job),
	type	TEXT NOT NULL,			-- as in profile_identity
	value	TEXT NOT NULL,			-- likewise
	PRIMARY KEY (job, type, value)
) STRICT, WITHOUT ROWID;
-- What the person was called in requests to Heap.
CREATE TABLE erasure_identity (
	job	INTEGER NOT NULL REFERENCES erasure (job),
	identity INTEGER NOT NULL REFERENCES identity (id),
	value	TEXT,				-- identity.value, which is NULL now;
						-- NULL: another erasure has it
	shared	INTEGER NOT NULL DEFAULT 0,	-- 1: somebody else is called so too
	PRIMARY KEY (job, identity)
) STRICT, WITHOUT ROWID;

-- The legal moves of an event (delivery: states); every other is refused.
CREATE TRIGGER event_move AFTER UPDATE OF state ON event
WHEN NEW.state <> OLD.state AND NOT CASE OLD.state
	WHEN 'queued' THEN NEW.state = 'inflight' OR NEW.state = 'stuck' OR
		NEW.state = 'discarded' OR NEW.state = 'skipped'
	WHEN 'inflight' THEN NEW.state = 'delivered' OR
		NEW.state = 'queued' OR NEW.state = 'stuck'
	WHEN 'stuck' THEN NEW.state = 'queued' OR
		NEW.state = 'discarded' OR NEW.state = 'skipped'
	WHEN 'skipped' THEN NEW.state = 'queued' AND
		coalesce(OLD.reason, '') IN ('development', 'web_client_side')
	ELSE 0 END
BEGIN
	SELECT RAISE(ROLLBACK, 'illegal move of an event from one state to another');
END;

-- How an event begins.
CREATE TRIGGER event_new AFTER INSERT ON event
WHEN NEW.state = 'inflight' OR NEW.state = 'delivered' OR
	NEW.state = 'discarded'
BEGIN
	SELECT RAISE(ROLLBACK, 'an event begins as queued, stuck or skipped');
END;

-- waiting.ready, row by row, of events that are there.
CREATE TRIGGER waiting_enter AFTER UPDATE OF state, due_at, suspect ON event
WHEN NEW.state = 'queued' AND NEW.due_at IS NULL AND NEW.suspect IS NULL
 AND NOT (OLD.state = 'queued' AND OLD.due_at IS NULL AND
	OLD.suspect IS NULL)
BEGIN
	INSERT INTO waiting (lane, identity, ready, next_at)
	VALUES (NEW.lane, NEW.identity, 1,
		coalesce(OLD.due_at, NEW.received_at))
	    ON CONFLICT DO UPDATE SET ready = ready + 1;
END;

CREATE TRIGGER waiting_leave AFTER UPDATE OF state, due_at, suspect ON event
WHEN OLD.state = 'queued' AND OLD.due_at IS NULL AND OLD.suspect IS NULL
 AND NOT (NEW.state = 'queued' AND NEW.due_at IS NULL AND
	NEW.suspect IS NULL)
BEGIN
	UPDATE waiting SET ready = ready - 1
	 WHERE lane = OLD.lane AND identity = OLD.identity;
	DELETE FROM waiting
	 WHERE lane = OLD.lane AND identity = OLD.identity AND ready = 0;
END;

CREATE TRIGGER waiting_delete AFTER DELETE ON event
WHEN OLD.state = 'queued' AND OLD.due_at IS NULL AND OLD.suspect IS NULL
BEGIN
	UPDATE waiting SET ready = ready - 1
	 WHERE lane = OLD.lane AND identity = OLD.identity;
	DELETE FROM waiting
	 WHERE lane = OLD.lane AND identity = OLD.identity AND ready = 0;
END;

-- A group under suspicion goes with the last event that leaves it.
CREATE TRIGGER group_leave AFTER UPDATE OF suspect ON event
WHEN OLD.suspect IS NOT NULL AND OLD.suspect IS NOT NEW.suspect
BEGIN
	DELETE FROM isolation WHERE id = OLD.suspect
	   AND NOT EXISTS (SELECT 1 FROM event
		WHERE state = 'queued' AND suspect IS NOT NULL
		  AND lane = OLD.lane AND suspect = OLD.suspect)
	   AND NOT EXISTS (SELECT 1 FROM event
		WHERE state = 'inflight' AND suspect IS NOT NULL
		  AND suspect = OLD.suspect);
END;

CREATE TRIGGER group_delete AFTER DELETE ON event
WHEN OLD.suspect IS NOT NULL
BEGIN
	DELETE FROM isolation WHERE id = OLD.suspect
	   AND NOT EXISTS (SELECT 1 FROM event
		WHERE state = 'queued' AND suspect IS NOT NULL
		  AND lane = OLD.lane AND suspect = OLD.suspect)
	   AND NOT EXISTS (SELECT 1 FROM event
		WHERE state = 'inflight' AND suspect IS NOT NULL
		  AND suspect = OLD.suspect);
END;

-- A batch goes with its last event.
CREATE TRIGGER batch_leave AFTER DELETE ON event
BEGIN
	DELETE FROM batch WHERE id = OLD.batch AND live = 1;
	UPDATE batch SET live = live - 1 WHERE id = OLD.batch;
	DELETE FROM attempt WHERE event = OLD.id;
END;
