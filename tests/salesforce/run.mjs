/*
 * run.mjs - orgs that save tickets, and what of it arrives at the sink
 *
 * `relay` is an org with contrib/salesforce and its example, `page` one with
 * the page's design.  Their tickets have e-mail addresses of their own, so
 * that what arrived is known by them.  Where an agent says nothing for 25 s,
 * the orgs' clock runs faster while a callout waits.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Runtime } from './apex.mjs';
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
	return dirs.filter(existsSync).flatMap((dir) => readdirSync(dir)
	    .filter((name) => /(?<!Test|Mock)\.(cls|trigger)$/.test(name))
	    .map((name) => `${dir}/${name}`));
}

/* An org with these programs, whose callouts pass the proxy. */
function makeOrg(first, dirs, url = `${proxy}/v2`) {
	const to = { url, user: 'key', password: 'secret' };
	const org = new Org({ credentials: { HeapRelay: to, mP_API: to },
	    first, trace: Boolean(process.env.APEX_TRACE) });

	org.loadObjects(example);
	if (dirs.includes(`${package_}/classes`))
		org.loadObjects(package_);
	org.rt = new Runtime(org);
	org.rt.load(programs(...dirs));
	return org;
}

function faults(list) {
	relay.http.send({ url: `${proxy}/faults`, method: 'POST', headers: {},
	    body: JSON.stringify(list), timeout: 10000 });
}

/* What `run` does, with a clock that runs faster while something waits. */
function hurried(org, run) {
	org.hurry = Number(hurry);
	try {
		return run();
	} finally {
		org.hurry = 1;
	}
}

function apex(org, cls, method, ...args) {
	return org.rt.C[cls.toLowerCase()][`${method.toLowerCase()}$` +
	    args.length](...args);
}

function newTickets(org, label, n) {
	return Array.from({ length: n }, (none, i) => org.rt.record(
	    org.rt.type('testticket__c', []), [['status__c', 'Open'],
	    ['email__c', `${label}-${i}@example.com`]], 'run.mjs'));
}

/* One save of `n` tickets by a user. */
function save(org, label, n) {
	const tickets = newTickets(org, label, n);
	const { error } = org.transaction('user', () =>
	    org.dml('insert', tickets, true, 'run.mjs'));

	return { tickets, error };
}

function close(org, tickets) {
	return org.transaction('user', () => {
		for (const ticket of tickets)
			org.rt.set(ticket, 'status__c', 'Closed', 'run.mjs');
		org.dml('update', tickets, true, 'run.mjs');
	}).error;
}

function expectEvents(tickets, name) {
	for (const { fields } of tickets)
		created.set(fields.email__c, [...created.get(fields.email__c) ??
		    [],
		    name].sort());
}

/* Saves, runs the jobs, tells what it took; every event is to arrive. */
function deliver(org, label, n, minutes) {
	const calls = org.log.length;
	const before = org.ran;
	const { tickets, error } = save(org, label, n);

	assert.equal(error, null, error?.$message);
	org.drain(minutes);
	expectEvents(tickets, 'Ticket Created');
	const figures = { tickets, jobs: org.ran - before,
	    log: org.log.slice(calls) };
	lines.push(`${label}: ${n} tickets, ${figures.jobs} jobs, ` +
	    `${figures.log.length} callouts`);
	return figures;
}

function outbox(status) {
	return [...relay.schemas.get('heaprelay_outbox__c').rows.values()]
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
	page = makeOrg(500000, [`${fixtures}/page-design`]);
});

after(async () => {
	await relay.close();
	await page.close();
	for (const line of lines)
		console.log(`figures: ${line}`);
});

test('the subset computes as Apex does', async () => {
	const org = makeOrg(0, [`${fixtures}/probe`]);
	const probe = (method) => {
		let seen;
		assert.equal(org.transaction('user', () => {
			seen = apex(org, 'LanguageProbe', method);
		}).error, null);
		return seen;
	};

	assert.equal(probe('numbers'), '3 -3 -2147483648 2147483648 3.5');
	assert.equal(probe('texts'), 'truefalse2nullnull6');
	assert.equal(probe('ways'), '013rGREEN...!!derived of base');
	assert.equal(probe('values'), '12Tn5truetruetrue');
	assert.equal(probe('records'), 'Closed not asked for gone');
	assert.equal(probe('failures'), 'foneLN');
	assert.deepEqual([probe('counted'), probe('counted')], [1, 1]);
	assert.equal(probe('json'), '{"n":1,"long":12345678901,"none":null,' +
	    '"list":["a\\"b",true,1.5]}');
	await org.close();
});

