/*
 * app.js - views by their addresses, the menu, the token, and the start
 *
 * A view is a function that is handed { main, query, arg, signal }: where to
 * draw, what the address says, and a signal that ends all it has begun when
 * another view takes its place.
 */

const VIEWS = [
	{ path: 'overview', title: 'Overview', key: '1', show: showOverview },
	{ path: 'stuck', title: 'Stuck events', key: '2', show: showStuck },
	{ path: 'live', title: 'Live stream', key: '3', show: showLive },
	{ path: 'events', title: 'Events', key: '4', show: showEvents,
	    one: showEvent, oneTitle: 'Event' },
	{ path: 'jobs', title: 'Jobs', key: '5', show: showJobs,
	    one: showJob, oneTitle: 'Job' },
	{ path: 'outputs', title: 'Outputs', key: '6', show: showOutputs,
	    one: showOutput, oneTitle: 'Output' },
	{ path: 'identities', title: 'Identities', key: '7',
	    show: showIdentities, one: showIdentity, oneTitle: 'Identity' },
	{ path: 'requests', title: 'Requests', key: '8', show: showRequests },
	{ path: 'audit', title: 'Audit', key: '9', show: showAudit },
	{ path: 'agent', title: 'Agent', key: '0', show: showAgent },
];

const UNKNOWN = { path: '', title: 'Nothing here', show: ({ main }) =>
    main.append(empty(el('p', {}, 'There is no view of that name.'),
	el('a', { href: '#/overview' }, 'Overview'))) };

let shown = new AbortController();

function go(hash) {
	if (location.hash === hash)
		render();
	else
		location.hash = hash;
}

