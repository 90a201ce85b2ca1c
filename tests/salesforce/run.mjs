/*
 * run.mjs - orgs that save tickets, and what of it arrives at the sink
 *
 * `relay` is an org with contrib/salesforce and its example, `page` one with
 * the page's design.  Their tickets have e-mail addresses of their own, so
 * that what arrived is known by them.  Where an agent says nothing for 25 s,
 * the orgs' clock runs faster while a callout waits.
 */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Runtime, SObject } from './apex.mjs';
import { Org } from './apex_org.mjs';

const { APEX_SOURCE: source, APEX_PROXY: proxy, APEX_SINK: sink,
    APEX_HURRY: hurry } = process.env;
const package_ = `${source}/contrib/salesforce/force-app/main/default`;
const example = `${source}/contrib/salesforce/example-app/main/default`;
const fixtures = `${source}/tests/salesforce`;
const created = new Map();	/* e-mail: the events that are to arrive */
const lines = [];		/* of the figures that are printed at the end */
let relay;
let page;

/* Classes and triggers; tests of the org's own need an org's test runner. */
function programs(...dirs) {
	return dirs.flatMap((dir) => readdirSync(dir)
	    .filter((name) => /(?<!Test|Mock)\.(cls|trigger)$/.test(name))
	    .map((name) => `${dir}/${name}`));
}

/* An org with these programs, whose callouts pass the proxy. */
function makeOrg(first, dirs) {
	const to = { url: `${proxy}/v2`, user: 'key', password: 'secret' };
	const org = new Org({ HeapRelay: to, mP_API: to }, first);

	org.rt.load(programs(...dirs));
	return org;
}

/* The package's own custom metadata. */
function setting() {
	const xml = readFileSync(`${package_}/customMetadata/` +
	    'HeapRelay_Setting.Default.md-meta.xml', 'utf8');
	const [, field, value] =
	    xml.match(/<field>(.*)<\/field>\s*<value.*>(.*)<\/value>/);

	return new SObject('heaprelay_setting__mdt',
	    { [field.toLowerCase()]: value });
}

async function faults(list) {
	await fetch(`${proxy}/faults`, { method: 'POST',
	    body: JSON.stringify(list) });
}

/* What `run` does, with a clock that runs faster while something waits. */
async function hurried(org, run) {
	org.hurry = Number(hurry);
	try {
		return await run();
	} finally {
		org.hurry = 1;
	}
}

function apex(org, cls, method) {
	return org.rt.call(org.rt.type(cls.toLowerCase(), ''),
	    method.toLowerCase(), [], 'run.mjs');
}

function newTickets(label, n) {
	return Array.from({ length: n }, (none, i) => new SObject(
	    'testticket__c', { status__c: 'Open',
	    email__c: `${label}-${i}@example.com` }));
}

/* One save of `n` tickets by a user. */
async function save(org, label, n) {
	const tickets = newTickets(label, n);
	const { error } = await org.transaction('user', () =>
	    org.dml('insert', tickets));

	return { tickets, error };
}

async function close(org, tickets) {
	for (const ticket of tickets)
		ticket.fields.status__c = 'Closed';
	const { error } = await org.transaction('user', () =>
	    org.dml('update', tickets));

	return error;
}

function expectEvents(tickets, name) {
	for (const { fields } of tickets)
		created.set(fields.email__c, [...created.get(fields.email__c) ??
		    [],
		    name].sort());
}

/* Saves, runs the jobs, tells what it took; every event is to arrive. */
async function deliver(org, label, n, minutes) {
	const calls = org.log.length;
	const { tickets, error } = await save(org, label, n);

	assert.equal(error, null, error?.message);
	const jobs = await org.drain(minutes);
	expectEvents(tickets, 'Ticket Created');
	const figures = { tickets, jobs, log: org.log.slice(calls) };
	lines.push(`${label}: ${n} tickets, ${figures.jobs} jobs, ` +
	    `${figures.log.length} callouts`);
	return figures;
}

function outbox(status) {
	return [...relay.table('heaprelay_outbox__c').values()]
	    .filter((row) => row.status__c === status);
}

const statuses = (log) => log.map((call) => call.status);

async function arrived() {
	const { events } = await (await fetch(
	    `${sink}/events?limit=50000`)).json();
	const byPerson = new Map();

	for (const { object } of events)
		byPerson.set(object.identity,
		    [...byPerson.get(object.identity) ??
		    [], object.event].sort());
	return byPerson;
}

/* Until as many events have come as are to come, and a moment for more. */
async function settle() {
	const wanted = [...created.values()].flat().length;

	for (let i = 0; i < 1200; i++) {
		const { objects } = await (await fetch(`${sink}/stats`)).json();
		if (objects >= wanted)
			return;
		await new Promise((done) => setTimeout(done, 50));
	}
	assert.fail(`${wanted} events were to arrive`);
}

