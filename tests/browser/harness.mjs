/*
 * harness.mjs - a browser that watches what the page does, and a hand at the
 * agent and at the simulated Heap
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { chromium } from 'playwright-core';

const axeSource = readFileSync(createRequire(import.meta.url).resolve(
    'axe-core/axe.min.js'), 'utf8');

export const admin = process.env.HEAPRELAY_ADMIN;
export const token = process.env.HEAPRELAY_TOKEN;
export const readToken = process.env.HEAPRELAY_READ_TOKEN;
export const shots = process.env.HEAPRELAY_SHOTS;

let browser;

export async function startBrowser() {
	browser = await chromium.launch({ executablePath:
	    process.env.CHROMIUM, args: ['--no-sandbox'] });
}

export async function endBrowser() {
	await browser?.close();
}

/* --- the agent and Heap ------------------------------------------------ */

async function answered(response) {
	if (!response.ok)
		throw new Error(`${response.url}: ${response.status} ` +
		    await response.text());
	return response;
}

/* One batch with a custom event for each name. */
export async function postBatch(email, names, attributes = '{}') {
	const events = names.map((name) => '{"event_type":"custom_event",' +
	    '"data":{"event_name":' + JSON.stringify(name) +
	    ',"custom_attributes":' + attributes + '}}');

	await answered(await fetch(process.env.HEAPRELAY_INGEST +
	    '/v2/events', { method: 'POST', headers: {
		Authorization: 'Basic ' + btoa('key:hunter2'),
		'Content-Type': 'application/json' },
	    body: '{"user_identities":{"email":' + JSON.stringify(email) +
		'},"events":[' + events.join(',') + ']}' }));
}

/* What the agent's API says, by the full token. */
export async function api(path) {
	return (await answered(await fetch(admin + path, { headers: {
	    Authorization: 'Bearer ' + token } }))).json();
}

async function fault(body) {
	await answered(await fetch(process.env.HEAPRELAY_SINK + '/faults', {
	    method: 'POST', headers: { 'Content-Type': 'application/json' },
	    body: JSON.stringify(body) }));
}

/* Heap refuses events of this name, from now on. */
export async function refuse(name) {
	await fault({ match: { contains: JSON.stringify(name) },
	    do: { status: 400, index: true } });
}

/* Heap answers everything with this status, from now on. */
export async function failWith(status) {
	await fault({ do: { status } });
}

export async function refuseNothing() {
	await answered(await fetch(process.env.HEAPRELAY_SINK + '/faults',
	    { method: 'DELETE' }));
}

/* Waits until a condition holds. */
export async function until(what, holds) {
	const limit = Date.now() + 20000;

	while (!await holds()) {
		if (Date.now() > limit)
			throw new Error('in vain: ' + what);
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
}

export async function untilStuck(query, n) {
	await until(n + ' stuck events', async () => (await api(
	    '/v1/events?state=stuck&limit=500&' + query)).items.length === n);
}

/* Another address of the agent, whose connections can be cut. */
export async function startProxy() {
	const sockets = new Set();
	const { hostname, port } = new URL(admin);
	const server = createServer((from) => {
		const to = connect(port, hostname);

		for (const [one, other] of [[from, to], [to, from]]) {
			sockets.add(one);
			one.pipe(other);
			one.on('error', () => other.destroy());
			one.on('close', () => {
				sockets.delete(one);
				other.destroy();
			});
		}
	});

	await new Promise((resolve) => server.listen(0, hostname, resolve));
	const cut = () => sockets.forEach((socket) => socket.destroy());

	return { origin: `http://${hostname}:${server.address().port}`, cut,
	    close: () => {
		server.close();
		cut();
	    } };
}

/* --- the page ------------------------------------------------------------ */

/*
 * Calls `use(page)` with a page of its own and fails afterwards if the browser
 * complained or asked anybody but the agent.  `refusals`: parts of complaints
 * that are meant to come.  A read that takes too long on a busy machine is
 * answered 503, and the page asks again.
 */
export async function withPage(options, use) {
	const { refusals = [], storedToken = token, origin = admin,
	    ...context } = options;
	const own = await browser.newContext({ viewport: { width: 1280,
	    height: 800 }, ...context });
	const complaints = [];

	if (storedToken !== null)
		await own.addInitScript((text) => {
			if (sessionStorage.getItem('seen') === null) {
				sessionStorage.setItem('seen', '1');
				sessionStorage.setItem('heaprelay.token',
				    text);
			}
		}, storedToken);
	/* What the page shows now; it hears of a new address later. */
	await own.addInitScript(() => {
		window.shownHash = location.hash;
		addEventListener('hashchange', () => setTimeout(() => {
			window.shownHash = location.hash;
		}));
	});
	const page = await own.newPage();

	page.setDefaultTimeout(20000);
	page.on('pageerror', (error) => complaints.push(String(error)));
	page.on('dialog', (dialog) => {
		complaints.push('a dialog: ' + dialog.message());
		dialog.dismiss();
	});
	page.on('console', (message) => {
		const text = message.text();

		if (['error', 'warning'].includes(message.type()) &&
		    ![...refusals, 'status of 503'].some((part) =>
			text.includes(part)))
			complaints.push(text + ' ' + message.location().url);
	});
	page.on('request', (request) => {
		const url = new URL(request.url());

		if (url.origin !== origin && url.protocol !== 'data:')
			complaints.push('asked for ' + request.url());
	});
	try {
		await use(page, own);
		assert.deepEqual(complaints, []);
	} finally {
		await own.close();
	}
}

export async function visit(page, hash, origin = admin) {
	await page.goto(origin + '/' + hash);
	await page.waitForSelector('main h1');
}

/* The page shows what its address says, and waits for no answer any more. */
export async function settled(page) {
	await page.waitForFunction(() =>
	    window.shownHash === location.hash &&
	    document.querySelector('.loading') === null);
}

export async function violations(page) {
	await page.evaluate(axeSource);
	const { violations: found } = await page.evaluate(() =>
	    window.axe.run(document, { resultTypes: ['violations'] }));

	return found.map((v) => v.id + ': ' + v.nodes.map((node) =>
	    node.target.join(' ') + ' ' + node.failureSummary).join('; '));
}

export async function shot(page, name) {
	if (shots)
		await page.screenshot({ path: `${shots}/${name}.png`,
		    fullPage: true });
}
