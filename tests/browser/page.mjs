/*
 * page.mjs - what an operator does with the page, and what it must not do
 *
 * One test after the other, with the same agent: each has people and events of
 * its own names.
 */
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import * as h from './harness.mjs';

const HOSTILE = '<img src=x onerror="document.body.dataset.hacked=1">';
/* A double would spoil both. */
const NUMBERS = '{"price":25.50,"big":1234567890123456789012}';

/* Views that are always there; one of each kind is added to them. */
const VIEWS = ['overview', 'stuck', 'live', 'events', 'jobs', 'outputs',
    'identities', 'requests', 'audit', 'agent'].map((name) => '#/' + name);

async function stuckId(name) {
	const { items } = await h.api('/v1/events?state=stuck&name=' +
	    encodeURIComponent(name));

	return items[0].id;
}

/* The state of the one event that is shown. */
function showsState(page, state) {
	return page.locator('.facts').getByText(state, { exact: true });
}

/* A few events that Heap refuses, by `email`. */
async function refused(email, names, attributes) {
	await h.refuse(names[0]);
	for (const name of names.slice(1))
		await h.refuse(name);
	await h.postBatch(email, names, attributes);
	await h.untilStuck('identity=' + encodeURIComponent(email),
	    names.length);
	await h.refuseNothing();
}

before(async () => {
	await h.startBrowser();
	await h.postBatch('ada@example.com', ['Ticket Created',
	    'Ticket Closed']);
	await refused('eve@example.com', [HOSTILE, 'Never Taken'], NUMBERS);
});

after(h.endBrowser);

/* --- the token ---------------------------------------------------------- */

test('a wrong token is told, the right one is kept for the tab', async () => {
	await h.withPage({ storedToken: null, refusals: ['status of 401'] },
	    async (page) => {
		await h.visit(page, '#/stuck');
		await page.getByLabel('Token').fill('not-this-one-1234567890');
		await page.getByRole('button', { name: 'Open' }).click();
		await page.getByText('This token is not the agent’s.')
		    .waitFor();
		assert.deepEqual(await page.evaluate(() =>
		    [sessionStorage.length, localStorage.length]), [0, 0]);
		assert.deepEqual(await h.violations(page), []);
		await h.shot(page, 'token');

		await page.getByLabel('Token').fill(h.token);
		await page.keyboard.press('Enter');
		await page.getByRole('link', { name: 'Never Taken' })
		    .waitFor();
		assert.equal(page.url(), h.admin + '/#/stuck');
		assert.deepEqual(await page.evaluate(() =>
		    [Object.values(sessionStorage), localStorage.length]),
		    [[h.token], 0]);
		await page.reload();
		await page.getByRole('link', { name: 'Never Taken' })
		    .waitFor();

		await page.getByRole('button', { name: 'Forget the token' })
		    .click();
		await page.getByLabel('Token').waitFor();
		assert.equal(await page.evaluate(() => sessionStorage.length),
		    0);
	});
});

test('a token that is refused later is asked for again', async () => {
	await h.withPage({ storedToken: 'was-good-once-upon-a-time',
	    refusals: ['status of 401'] }, async (page) => {
		await h.visit(page, '#/overview');
		await page.getByText('does not know this token any more')
		    .waitFor();
		await page.getByLabel('Token').waitFor();
	});
});

test('a token that may only look is told why it changes nothing', async () => {
	await h.withPage({ storedToken: h.readToken, refusals:
	    ['status of 403'] }, async (page) => {
		const id = await stuckId('Never Taken');
		const button = page.getByRole('button', { name: 'Replay' });

		await h.visit(page, '#/events/' + id);
		await button.click();
		await page.locator('.notice', { hasText:
		    'This token may only look.' }).waitFor();
		assert.equal(await button.getAttribute('aria-disabled'),
		    'true');
		assert.match(await button.getAttribute('title'), /only look/);
		assert.equal((await h.api('/v1/events/' + id)).state, 'stuck');
	});
});

/* --- the overview ------------------------------------------------------- */

test('the overview says what the status says', async () => {
	await h.withPage({}, async (page) => {
		const { events, outputs } = await h.api('/v1/status');

		await h.visit(page, '#/overview');
		for (const state of ['queued', 'stuck', 'delivered'])
			await page.locator('.count-' + state, { hasText:
			    String(events[state]) }).waitFor();
		await page.locator('.checks li.good', { hasText: 'Database' })
		    .waitFor();
		for (const output of outputs)
			await page.getByRole('article', { name: 'Output ' +
			    output.name, exact: true }).waitFor();
		await page.getByRole('img', { name: /^Batches in: / })
		    .waitFor();
		assert.match(await page.title(), new RegExp('^\\(' +
		    events.stuck + '\\) Overview'));
	});
});

