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
	constructor(status, code, detail) {
		super(detail);
		this.status = status;
		this.code = code;
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
	let code = 'error', detail = 'The agent answered ' + response.status +
	    '.';

	try {
		({ code, detail } = await response.json());
	} catch {
		/* It was not the agent that answered, or it was cut off. */
	}
	return new Problem(response.status, code, detail);
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

async function get(path, signal) {
	return (await ask('GET', path, { signal })).json();
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

/* Server-sent events of a response: { type, data }, until it ends. */
async function* serverEvents(response) {
	const reader = response.body.pipeThrough(new TextDecoderStream())
	    .getReader();
	let rest = '', type = 'message', data = [];

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
			} else if (line === '') {
				if (data.length > 0)
					yield { type, data: data.join('\n') };
				type = 'message';
				data = [];
			}
		}
	}
}