test('the subset has the platform\'s limits', async () => {
	const org = makeOrg(0, [`${fixtures}/probe`]);
	const failure = (method, ...args) => org.transaction('user', () =>
	    apex(org, 'LimitsProbe', method, ...args)).error?.$message;

	assert.equal(failure('calls', 100), undefined);
	assert.equal(failure('calls', 101), 'Too many callouts: 101');
	assert.match(failure('callAfterSave'), /^You have uncommitted work/);
	assert.match(failure('callAfterEnqueue'), /^You have uncommitted work/);
	assert.equal(org.jobs.length, 0);
	assert.equal(org.schemas.get('testticket__c').rows.size, 0);
	assert.match(failure('saveWrongly'), /RESTRICTED_PICKLIST, Ajar/);
	assert.match(failure('overrunAndCatch'), /^Too many queueable jobs/);
	assert.equal(failure('start', 50), undefined);
	assert.equal(org.drain(), 50);
	assert.equal(failure('startOneWith', 2), undefined);
	org.drain();
	assert.match(org.failed[0], /Too many queueable jobs .*: 2/);
	await org.close();
});

test('what is not in the subset is told with file and line', async () => {
	const org = makeOrg(0, []);
	const refused = (body, what) => {
		const path = `${process.cwd()}/Odd.cls`;
		writeFileSync(path, `public class Odd {\n${body}\n}\n`);
		assert.throws(() => new Runtime(org).load([path]),
		    { message: `not in this subset: ${what}, Odd.cls:2` });
	};

	refused('Integer x = ~1;', 'NegExpression ~1');
	refused('void m() { Approval.lock(null); }', 'the name Approval');
	refused('void m() { String.reverse(1); }', 'string.reverse/1');
	refused('void m(Contact c) { }', 'the type Contact');
	refused('Object o = [SELECT Id FROM TestTicket__c GROUP BY Id];',
	    'Query SELECTIdFROMTestTicket__cGROUPBYId');
	await org.close();
});

test('a ticket is created and closed', () => {
	const { tickets, jobs, log } = deliver(relay, 'relay-one', 1);

	assert.equal(close(relay, tickets), null);
	expectEvents(tickets, 'Ticket Closed');
	relay.drain();

	assert.equal(jobs, 1);
	assert.deepEqual(statuses(log), [202]);
});

test('any number of tickets is one job, a callout for each hundred', () => {
	for (const [n, callouts] of [[50, 1], [51, 1], [200, 2]]) {
		const { tickets, jobs, log } = deliver(relay, `relay-${n}`, n);

		assert.equal(jobs, 1);
		assert.deepEqual(statuses(log), Array(callouts).fill(202));
		if (n === 200) {
			lines.push(...log.map((call) => `  POST ${call.path} ` +
			    `${JSON.parse(call.body).length} batches, ` +
			    `${call.bytes}` +
			    ` bytes: ${call.status}`));
			assert.equal(close(relay, tickets), null);
			expectEvents(tickets, 'Ticket Closed');
			assert.equal(relay.drain(), 1);
		}
	}
});

test('201 tickets are two chunks of a trigger and still one job', () => {
	const { jobs, log } = deliver(relay, 'relay-201', 201);

	assert.equal(jobs, 1);
	assert.deepEqual(log.map((call) => JSON.parse(call.body).length),
	    [100, 100, 1]);
});

test('10,000 tickets, loaded 200 at a time', () => {
	const calls = relay.log.length;
	const before = relay.ran;

	for (let i = 0; i < 50; i++) {
		const { tickets, error } = save(relay, `relay-load${i}`, 200);
		assert.equal(error, null);
		expectEvents(tickets, 'Ticket Created');
	}
	relay.drain();

	assert.deepEqual(outbox('Pending'), []);
	assert.ok(relay.log.slice(calls).every((call) => call.status === 202));
	assert.equal(relay.log.length - calls, 100);
	lines.push(`relay-load: 10000 tickets in 50 saves, ` +
	    `${relay.ran - before} jobs, ${relay.log.length - calls} callouts`);
});

test('10,000 tickets in one save leave no row to the outbox: the jobs ' +
    'carry them', () => {
	const { log } = deliver(relay, 'relay-10000', 10000);

	assert.ok(log.every((call) => call.status === 202));
	assert.deepEqual(outbox('Pending'), []);
});

test('429, 503, silence, a swallowed answer: sent again, kept once', () => {
	for (const [fault, seen] of [['429', 429], ['503', 503],
	    ['silent', 'Read timed out'], ['swallow', 'Read timed out']]) {
		faults([fault, fault]);
		const start = relay.now();
		const { log } = hurried(relay,
		    () => deliver(relay, `relay-${fault}`, 150));

		assert.deepEqual(statuses(log), [seen, seen, 202, 202]);
		assert.equal(log[0].body, log[1].body);
		assert.equal(log[1].body, log[2].body);
		/* One minute or what Retry-After says, then two minutes. */
		assert.ok(relay.now() - start >=
		    (Number(fault) ? 90 + 120 : 60 + 120) * 1000);
	}
});