test('an output is paused and goes on', async () => {
	await h.withPage({}, async (page) => {
		const card = page.getByRole('article', { name: 'Output heap',
		    exact: true });

		await h.visit(page, '#/overview');
		await card.getByRole('button', { name: 'Pause' }).click();
		await card.getByText('paused', { exact: true }).waitFor();
		await h.postBatch('paul@example.com', ['Held Back']);
		await card.getByText('1 event waits; nobody can say for how ' +
		    'long, since the output is paused.').waitFor();
		await h.shot(page, 'paused');
		await card.getByRole('button', { name: 'Resume' }).click();
		await card.getByText('Nothing waits.').waitFor();
		assert.equal((await h.api('/v1/events?name=Held%20Back'))
		    .items[0].state, 'delivered');
	});
});

test('a breaker says why it is open, and is probed', async () => {
	await h.failWith(403);
	await h.withPage({}, async (page) => {
		const card = page.getByRole('article', { name: 'Output heap',
		    exact: true });

		await h.visit(page, '#/overview');
		await h.settled(page);
		assert.equal(await card.getByRole('button', { name:
		    'Probe now' }).count(), 0);
		await h.postBatch('pat@example.com', ['Behind A Breaker']);
		await card.getByText('config', { exact: true }).waitFor();
		await card.getByText(/ Next attempt in .* HTTP 403/).waitFor();
		await page.locator('.checks li.bad', { hasText: 'Breakers' })
		    .waitFor();
		await h.shot(page, 'breaker');
		await h.refuseNothing();
		await card.getByRole('button', { name: 'Probe now' }).click();
		await card.getByText('Nothing waits.').waitFor();
		await card.getByText('config', { exact: true })
		    .waitFor({ state: 'detached' });
	}).finally(h.refuseNothing);
});

/* --- one event ---------------------------------------------------------- */