before(() => {
	relay = makeOrg(0, [`${package_}/classes`, `${example}/classes`,
	    `${example}/triggers`]);
	relay.rt.library['heaprelay_setting__mdt.getinstance/1'] = setting;
	page = makeOrg(500000, [`${fixtures}/page-design`]);
});

after(() => {
	for (const line of lines)
		console.log(`figures: ${line}`);
});

test('the orgs have the platform\'s limits', async () => {
	const org = makeOrg(0, []);
	const request = { endpoint: 'callout:HeapRelay/bulkevents',
	    method: 'POST', headers: {}, body: '[]', timeout: 10000 };
	const failure = async (n, run) => {
		const { error } = await org.transaction('user', async () => {
			for (let i = 0; i < n; i++)
				await run();
		});
		return error?.message;
	};
	const call = () => org.callout(request);
	const one = () => org.dml('insert', newTickets('none', 1));
	const start = () => org.enqueue(new Twice(), 0);
	class Twice extends org.rt.ApexObject {
		static interfaces = [];
		execute$1() { start(); start(); }
	}

	assert.equal(await failure(100, call), undefined);
	assert.equal(await failure(101, call), 'Too many callouts: 101');
	assert.equal(await failure(151, one), 'Too many DML statements: 151');
	assert.equal(await failure(2, () => org.dml('insert',
	    newTickets('none', 5001))), 'Too many DML rows: 10002');
	assert.equal(await failure(51, start),
	    'Too many queueable jobs added to the queue: 51');
	for (const first of [one, start])
		assert.match(await failure(1, async () => {
			await first();
			await call();
		}), /^You have uncommitted work/);
	assert.deepEqual([org.jobs.length, org.table('testticket__c').size],
	    [0, 0]);
	await failure(1, start);
	assert.equal(await org.drain(), 1);
	assert.match(org.failed[0], /Too many queueable jobs .*: 2/);
});

test('the subset computes as Apex does', async () => {
	const org = makeOrg(0, [`${fixtures}/probe`]);
	const probe = async (method) => {
		let seen;
		const { error } = await org.transaction('user', async () => {
			await org.dml('insert', newTickets('none', 1));
			seen = await apex(org, 'Probe', method);
		});
		return error?.message ?? seen;
	};

	for (let i = 0; i < 2; i++)
		assert.equal(await probe('computed'), 'Abnulltrue33.51');
	assert.match(await probe('nullIsCaught'), /de-reference a null/);
	assert.equal(await probe('overrunIsNot'), 'Too many future calls: 51');
	assert.match(await probe('notAskedFor'), /without querying email__c/);
});

test('what is not in the subset is told with file and line', async () => {
	const org = makeOrg(0, []);
	const path = `${process.cwd()}/Odd.cls`;
	const load = (body) => {
		writeFileSync(path, `public class Odd {\n${body}\n}\n`);
		org.rt = new Runtime(org);
		org.rt.load([path]);
	};
	const says = (what) => ({ message:
	    `not in this subset: ${what}, Odd.cls:2` });

	for (const [body, what] of [
	    ['void m() { insert tickets; }', 'InsertStatement inserttickets;'],
	    ['void m() { Integer n = p; }', 'the name p'],
	    ['transient Integer n;', 'the modifier transient'],
	    ['void m() { Object o = [SELECT Id FROM Account]; }',
	    'SoqlPrimary [SELECTIdFROMAccount]']])
		assert.throws(() => load(body), says(what));
	for (const [call, what] of [
	    ['String.reverse(1)', 'string.reverse/1'],
	    ['Approval.lock()', 'approval.lock/0'],
	    ['new Contact()', 'contact.new/0']]) {
		load(`static void m() { Object o = ${call}; }`);
		await assert.rejects(apex(org, 'Odd', 'm'), says(what));
	}
});

test('a ticket is created and closed', async () => {
	const { tickets, jobs, log } = await deliver(relay, 'relay-one', 1);

	assert.equal(await close(relay, tickets), null);
	expectEvents(tickets, 'Ticket Closed');
	await relay.drain();

	assert.equal(jobs, 1);
	assert.deepEqual(statuses(log), [202]);
});

test('any number of tickets is one job, a callout for each hundred',
    async () => {
	for (const [n, callouts] of [[50, 1], [51, 1], [200, 2]]) {
		const { tickets, jobs, log } = await deliver(relay,
		    `relay-${n}`, n);

		assert.equal(jobs, 1);
		assert.deepEqual(statuses(log), Array(callouts).fill(202));
		if (n === 200) {
			lines.push(...log.map((call) => `  POST ${call.path} ` +
			    `${JSON.parse(call.body).length} batches, ` +
			    `${call.bytes}` +
			    ` bytes: ${call.status}`));
			assert.equal(await close(relay, tickets), null);
			expectEvents(tickets, 'Ticket Closed');
			assert.equal(await relay.drain(), 1);
		}
	}
});