test('an agent that is away for an hour costs time only', () => {
	const away = { ...relay.credentials.HeapRelay,
	    url: 'http://127.0.0.1:1' };
	const here = relay.credentials.HeapRelay;

	relay.credentials.HeapRelay = away;
	const { tickets, error } = save(relay, 'relay-away', 250);
	assert.equal(error, null);
	relay.drain(60);
	assert.equal(outbox('Pending').length, 3);
	relay.credentials.HeapRelay = here;
	relay.drain();

	assert.deepEqual(outbox('Pending'), []);
	expectEvents(tickets, 'Ticket Created');
});

test('an agent that allows fewer batches a second is obeyed', () => {
	const here = relay.credentials.HeapRelay;

	relay.credentials.HeapRelay = { ...here, user: 'slow' };
	relay.waits = true;
	const { log } = hurried(relay, () => deliver(relay, 'relay-slow', 200));
	relay.waits = false;
	relay.credentials.HeapRelay = here;

	assert.ok(statuses(log).includes(429));
	assert.equal(statuses(log).filter((status) => status === 202).length,
	    2);
});

test('a wrong secret fails the rows until an admin has them sent', () => {
	const here = relay.credentials.HeapRelay;

	relay.credentials.HeapRelay = { ...here, password: 'wrong' };
	const { log } = deliver(relay, 'relay-secret', 101);
	relay.credentials.HeapRelay = here;
	assert.deepEqual(statuses(log), [403, 403]);
	assert.equal(outbox('Failed').length, 2);
	relay.transaction('user', () => apex(relay, 'HeapRelayOutbox',
	    'retryFailed'));
	relay.drain();

	assert.equal(outbox('Failed').length, 0);
});

test('a save that is rolled back is no event', () => {
	const tickets = newTickets(relay, 'relay-undone', 10);
	const { error } = relay.transaction('user', () => {
		relay.dml('insert', tickets, true, 'run.mjs');
		relay.rt.raise('IllegalArgumentException', 'a later step',
		    'run.mjs');
	});

	assert.equal(error.$message, 'a later step');
	assert.equal(relay.drain(), 0);
	assert.deepEqual(outbox('Pending'), []);
});

test('a job that dies after its callouts has them sent again', () => {
	relay.breakNext = 'Too many DML statements: 151';
	const { log } = deliver(relay, 'relay-dies', 120);

	assert.deepEqual(statuses(log), [202, 202, 202, 202]);
	assert.match(relay.failed.pop(), /Too many DML/);
});

test('the sweeper sends what a lost job has left', () => {
	relay.transaction('user', () => apex(relay, 'HeapRelaySweeper',
	    'install'));
	relay.transaction('user', () => apex(relay, 'HeapRelaySweeper',
	    'install'));
	assert.equal(relay.schemas.get('crontrigger').rows.size, 4);
	const { tickets } = save(relay, 'relay-lost', 3);
	relay.jobs = [];
	relay.fireScheduled([...relay.scheduled.keys()][0]);
	relay.drain();

	assert.deepEqual(outbox('Pending'), []);
	expectEvents(tickets, 'Ticket Created');
	assert.deepEqual(relay.failed, []);
});

test('the page\'s design: a future call and a callout for each ticket', () => {
	for (const url of [`${proxy}/v2`, `${proxy}/v2/events`]) {
		const label = url.endsWith('s') ? 'page-literal' : 'page-one';
		page.credentials.mP_API.url = url;
		const { tickets, log } = deliver(page, label, 1);
		assert.equal(close(page, tickets), null);
		expectEvents(tickets, 'Ticket Closed');
		page.drain();
		assert.deepEqual(statuses(log), [202]);
	}
	const { jobs, log } = deliver(page, 'page-50', 50);
	assert.equal(jobs, 50);
	assert.deepEqual(statuses(log), Array(50).fill(202));
});

test('the page\'s design: the 51st ticket fails the whole save', () => {
	const { rows } = page.schemas.get('testticket__c');
	const stored = rows.size;

	for (const n of [51, 200, 201, 10000]) {
		const { error } = save(page, `page-${n}`, n);
		assert.equal(error.$message, 'Too many future calls: 51');
		assert.equal(rows.size, stored);
		assert.equal(page.drain(), 0);
		lines.push(`page-${n}: ${n} tickets, save failed: ` +
		    error.$message);
	}
});

test('the page\'s design: what is not answered with 2xx is lost', () => {
	faults(['429', '503', 'silent']);
	const { error } = save(page, 'page-lost', 3);
	assert.equal(error, null);
	hurried(page, () => page.drain());

	assert.deepEqual(statuses(page.log.slice(-3)),
	    [429, 503, 'Read timed out']);
	assert.equal(page.failed.length, 1);
	lines.push('page-lost: 3 tickets answered 429, 503 and nothing: ' +
	    '3 events lost');
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
	const { rows } = relay.schemas.get('testticket__c');
	const ticket = [...rows.values()]
	    .find((row) => row.email__c === 'relay-one-0@example.com');

	assert.equal(users.find((user) => JSON.stringify(user)
	    .includes('relay-one-0@')).properties['Last Open Ticket'],
	    'https://example-dev-ed.develop.my.salesforce.com/' + ticket.id);
});