test('a stuck event is found, read exactly, replayed and seen delivered',
    async () => {
	await refused('bob@example.com', ['Found Again'], NUMBERS);
	await h.withPage({}, async (page) => {
		await h.visit(page, '#/stuck');
		await page.getByLabel('Identity').fill('bob@example.com');
		await page.getByRole('button', { name: 'Find' }).click();
		await page.waitForURL(/#\/stuck\?identity=bob%40example.com$/);
		await h.settled(page);
		assert.equal(await page.locator('tbody tr').count(), 1);
		await page.getByRole('link', { name: 'Found Again' }).click();

		const payload = page.getByRole('region', { name:
		    'Sent to Heap' });
		const batch = page.getByRole('region', { name:
		    'The batch as it was received' });

		await payload.getByText('25.50', { exact: true }).waitFor();
		assert.match(await batch.textContent(),
		    /"big": 1234567890123456789012\n/);
		const { why } = await h.api('/v1/events/' +
		    await stuckId('Found Again'));

		await page.getByText(why.sentence).waitFor();
		await page.locator('.requests', { hasText: 'refused' })
		    .waitFor();

		await page.getByRole('button', { name: 'Replay' }).click();
		await page.locator('.notice', { hasText: 'is queued again' })
		    .waitFor();
		await h.until('it arrived', async () => {
			await page.keyboard.press('.');
			return showsState(page, 'delivered').isVisible();
		});
		assert.equal(await page.getByRole('button', { name:
		    'Replay' }).count(), 0);
	});
});

test('an event is discarded once that was confirmed', async () => {
	await refused('dan@example.com', ['Given Up']);
	await h.withPage({}, async (page) => {
		const id = await stuckId('Given Up');
		const dialog = page.getByRole('dialog');

		await h.visit(page, '#/events/' + id);
		await page.getByRole('button', { name: 'Discard …' }).click();
		await h.shot(page, 'discard');
		await dialog.getByRole('button', { name: 'Cancel' }).click();
		assert.equal((await h.api('/v1/events/' + id)).state, 'stuck');
		await page.getByRole('button', { name: 'Discard …' }).click();
		await dialog.getByRole('button', { name: 'Discard' }).click();
		await showsState(page, 'discarded').waitFor();
		assert.equal((await h.api('/v1/events/' + id)).state,
		    'discarded');
	});
});

test('what strangers wrote stays text', async () => {
	/* Nothing is stored for an identity of that name. */
	await h.withPage({ refusals: ['status of 404'] }, async (page) => {
		const id = await stuckId(HOSTILE);

		for (const hash of ['#/stuck', '#/events/' + id, '#/live',
		    '#/events?name=' + encodeURIComponent(HOSTILE),
		    '#/identities/' + encodeURIComponent(HOSTILE)]) {
			await h.visit(page, hash);
			await page.getByText(HOSTILE).first().waitFor();
			assert.deepEqual(await page.evaluate(() =>
			    [document.images.length,
			    document.body.dataset.hacked ?? null]), [0, null]);
		}
	});
});

test('no text becomes markup, no other script runs, nobody else is asked',
    async () => {
	await h.withPage({ refusals: ['Content Security Policy',
	    'TrustedHTML', 'TrustedScript', 'Refused to', 'Fetch API'] },
	    async (page) => {
		await h.visit(page, '#/overview');
		assert.deepEqual(await page.evaluate(async (other) => {
			const results = [];
			const attempt = async (work) => {
				try {
					await work();
					results.push('went through');
				} catch (error) {
					results.push(error.name);
				}
			};

			await attempt(() => document.body.innerHTML = '<p>');
			await attempt(() => fetch(other));
			await attempt(() => {
				const button = document.createElement('button');

				button.setAttribute('onclick', 'void 0');
			});
			return results;
		}, process.env.HEAPRELAY_SINK + '/stats'), ['TypeError',
		    'TypeError', 'TypeError']);
	});
});

test('an event that does not exist is an error that can be tried again',
    async () => {
	await h.withPage({ refusals: ['status of 404'] }, async (page) => {
		await h.visit(page, '#/events/999999999');
		await page.getByRole('alert').getByText('There is no event ' +
		    '999999999.').waitFor();
		await page.getByRole('button', { name: 'Try again' }).click();
		await page.getByRole('alert').waitFor();
	});
});

/* --- all that match ----------------------------------------------------- */

test('a replay of all that match asks for the count first', async () => {
	const email = 'many@example.com';

	await refused(email, ['Many 1', 'Many 2', 'Many 3']);
	await h.withPage({}, async (page) => {
		const asked = [];
		const dialog = page.getByRole('dialog');

		page.on('request', (request) => {
			if (request.method() === 'POST')
				asked.push(request.postDataJSON());
		});
		await h.visit(page, '#/stuck?identity=' +
		    encodeURIComponent(email));
		await page.getByRole('button', { name:
		    'Replay all that match …' }).click();
		await dialog.getByText('3 events of 1 identity will be ' +
		    'queued again.').waitFor();
		await h.shot(page, 'bulk');
		assert.deepEqual(await h.violations(page), []);
		assert.deepEqual(asked, [{ filter: { identity: email,
		    state: 'stuck' }, remap: false, force: false,
		    dry_run: true }]);
		await h.untilStuck('identity=' + encodeURIComponent(email), 3);

		await dialog.getByRole('button', { name: 'Replay 3 events' })
		    .click();
		await page.waitForURL(/#\/jobs\/\d+$/);
		await page.locator('.progress', { hasText: '3 of 3 events' })
		    .waitFor();
		await page.locator('.facts').getByText('done').waitFor();
		await h.shot(page, 'job');
		await h.until('they arrived', async () => (await h.api(
		    '/v1/events?state=delivered&identity=' +
		    encodeURIComponent(email))).items.length === 3);
	});
});

test('a replay that leaves nothing to send is told as that', async () => {
	await refused('sue@example.com', ['Left Behind']);
	await h.withPage({}, async (page) => {
		await page.route('**/replay', (route) => route.fulfill({
		    status: 200, contentType: 'application/json',
		    body: JSON.stringify({ state: 'skipped',
			reason: 'superseded' }) }));
		await h.visit(page, '#/stuck?name=Left%20Behind');
		await page.getByRole('link', { name: 'Left Behind' }).click();
		await page.getByRole('button', { name: 'Replay' }).click();
		await page.locator('.notice', { hasText: 'is skipped ' +
		    '(superseded)' }).waitFor();
	});
});

test('a filter that matches nothing leaves nothing to start', async () => {
	await h.withPage({}, async (page) => {
		await h.visit(page, '#/stuck?name=nothing%20has%20this%20name');
		await page.getByText('No stuck event matches this filter.')
		    .waitFor();
		await page.getByRole('button', { name:
		    'Discard all that match …' }).click();
		await page.getByText('No event matches any more.').waitFor();
		assert.equal(await page.getByRole('dialog').getByRole('button',
		    { name: 'Discard 0 events' }).isDisabled(), true);
	});
});

test('a count that took too long is asked for again', async () => {
	await h.withPage({}, async (page) => {
		let asked = 0;

		await page.route('**/v1/discard', (route) => {
			asked++;
			return asked > 1 ? route.continue() : route.fulfill({
			    status: 503,
			    contentType: 'application/problem+json',
			    body: JSON.stringify({ status: 503,
				code: 'cannot_read', detail: 'Try again.' }) });
		});
		await h.visit(page, '#/stuck?name=nothing%20has%20this%20name');
		await page.getByRole('button', { name:
		    'Discard all that match …' }).click();
		await page.getByText('No event matches any more.').waitFor();
		assert.equal(asked, 2);
	});
});

/* --- the live stream ---------------------------------------------------- */

test('the live stream shows what was just posted, and opens it', async () => {
	await h.withPage({}, async (page) => {
		const rows = page.locator('tbody tr');

		await h.visit(page, '#/live');
		await page.getByText('Connected.').waitFor();
		await h.postBatch('liv@example.com', ['Seen Passing']);
		await rows.filter({ hasText: 'test /v2/events' }).first()
		    .waitFor();
		const event = rows.filter({ hasText: 'Seen Passing' });

		await event.waitFor();
		assert.match(await event.textContent(), /delivered/);

		await page.getByLabel('Show lines with').fill('seen pass');
		await h.until('only its lines', async () =>
		    await page.locator('tbody tr:visible').count() === 1);
		await page.getByLabel('Show lines with').fill('');

		await page.getByRole('button', { name: 'Pause' }).click();
		await h.postBatch('liv@example.com', ['Held In The List']);
		await page.getByRole('button', { name: 'Go on (2 waiting)' })
		    .waitFor();
		assert.equal(await rows.filter({ hasText: 'Held In The List' })
		    .count(), 0);
		await page.getByRole('button', { name: /^Go on/ }).click();
		await rows.filter({ hasText: 'Held In The List' }).waitFor();

		await page.getByRole('link', { name: 'Seen Passing' }).click();
		await showsState(page, 'delivered').waitFor();
	});
});

test('the live stream is filtered by the agent', async () => {
	await h.withPage({}, async (page) => {
		await h.visit(page, '#/live?name=Only%20This');
		await page.getByText('Connected.').waitFor();
		await h.postBatch('liv@example.com', ['Not This', 'Only This']);
		await page.getByRole('link', { name: 'Only This' }).waitFor();
		assert.equal(await page.locator('tbody tr').count(), 1);
	});
});

test('the live stream keeps a bounded number of rows', async () => {
	await h.withPage({}, async (page) => {
		await h.visit(page, '#/live');
		await page.getByText('Connected.').waitFor();
		for (let i = 0; i < 7; i++)
			await h.postBatch('flood@example.com', Array.from(
			    { length: 100 }, (_, n) => 'Flood ' + i + ' ' + n));
		await page.locator('tbody tr', { hasText: 'Flood 6 99' })
		    .waitFor();
		assert.equal(await page.locator('tbody tr').count(), 500);
	});
});

test('the live stream goes on after a cut, and tells nothing twice',
    async () => {
	const proxy = await h.startProxy();

	await h.withPage({ origin: proxy.origin, refusals: ['net::ERR_'] },
	    async (page) => {
		const before = page.getByRole('link', { name: 'Before' });

		await h.visit(page, '#/live?identity=cut%40example.com',
		    proxy.origin);
		await page.getByText('Connected.', { exact: true }).waitFor();
		await h.postBatch('cut@example.com', ['Before']);
		await before.waitFor();
		proxy.cut();
		await page.getByText('The connection was cut.').waitFor();
		await h.postBatch('cut@example.com', ['Meanwhile']);
		await page.getByRole('link', { name: 'Meanwhile' }).waitFor();
		assert.equal(await before.count(), 1);
	}).finally(proxy.close);
});

test('the live stream tells how many lines were lost', async () => {
	await h.withPage({}, async (page) => {
		await page.route('**/v1/live*', (route) => route.fulfill({
		    contentType: 'text/event-stream',
		    body: ': hello\n\nevent: lost\nid: 40\n' +
			'data: {"lines":1234}\n\n' }));
		await h.visit(page, '#/live');
		await page.getByText('1,234 lines were lost').waitFor();
		await page.getByText('1,234 lost').waitFor();
	});
});

/* --- people, requests, the agent ---------------------------------------- */

test('a person is erased once the identity was written again', async () => {
	await h.postBatch('gone@example.com', ['Soon Forgotten']);
	await h.until('it arrived', async () => (await h.api('/v1/events?' +
	    'state=delivered&name=Soon%20Forgotten')).items.length === 1);
	await h.withPage({}, async (page) => {
		const dialog = page.getByRole('dialog');
		const erase = dialog.getByRole('button', { name: 'Erase' });

		await h.visit(page, '#/identities/gone%40example.com');
		await page.getByRole('button', { name: 'Erase …' }).click();
		assert.equal(await erase.isDisabled(), true);
		await dialog.getByLabel(/^Write the identity/)
		    .fill('gone@example.com');
		await h.shot(page, 'erase');
		await erase.click();
		await page.locator('.notice', { hasText: 'Erased: 1 event, ' +
		    '1 batch' }).waitFor();
		assert.equal((await h.api('/v1/events?name=Soon%20Forgotten'))
		    .items.length, 0);
	});
});

test('the agent proves itself, shows its settings and takes them over',
    async () => {
	await h.withPage({}, async (page) => {
		await h.visit(page, '#/agent');
		await page.getByRole('button', { name: 'Verify' }).click();
		await page.locator('.checks li.good').first().waitFor();
		assert.equal(await page.locator('.checks li.bad').count(), 0);
		await page.getByLabel('Show settings with').fill('track_limit');
		await h.until('one setting', async () =>
		    await page.locator('tbody tr:visible').count() === 1);
		assert.match(await page.locator('tbody tr:visible')
		    .textContent(), /1000\/1s/);
		await page.getByRole('button', { name: 'Reload' }).click();
		await page.getByText('Reloaded; nothing has changed.')
		    .waitFor();
		assert.equal((await page.locator('main').textContent())
		    .includes('hunter2'), false);
		await h.visit(page, '#/audit');
		await page.locator('tbody tr', { hasText: 'reload' }).first()
		    .waitFor();
	});
});

test('a reload of wrong settings tells what is wrong with them', async () => {
	const settings = readFileSync(process.env.HEAPRELAY_CONF, 'utf8');

	await h.withPage({ refusals: ['status of 422'] }, async (page) => {
		await h.visit(page, '#/agent');
		appendFileSync(process.env.HEAPRELAY_CONF, 'no_such_key = 1\n');
		await page.getByRole('button', { name: 'Reload' }).click();
		await page.getByText('The old settings stay:').waitFor();
		await page.locator('.lines', { hasText: 'no_such_key' })
		    .waitFor();
	}).finally(() => writeFileSync(process.env.HEAPRELAY_CONF, settings));
});

/* --- when it goes wrong ------------------------------------------------- */

test('an agent that cannot be reached is told, and found again', async () => {
	await h.withPage({ refusals: ['net::ERR_INTERNET_DISCONNECTED'] },
	    async (page, context) => {
		await h.visit(page, '#/overview');
		await h.settled(page);
		await context.setOffline(true);
		await page.locator('#link', { hasText: 'not reachable' })
		    .waitFor();
		await page.getByRole('alert').getByText('The agent cannot be ' +
		    'reached.').waitFor();
		await h.shot(page, 'unreachable');
		await context.setOffline(false);
		await page.locator('#link', { hasText: 'accepts batches' })
		    .waitFor();
		assert.equal(await page.getByRole('alert').count(), 0);
	});
});

/* --- keyboard ----------------------------------------------------------- */

test('everything is done by the keyboard', async () => {
	await refused('kim@example.com', ['By Keys']);
	await h.withPage({ storedToken: null }, async (page) => {
		const keys = page.keyboard;

		await h.visit(page, '');
		await keys.type(h.token);
		await keys.press('Enter');
		await page.getByRole('heading', { name: 'Overview' }).waitFor();
		await keys.press('2');
		await page.getByRole('link', { name: 'By Keys' }).waitFor();
		await keys.press('/');
		await keys.type('By Keys');
		await keys.press('Enter');
		await page.waitForURL(/name=By\+Keys/);
		await h.settled(page);
		await keys.press('j');
		assert.equal(await page.evaluate(() =>
		    document.activeElement.textContent), 'By Keys');
		await keys.press('Enter');
		await showsState(page, 'stuck').waitFor();

		await keys.press('?');
		const dialog = page.getByRole('dialog');

		await dialog.getByText('Replay this event').waitFor();
		assert.deepEqual(await h.violations(page), []);
		await h.shot(page, 'keys');
		await keys.press('Escape');
		await dialog.waitFor({ state: 'detached' });
		await keys.press('r');
		await page.locator('.notice', { hasText: 'is queued again' })
		    .waitFor();
	});
});

test('the focus goes to the heading when what had it is drawn anew',
    async () => {
	await refused('fay@example.com', ['Focus']);
	await h.withPage({}, async (page) => {
		const headingHasIt = () => page.evaluate(() =>
		    document.activeElement.tagName === 'H1');

		await h.visit(page, '#/stuck?name=Focus');
		for (const name of ['Refresh', 'Find']) {
			await h.settled(page);
			await page.getByRole('button', { name }).focus();
			await page.keyboard.press('Enter');
			await h.until('the heading', headingHasIt);
		}
		await page.getByRole('link', { name: 'Focus' }).click();
		await h.until('the heading', headingHasIt);
		await page.getByRole('button', { name: 'Replay' }).focus();
		await page.keyboard.press('Enter');
		await page.locator('.notice').waitFor();
		await h.settled(page);
		assert.equal(await headingHasIt(), true);
	});
});

test('single keys can be turned off', async () => {
	await h.withPage({}, async (page) => {
		await h.visit(page, '#/overview');
		await page.getByRole('button', { name: 'Keys' }).click();
		await page.getByLabel('Single keys are shortcuts').uncheck();
		await page.keyboard.press('Escape');
		await page.keyboard.press('2');
		await page.keyboard.press('Tab');
		assert.equal(page.url(), h.admin + '/#/overview');
	});
});

/* The way of the Tab key: each stop is visible and shows that it has the
 * focus. */
test('the focus is seen wherever it goes', async () => {
	await h.withPage({}, async (page) => {
		await h.visit(page, '#/stuck');
		await h.settled(page);
		for (let i = 0; i < 25; i++) {
			await page.keyboard.press('Tab');
			const seen = await page.evaluate(() => {
				const node = document.activeElement;
				const box = node.getBoundingClientRect();

				return node === document.body ||
				    (box.width > 0 && box.left >= 0 &&
				    getComputedStyle(node).outlineStyle ===
				    'solid');
			});

			assert.equal(seen, true, 'stop ' + i);
		}
	});
});

/* --- looks -------------------------------------------------------------- */

async function allViews() {
	return [...VIEWS, '#/events/' + await stuckId('Never Taken'),
	    '#/outputs/heap', '#/identities/eve%40example.com', '#/jobs/1',
	    '#/events?state=delivered', '#/nowhere'];
}

function viewName(hash) {
	return hash.replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '');
}

for (const [name, context] of Object.entries({
    light: { colorScheme: 'light' }, dark: { colorScheme: 'dark' } })) {
	test(`axe finds nothing in any view, ${name}`, async () => {
		const views = await allViews();

		await h.withPage({ ...context, reducedMotion: 'reduce' },
		    async (page) => {
			for (const hash of views) {
				await h.visit(page, hash);
				await h.settled(page);
				assert.deepEqual(await h.violations(page), [],
				    hash);
				await h.shot(page, viewName(hash) + '-' +
				    name);
			}
		});
	});
}

test('no view is wider than a screen of 360 pixels', async () => {
	const views = await allViews();

	await h.withPage({ viewport: { width: 360, height: 740 } },
	    async (page) => {
		for (const hash of views) {
			await h.visit(page, hash);
			await h.settled(page);
			assert.equal(await page.evaluate(() =>
			    document.documentElement.scrollWidth), 360, hash);
			await h.shot(page, viewName(hash) + '-360');
		}
		await h.visit(page, '#/stuck');
		await page.getByRole('button', { name: 'Filter' }).click();
		await page.getByLabel('Event name').waitFor();
		assert.deepEqual(await h.violations(page), []);
	});
});

test('the dark look is dark', async () => {
	await h.withPage({ colorScheme: 'dark' }, async (page) => {
		await h.visit(page, '#/overview');
		const [r, g, b] = await page.evaluate(() =>
		    getComputedStyle(document.documentElement).backgroundColor
			.match(/\d+/g).map(Number));

		assert.ok(r + g + b < 100);
	});
});
