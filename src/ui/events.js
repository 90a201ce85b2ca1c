/*
 * events.js - stuck events, and events of any state: found by a filter
 *
 * The filter is the address's query, so that a view can be linked.
 */

const STATES = ['queued', 'inflight', 'delivered', 'stuck', 'discarded',
    'skipped'];

/* What a reason means; the words of the agent stay as they are. */
const REASONS = {
	refused: 'Heap refused it when it came alone',
	too_large: 'it is larger than Heap takes',
	failing: 'it failed alone while others passed',
	expired: 'it failed for longer than give_up_after',
	no_identity: 'nobody could be found whom it belongs to',
	identity_too_long: 'its identity is longer than Heap takes',
	no_event_name: 'it has no name',
	event_type: 'Heap has no place for its type',
	historical: 'it came too late to the historical endpoint',
	development: 'there is no development app',
	web_client_side: 'web batches are not forwarded',
	merged: 'a later update carries it',
	unchanged: 'Heap has these values already',
	superseded: 'a newer update has set all of it',
};

const FILTER_FIELDS = [
	{ name: 'name', label: 'Event name' },
	{ name: 'identity', label: 'Identity' },
	{ name: 'reason', label: 'Reason', list: () => Object.keys(REASONS) },
	{ name: 'output', label: 'Output', list: outputNames },
	{ name: 'input', label: 'Input' },
	{ name: 'status', label: 'Last status', hint: '400, or 0 for none',
	    numeric: true },
	{ name: 'since', label: 'Received since', hint: '-1h, -7d or a date' },
	{ name: 'until', label: 'Received before', hint: '-1h, -7d or a date' },
];

const FILTER_NAMES = FILTER_FIELDS.map((field) => field.name);

/* The list that was looked at last, for going through it event by event. */
const lastList = { hash: null, ids: [] };

function eventLink(id, text = '#' + id) {
	return el('a', { href: '#/events/' + id }, text);
}

function identityLink(identity) {
	return el('a', { href: '#/identities/' + encodeURIComponent(identity) },
	    identity);
}

/* --- the filter --------------------------------------------------------- */

/* The filter in the API's form: without what is empty. */
function filterOf(query, state) {
	const filter = {};

	for (const name of FILTER_NAMES) {
		const value = query.get(name) ?? '';

		if (value !== '')
			filter[name] = name === 'status' ? Number(value) :
			    value;
	}
	if (state)
		filter.state = state;
	return filter;
}

function textField(field, value) {
	const id = 'filter-' + field.name;
	const list = field.list ? el('datalist', { id: id + '-list' },
	    ...field.list().map((word) => el('option', { value: word }))) :
	    null;

	return el('div', { class: 'field' },
	    el('label', { for: id }, field.label),
	    el('input', { id, name: field.name, value, autocomplete: 'off',
		spellcheck: 'false', placeholder: field.hint,
		list: list ? list.id : null,
		inputmode: field.numeric ? 'numeric' : null,
		pattern: field.numeric ? '[0-9]{1,3}' : null,
		title: field.numeric ? 'A number of up to three digits' :
		    null }), list);
}

function stateField(value) {
	return el('div', { class: 'field' },
	    el('label', { for: 'filter-state' }, 'State'),
	    el('select', { id: 'filter-state', name: 'state' },
		el('option', { value: '' }, 'any'), ...STATES.map((state) =>
		    el('option', { value: state, selected: state === value },
			state === 'inflight' ? 'in flight' : state))));
}

/* A form that leads to `route` with what is filled in. */
function filterForm(route, query, anyState) {
	return searchForm(route, query, 'Find', [
	    anyState ? stateField(query.get('state')) : null,
	    ...FILTER_FIELDS.map((field) => textField(field,
		query.get(field.name) ?? ''))]);
}

