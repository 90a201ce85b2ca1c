/*
 * api.js - the agent's API as the page uses it
 *
 * Knows the token, requests, and what can go wrong with them.  The token stays
 * in this tab's sessionStorage and goes nowhere but into the header of
 * requests to the agent that served the page.
 */

const TOKEN_KEY = 'heaprelay.token';

/* Why a request did not do what it was for.  `status` 0: no answer. */
class Problem extends Error {
	constructor(status, code, detail, errors) {
		super(detail);
		this.status = status;
		this.code = code;
		this.errors = errors;	/* lines, of some problems */
	}
}

const access = new EventTarget();
/* This token may only look; known once the agent has refused a write. */
access.readOnly = false;

function token() {
	return sessionStorage.getItem(TOKEN_KEY);
}

function setToken(text) {
	access.readOnly = false;
	if (text === null)
		sessionStorage.removeItem(TOKEN_KEY);
	else
		sessionStorage.setItem(TOKEN_KEY, text);
	access.dispatchEvent(new Event('token'));
}

function onlyLooks() {
	access.readOnly = true;
	access.dispatchEvent(new Event('rights'));
}

async function problemOf(response) {
	let said = {};

	try {
		said = await response.json();
	} catch {
		/* It was not the agent that answered, or it was cut off. */
	}
	return new Problem(response.status, said.code ?? 'error',
	    said.detail ?? 'The agent answered ' + response.status + '.',
	    said.errors);
}

/* `token`: another one than the tab's. */
async function send(method, path, options) {
	const headers = { Authorization: 'Bearer ' + (options.token ??
	    token()) };
	let body = null;

	if (options.body !== undefined) {
		body = JSON.stringify(options.body);
		headers['Content-Type'] = 'application/json';
	}
	try {
		return await fetch(path, { method, headers, body,
		    signal: options.signal, cache: 'no-store',
		    credentials: 'omit', redirect: 'error' });
	} catch (error) {
		if (error.name === 'AbortError')
			throw error;
		throw new Problem(0, 'unreachable',
		    'The agent cannot be reached.');
	}
}

/*
 * The answer to a request, if it is a good one; else throws a Problem.  Of a
 * token that is not the agent's everybody is told who listens to `access`.
 * `accept`: a further status whose answer is a good one.
 */
async function ask(method, path, options = {}) {
	const response = await send(method, path, options);

	if (response.ok || response.status === options.accept)
		return response;
	const problem = await problemOf(response);

	if (problem.status === 401)
		access.dispatchEvent(new Event('refused'));
	if (problem.code === 'read_only_token')
		onlyLooks();
	throw problem;
}

const READ_TRIES = 3;

/*
 * Asks what changes nothing.  A look that took too long is refused with "try
 * again"; so it is.
 */
async function askAgain(method, path, options) {
	for (let tries = 1;; tries++) {
		try {
			return await ask(method, path, options);
		} catch (error) {
			if (error.code !== 'cannot_read' ||
			    tries === READ_TRIES)
				throw error;
		}
		await pause(1000, options.signal);
	}
}

function read(path, signal) {
	return askAgain('GET', path, { signal });
}

/* Waits; throws when `signal` says that it is in vain. */
function pause(ms, signal) {
	return new Promise((resolve, reject) => {
		const timer = setTimeout(resolve, ms);

		signal?.addEventListener('abort', () => {
			clearTimeout(timer);
			reject(signal.reason);
		});
	});
}

async function get(path, signal) {
	return (await read(path, signal)).json();
}

async function post(path, body) {
	return (await ask('POST', path, { body })).json();
}

/* A path with those parameters that are not empty. */
function withQuery(path, params) {
	const query = new URLSearchParams(Object.entries(params).filter(
	    ([, value]) => value !== '' && value !== null &&
	    value !== undefined)).toString();

	return query === '' ? path : path + '?' + query;
}

/* Server-sent events of a response: { type, id, data }, until it ends. */
async function* serverEvents(response) {
	const reader = response.body.pipeThrough(new TextDecoderStream())
	    .getReader();
	let rest = '', type = 'message', id = null, data = [];

	for (;;) {
		const { value, done } = await reader.read();

		if (done)
			return;
		const lines = (rest + value).split('\n');

		rest = lines.pop();
		for (const line of lines) {
			if (line.startsWith('event:')) {
				type = line.slice(6).trim();
			} else if (line.startsWith('data:')) {
				data.push(line.slice(5).trimStart());
			} else if (line.startsWith('id:')) {
				id = Number(line.slice(3));
			} else if (line === '') {
				if (data.length > 0)
					yield { type, id,
					    data: data.join('\n') };
				type = 'message';
				data = [];
			}
		}
	}
}