/* The address after # as { view, arg, query }. */
function route() {
	const [path, query = ''] = location.hash.replace(/^#\/?/, '')
	    .split('?', 2);
	const [name, ...rest] = path.split('/');
	const view = VIEWS.find((v) => v.path === (name || 'overview')) ??
	    UNKNOWN;
	let arg = rest.join('/');

	try {
		arg = decodeURIComponent(arg);
	} catch {
		/* Somebody typed a lone %; it stands for itself. */
	}
	return { view, arg, query: new URLSearchParams(query) };
}

/* Draws the view of the address anew. */
function render() {
	const main = document.getElementById('main');
	const { view, arg, query } = route();
	const one = arg !== '' && view.one !== undefined;
	const title = one ? view.oneTitle + ' ' + arg : view.title;
	const heading = el('h1', { tabindex: '-1' }, one ? view.oneTitle :
	    view.title);
	const focused = main.contains(document.activeElement);

	shown.abort();
	shown = new AbortController();
	document.querySelectorAll('dialog').forEach((d) => d.close());
	markMenu(view);
	main.replaceChildren(heading);
	if (token() === null) {
		showTokenForm(main);
		return;
	}
	setTitle(title);
	if (focused)
		focusHeading();
	(one ? view.one : view.show)({ main, arg, query,
	    signal: shown.signal });
}

/* --- title and menu ----------------------------------------------------- */

let title = '';

/* What is stuck is in the title, to be seen in the row of tabs. */
function setTitle(text = title) {
	const stuck = pulse.status?.events.stuck ?? 0;

	title = text;
	document.title = (stuck > 0 ? '(' + stuck + ') ' : '') + title +
	    ' – heaprelay';
}

function makeMenu() {
	document.getElementById('views').append(...VIEWS.map((view) => {
		shortcut(view.key, view.title, null,
		    () => go('#/' + view.path));
		return el('li', {}, el('a', { href: '#/' + view.path,
		    id: 'menu-' + view.path }, view.title, el('span', {
			class: 'badge' })));
	}));
}

function markMenu(view) {
	for (const link of document.querySelectorAll('#views a'))
		setAttribute(link, 'aria-current', link.id === 'menu-' +
		    view.path ? 'page' : null);
}

/* What the pulse says outside of the views. */
function showPulse() {
	const link = document.getElementById('link');
	const stuck = pulse.status?.events.stuck ?? 0;
	const badge = document.querySelector('#menu-stuck .badge');

	setTitle();
	setText(badge, stuck > 0 ? number(stuck) : '');
	link.className = pulse.problem === null ? 'good' : 'bad';
	setText(link, pulse.problem !== null ? (pulse.problem.status === 0 ?
	    'not reachable' : explain(pulse.problem)) :
	    pulse.status.disk.accepting ? 'accepts batches' :
	    'accepts nothing');
}

/* --- the token ---------------------------------------------------------- */

/* Keeps the token if the agent knows it; else says why not. */
async function tryToken(text, told) {
	try {
		const response = await send('GET', '/v1/status',
		    { token: text });

		if (!response.ok)
			throw await problemOf(response);
	} catch (error) {
		mustBeProblem(error);
		setText(told, explain(error));
		return;
	}
	setToken(text);
	start();
}

function showTokenForm(main) {
	const input = el('input', { id: 'token', type: 'password',
	    autocomplete: 'off', spellcheck: 'false', required: true,
	    'aria-describedby': 'token-help token-told' });
	const told = el('p', { id: 'token-told', class: 'bad',
	    role: 'alert' }, showTokenForm.why ?? '');
	const form = el('form', { class: 'token' },
	    el('label', { for: 'token' }, 'Token'), input,
	    el('button', { type: 'submit', class: 'primary' }, 'Open'), told,
	    el('p', { id: 'token-help', class: 'quiet' }, 'It is in the ' +
		'file admin.token beside the agent’s database, or where ' +
		'token_file says. With the one of read_token_file you can ' +
		'look, but change nothing. This tab remembers it until it ' +
		'is closed.'));

	form.addEventListener('submit', (event) => {
		event.preventDefault();
		setText(told, '');
		/* What is no header's text cannot be a token. */
		if (/^[\x21-\x7e]+$/.test(input.value.trim()))
			tryToken(input.value.trim(), told);
		else
			setText(told, 'This token is not the agent’s.');
	});
	showTokenForm.why = undefined;
	setText(main.querySelector('h1'), 'Which token?');
	setTitle('Token');
	main.append(form);
	input.focus();
}

/* The token was good once and is not any more, or was given up. */
function forgetToken(why) {
	if (token() === null)
		return;
	showTokenForm.why = why;
	setToken(null);
	pulse.status = pulse.problem = null;
	pulse.samples = [];
	render();
}

/* --- the start ---------------------------------------------------------- */

function showAccess() {
	document.getElementById('leave').hidden = token() === null;
	document.body.classList.toggle('locked', token() === null);
}

/* With a token: the view, and the first beat at once. */
function start() {
	render();
	beat();
}

document.getElementById('host').textContent = location.host;
document.getElementById('skip').addEventListener('click', focusHeading);
document.getElementById('help-button').addEventListener('click', showKeys);
document.getElementById('leave').addEventListener('click', () =>
    forgetToken());
access.addEventListener('refused', () =>
    forgetToken('The agent does not know this token any more.'));
access.addEventListener('token', showAccess);
pulse.addEventListener('beat', showPulse);
window.addEventListener('hashchange', () => {
	render();
	if (token() !== null)
		focusHeading();
});
document.addEventListener('keydown', onKey);
document.addEventListener('visibilitychange', () => {
	if (!document.hidden)
		beat();
});
makeMenu();
shortcut('?', 'This list', null, showKeys);
shortcut('/', 'Into the filter', null, () =>
    document.querySelector('#main form input')?.focus());
shortcut('j', 'Next row', null, () => moveInRows(1));
shortcut('k', 'Previous row', null, () => moveInRows(-1));
shortcut('.', 'Look again', null, render);
showAccess();
render();
every(PULSE_MS, new AbortController().signal, beat);