test('201 tickets are two chunks of a trigger and still one job', async () => {
	const { jobs, log } = await deliver(relay, 'relay-201', 201);

	assert.equal(jobs, 1);
	assert.deepEqual(log.map((call) => JSON.parse(call.body).length),
	    [100, 100, 1]);
});

test('10,000 tickets, loaded 200 at a time', async () => {
	const calls = relay.log.length;

	for (let i = 0; i < 50; i++) {
		const { tickets, error } = await save(relay, `relay-load${i}`,
		    200);
		assert.equal(error, null);
		expectEvents(tickets, 'Ticket Created');
	}
	const jobs = await relay.drain();

	assert.deepEqual(outbox('Pending'), []);
	assert.ok(relay.log.slice(calls).every((call) => call.status === 202));
	assert.equal(relay.log.length - calls, 100);
	lines.push(`relay-load: 10000 tickets in 50 saves, ` +
	    `${jobs} jobs, ${relay.log.length - calls} callouts`);
});

test('10,000 tickets in one save leave no row to the outbox: the jobs ' +
    'carry them', async () => {
	const { log } = await deliver(relay, 'relay-10000', 10000);

	assert.ok(log.every((call) => call.status === 202));
	assert.deepEqual(outbox('Pending'), []);
});

test('429, 503, silence, a swallowed answer: sent again, kept once',
    async () => {
	for (const [fault, seen] of [['429', 429], ['503', 503],
	    ['silent', 'Read timed out'], ['swallow', 'Read timed out']]) {
		await faults([fault, fault]);
		const start = relay.now();
		const { log } = await hurried(relay,
		    () => deliver(relay, `relay-${fault}`, 150));

		assert.deepEqual(statuses(log), [seen, seen, 202, 202]);
		assert.equal(log[0].body, log[1].body);
		assert.equal(log[1].body, log[2].body);
		/* One minute or what Retry-After says, then two minutes. */
		assert.ok(relay.now() - start >=
		    (Number(fault) ? 90 + 120 : 60 + 120) * 1000);
	}
});

test('an agent that is away for an hour costs time only', async () => {
	const away = { ...relay.credentials.HeapRelay,
	    url: 'http://127.0.0.1:1' };
	const here = relay.credentials.HeapRelay;

	/* A job begins in the very millisecond in which its rows are due. */
	const begun = relay.now(), ahead = relay.ahead;
	relay.now = () => begun + relay.ahead - ahead;
	relay.credentials.HeapRelay = away;
	const { tickets, error } = await save(relay, 'relay-away', 250);
	assert.equal(error, null);
	await relay.drain(60);
	assert.equal(outbox('Pending').length, 3);
	relay.credentials.HeapRelay = here;
	await relay.drain();
	delete relay.now;

	assert.deepEqual(outbox('Pending'), []);
	expectEvents(tickets, 'Ticket Created');
});

test('an agent that allows fewer batches a second is obeyed', async () => {
	const here = relay.credentials.HeapRelay;

	relay.credentials.HeapRelay = { ...here, user: 'slow' };
	const { log } = await deliver(relay, 'relay-slow', 200, 0);
	assert.deepEqual(statuses(log), [202, 429]);
	await new Promise((done) => setTimeout(done, 1500));
	const calls = relay.log.length;
	assert.equal(await relay.drain(), 1);
	relay.credentials.HeapRelay = here;

	assert.deepEqual(statuses(relay.log.slice(calls)), [202]);
});

test('a wrong secret fails the rows until an admin has them sent', async () => {
	const here = relay.credentials.HeapRelay;

	relay.credentials.HeapRelay = { ...here, password: 'wrong' };
	const { log } = await deliver(relay, 'relay-secret', 101);
	relay.credentials.HeapRelay = here;
	assert.deepEqual(statuses(log), [403, 403]);
	assert.equal(outbox('Failed').length, 2);
	await relay.transaction('user', () => apex(relay, 'HeapRelayOutbox',
	    'retryFailed'));
	await relay.drain();

	assert.equal(outbox('Failed').length, 0);
});

test('a save that is rolled back is no event', async () => {
	const { error } = await relay.transaction('user', async () => {
		await relay.dml('insert', newTickets('relay-undone', 10));
		relay.rt.raise('IllegalArgumentException', 'a later step');
	});

	assert.equal(error.message, 'a later step');
	assert.equal(await relay.drain(), 0);
	assert.deepEqual(outbox('Pending'), []);
});