/* A form of these fields, folded up where it would fill a small screen. */
function searchForm(route, query, verb, fields) {
	const form = el('form', { class: 'filter', role: 'search',
	    'aria-label': 'Filter' }, ...fields,
	    el('div', { class: 'buttons' },
		el('button', { type: 'submit', class: 'primary' }, verb),
		el('a', { href: route }, 'Clear')));
	const set = [...query.keys()].length;

	form.addEventListener('submit', (event) => {
		event.preventDefault();
		go(withQuery(route, Object.fromEntries(new FormData(form))));
	});
	const fold = el('button', { type: 'button', class: 'fold',
	    'aria-expanded': String(set > 0), on: { click: () => {
		const open = form.classList.toggle('open');

		fold.setAttribute('aria-expanded', String(open));
	    } } }, 'Filter');

	form.classList.toggle('open', set > 0);
	return el('div', { class: 'folding' }, fold, form);
}

/* --- the list ----------------------------------------------------------- */

function nameCell(event) {
	return eventLink(event.id, event.name ?? (event.lane ===
	    'user_properties' ? 'user properties' : 'without a name'));
}

function troubleCell(event) {
	return el('span', {}, event.last_status === null ? '' :
	    event.last_status + ' ', event.last_error ?? '');
}

function reasonCell(event) {
	return event.reason === null ? orDash(null) : el('span', {
	    title: REASONS[event.reason] }, event.reason);
}

const EVENT_COLUMNS = {
	id: { label: 'Id', class: 'n', cell: (e) => String(e.id) },
	name: { label: 'Event', cell: nameCell, class: 'main' },
	received: { label: 'Received', cell: (e) => when(e.received_at) },
	identity: { label: 'Identity', cell: (e) => orDash(e.identity),
	    class: 'person' },
	output: { label: 'Output', cell: (e) => e.output },
	state: { label: 'State', cell: (e) => chip(e.state) },
	reason: { label: 'Reason', cell: reasonCell },
	trouble: { label: 'Last answer', cell: troubleCell, class: 'wide' },
};

function columnsOf(...names) {
	return names.map((name) => EVENT_COLUMNS[name]);
}

function eventList({ params, columns, caption, nothing, signal }) {
	lastList.hash = location.hash;
	lastList.ids = [];
	return pagedList({ path: '/v1/events', params, columns, caption,
	    nothing, signal, onItems: (items) =>
	    lastList.ids.push(...items.map((event) => event.id)) });
}

/* What may be done with all events of a state. */
const BULK = {
	stuck: ['replay', 'discard'],
	queued: ['discard'],
	skipped: ['replay'],
};

function bulkButtons(filter, signal) {
	return el('p', { class: 'buttons' },
	    ...(BULK[filter.state] ?? []).map((kind) => action(
		kind === 'replay' ? 'Replay all that match …' :
		'Discard all that match …', signal, () => bulk(kind, filter,
		    signal))),
	    el('button', { type: 'button', on: { click: render } },
		'Refresh'));
}

function noStuck(query) {
	return [...query.keys()].length > 0 ?
	    empty(el('p', {}, 'No stuck event matches this filter.'),
		el('a', { href: '#/stuck' }, 'Show all stuck events')) :
	    empty(el('p', {}, 'Nothing is stuck.'), el('p', { class: 'quiet' },
		'What Heap refuses, or what cannot be mapped, waits here ' +
		'for somebody to replay or discard it.'));
}

function showStuck({ main, query, signal }) {
	const filter = filterOf(query, 'stuck');

	main.append(filterForm('#/stuck', query, false),
	    bulkButtons(filter, signal),
	    eventList({ params: filter, signal, caption: 'Stuck events',
		columns: columnsOf('name', 'reason', 'trouble', 'identity',
		    'output', 'received', 'id'),
		nothing: () => noStuck(query) }));
	bulkKeys(filter, signal);
}

function showEvents({ main, query, signal }) {
	const filter = filterOf(query, query.get('state'));

	main.append(filterForm('#/events', query, true),
	    bulkButtons(filter, signal),
	    eventList({ params: filter, signal, caption: 'Events',
		columns: columnsOf('name', 'state', 'reason', 'identity',
		    'output', 'received', 'id'),
		nothing: () => empty('No event matches.') }));
	bulkKeys(filter, signal);
}

function bulkKeys(filter, signal) {
	const keys = { replay: ['R', 'Replay all that match'],
	    discard: ['D', 'Discard all that match'] };

	for (const kind of BULK[filter.state] ?? [])
		shortcut(...keys[kind], signal, () => bulk(kind, filter,
		    signal));
}