test('a job that dies after its callouts has them sent again', async () => {
	relay.dml = (...args) => {
		if (relay.tx.kind === 'user')
			return Org.prototype.dml.apply(relay, args);
		delete relay.dml;	/* the next one is as ever */
		return relay.rt.raise('LimitException', 'it is told to die');
	};
	const { log } = await deliver(relay, 'relay-dies', 120);

	assert.deepEqual(statuses(log), [202, 202, 202, 202]);
	assert.match(relay.failed.pop(), /it is told to die/);
});

test('the sweeper sends what a lost job has left', async () => {
	await relay.transaction('user', () => apex(relay, 'HeapRelaySweeper',
	    'install'));
	await relay.transaction('user', () => apex(relay, 'HeapRelaySweeper',
	    'install'));
	assert.equal(relay.table('crontrigger').size, 4);
	const { tickets } = await save(relay, 'relay-lost', 3);
	relay.jobs = [];
	const [{ job }] = relay.table('crontrigger').values();
	relay.jobs.push({ kind: 'scheduled', due: relay.now(),
	    run: () => relay.copy(job).execute$1(null) });
	await relay.drain();

	assert.deepEqual(outbox('Pending'), []);
	expectEvents(tickets, 'Ticket Created');
	assert.deepEqual(relay.failed, []);
});

test('the page\'s design: a future call and a callout for each ticket',
    async () => {
	for (const url of [`${proxy}/v2`, `${proxy}/v2/events`]) {
		const label = url.endsWith('s') ? 'page-literal' : 'page-one';
		page.credentials.mP_API.url = url;
		const { tickets, log } = await deliver(page, label, 1);
		assert.equal(await close(page, tickets), null);
		expectEvents(tickets, 'Ticket Closed');
		await page.drain();
		assert.deepEqual(statuses(log), [202]);
	}
	const { jobs, log } = await deliver(page, 'page-50', 50);
	assert.equal(jobs, 50);
	assert.deepEqual(statuses(log), Array(50).fill(202));
});

test('the page\'s design: the 51st ticket fails the whole save', async () => {
	const rows = page.table('testticket__c');
	const stored = rows.size;

	for (const n of [51, 200, 201, 10000]) {
		const { error } = await save(page, `page-${n}`, n);
		assert.equal(error.message, 'Too many future calls: 51');
		assert.equal(rows.size, stored);
		assert.equal(await page.drain(), 0);
		lines.push(`page-${n}: ${n} tickets, save failed: ` +
		    error.message);
	}
});

test('the page\'s design: what is not answered with 2xx is lost', async () => {
	await faults(['429', '503', 'silent']);
	const { error } = await save(page, 'page-lost', 3);
	assert.equal(error, null);
	await hurried(page, () => page.drain());

	assert.deepEqual(statuses(page.log.slice(-3)),
	    [429, 503, 'Read timed out']);
	assert.equal(page.failed.length, 1);
	lines.push('page-lost: 3 tickets answered 429, 503 and nothing: ' +
	    '3 events lost');
});

test('every row of the outbox fits its fields', () => {
	const dir = `${package_}/objects/HeapRelay_Outbox__c/fields`;
	const rows = [...relay.table('heaprelay_outbox__c').values()];

	assert.ok(rows.length > 100);
	for (const file of readdirSync(dir)) {
		const xml = readFileSync(`${dir}/${file}`, 'utf8');
		const name = file.split('.')[0].toLowerCase();
		const values = [...xml.matchAll(
		    /<value>\s*<fullName>(.*?)<\/fullName>/g)]
		    .map(([, value]) => value);
		const length = Number(xml.match(/<length>(\d+)/)?.[1]);
		for (const row of rows) {
			if (values.length > 0)
				assert.ok(values.includes(row[name]), name);
			if (length > 0)
				assert.ok(!(row[name]?.length > length), name);
		}
	}
});

test('everything has arrived, each event once', async () => {
	await settle();
	const seen = await arrived();
	let duplicates = 0;

	for (const [person, events] of seen)
		duplicates += events.length - (created.get(person) ??
		    []).length;
	assert.deepEqual(seen.size, created.size);
	for (const [person, events] of created)
		assert.deepEqual(seen.get(person), events, person);
	lines.push(`${[...created.values()].flat().length} events of ` +
	    `${created.size} people at the sink, ${duplicates} duplicates`);
});

test('a created ticket is its user\'s `Last Open Ticket`', async () => {
	const { users } =
	    await (await fetch(`${sink}/users?limit=50000`)).json();
	const rows = relay.table('testticket__c');
	const ticket = [...rows.values()]
	    .find((row) => row.email__c === 'relay-one-0@example.com');

	assert.equal(users.find((user) => JSON.stringify(user)
	    .includes('relay-one-0@')).properties['Last Open Ticket'],
	    'https://example-dev-ed.develop.my.salesforce.com/' + ticket.id);
});
