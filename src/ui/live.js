/*
 * live.js - batches and events as they pass
 *
 * The stream is read by fetch, since EventSource sends no token.  A fast agent
 * tells more than anybody can read: the list is drawn once a frame and keeps
 * the newest rows only, and what is not shown is counted.
 */

const LIVE_ROWS = 500;
const LIVE_RECENT = 50;		/* lines from before the view was opened */
const LIVE_AGAIN_MS = 3000;

const LIVE_FIELDS = [
	{ name: 'kind', label: 'Kind', list: () =>
	    ['batch', 'event', 'output', 'agent'] },
	{ name: 'state', label: 'State', list: () => STATES },
	{ name: 'reason', label: 'Reason', list: () => Object.keys(REASONS) },
	{ name: 'name', label: 'Event name' },
	{ name: 'identity', label: 'Identity' },
	{ name: 'output', label: 'Output', list: outputNames },
	{ name: 'input', label: 'Input' },
];

/* --- lines in words ----------------------------------------------------- */

function batchLine(line) {
	const { send, skip, reject } = line.events;
	const parts = [[send, 'to send'], [skip, 'skipped'],
	    [reject, 'stuck']].filter(([n]) => n > 0);

	return { chip: 'batch', subject: line.input + ' ' + line.path,
	    detail: (parts.length === 0 ? 'no events' : parts.map(
		([n, what]) => n + ' ' + what).join(', ')) +
		(line.duplicate ? '; it came before' : '') +
		(line.environment === 'development' ? '; development' : '') };
}

function eventLine(line) {
	const parts = [line.identity, line.output];

	if (line.reason !== null)
		parts.push(line.reason);
	if (line.status !== null)
		parts.push(String(line.status));
	if (line.error !== null)
		parts.push(line.error);
	if (line.suspect)
		parts.push('goes again apart');
	if (line.due_at !== null)
		parts.push('again ' + away(line.due_at));
	return { chip: line.state, subject: nameCell(line),
	    detail: parts.filter((part) => part !== null).join(' · ') };
}

function outputLine(line) {
	return { chip: line.breaker, subject: outputLink(line.output),
	    detail: line.lane.replace('_', ' ') + (line.was !== null ?
		': breaker was ' + line.was.replace('_', ' ') : '') +
		(line.until !== null ? ', tries again ' + away(line.until) :
		'') + (line.frozen_until !== null ? ', frozen until ' +
		localTime(line.frozen_until) : '') +
		(line.error !== null ? ' · ' + line.error : '') };
}

function agentLine(line) {
	return { chip: 'agent', subject: el('span', {}, line.action, ' ',
	    subjectLink(line.subject)), detail: line.detail ?? '' };
}

const LINES = { batch: batchLine, event: eventLine, output: outputLine,
    agent: agentLine };

function liveRow(line) {
	return el('tr', { role: 'row' },
	    el('td', { role: 'cell', 'data-label': 'Time' }, when(line.at)),
	    el('td', { role: 'cell', 'data-label': 'What' }, chip(line.chip)),
	    el('td', { role: 'cell', 'data-label': 'Subject', class: 'main' },
		line.subject),
	    el('td', { role: 'cell', 'data-label': 'Detail', class: 'wide' },
		line.detail));
}

/* A row that is about the stream itself. */
function gapRow(text) {
	return el('tr', { role: 'row', class: 'gap' }, el('td', {
	    role: 'cell', colspan: '4' }, text));
}

/* --- the list ----------------------------------------------------------- */

/* The newest rows, drawn once a frame; while paused they wait. */
function liveList(onChange) {
	const { node, body } = table('The live stream, newest first', [
		{ label: 'Time' }, { label: 'What' },
		{ label: 'Subject', class: 'main' },
		{ label: 'Detail', class: 'wide' } ]);
	node.classList.add('stream');
	const list = { node, paused: false, lost: 0, waiting: [], missed: 0 };
	let contains = '', frame = null;

	function match(row) {
		row.hidden = contains !== '' && !row.textContent
		    .toLowerCase().includes(contains);
	}
	function draw() {
		frame = null;
		if (list.paused)
			return;
		if (list.missed > 0)
			list.waiting.unshift(gapRow(count(list.missed,
			    'line') + ' passed that were not kept.'));
		list.waiting.forEach(match);
		body.prepend(...list.waiting.reverse());
		list.waiting = [];
		list.missed = 0;
		while (body.childElementCount > LIVE_ROWS)
			body.lastElementChild.remove();
	}
	function schedule() {
		frame ??= requestAnimationFrame(draw);
		onChange();
	}
	list.add = (row) => {
		list.waiting.push(row);
		if (list.waiting.length > LIVE_ROWS) {
			list.waiting.shift();
			list.missed++;
		}
		schedule();
	};
	list.pause = (paused) => {
		list.paused = paused;
		schedule();
	};
	list.clear = () => body.replaceChildren();
	list.contain = (text) => {
		contains = text.toLowerCase();
		[...body.children].forEach(match);
	};
	return list;
}

/* --- the stream --------------------------------------------------------- */

/*
 * Reads one connection's lines into the list, until it ends.  `seen` has the
 * id of the last line: after a break it tells what is known already.
 */
async function readLive(params, list, seen, signal, onOpen) {
	const response = await ask('GET', withQuery('/v1/live', params),
	    { signal });

	onOpen();
	for await (const { type, id, data } of serverEvents(response)) {
		const line = JSON.parse(data);

		if (type === 'lost') {
			list.lost += line.lines;
			list.add(gapRow(count(line.lines, 'line was',
			    'lines were') + ' lost: this reader was too slow ' +
			    'for the agent, which does not wait.'));
		} else if (LINES[type] && id > seen.id) {
			list.add(liveRow({ at: line.at,
			    ...LINES[type](line) }));
		}
		seen.id = Math.max(seen.id, id);
	}
}

/* Follows the stream; when it breaks off it is opened again, and the list
 * says so.  Throws if the agent refuses, and when nobody looks any more. */
async function followLive(params, list, signal, say) {
	const seen = { id: 0 };
	let recent = LIVE_RECENT, open;

	for (;;) {
		open = false;
		try {
			await readLive({ ...params, recent }, list, seen,
			    signal, () => {
				open = true;
				say('Connected.');
			});
		} catch (error) {
			if (signal.aborted || (error instanceof Problem &&
			    error.status !== 0))
				throw error;
		}
		if (open) {
			list.add(gapRow('The connection was cut. What passes ' +
			    'meanwhile is shown when it is back, if it is ' +
			    'not too much.'));
			recent = LIVE_ROWS;
		}
		say('Not connected; trying again.');
		await pause(LIVE_AGAIN_MS, signal);
	}
}

/* --- the view ----------------------------------------------------------- */

function liveForm(query) {
	return searchForm('#/live', query, 'Follow', LIVE_FIELDS.map((field) =>
	    textField(field, query.get(field.name) ?? '')));
}

function showLive({ main, query, signal }) {
	const said = el('span', { role: 'status' }, 'Connecting …');
	const lost = el('span', { class: 'quiet' });
	const hold = el('button', { type: 'button', 'aria-pressed': 'false',
	    on: { click: () => toggle() } }, 'Pause');
	const contains = el('input', { id: 'live-contains', autocomplete:
	    'off', spellcheck: 'false', on: { input: (event) =>
		list.contain(event.target.value) } });
	const box = el('div', {});
	const list = liveList(() => {
		setText(hold, !list.paused ? 'Pause' : 'Go on (' +
		    number(list.waiting.length + list.missed) + ' waiting)');
		setText(lost, list.lost === 0 ? '' : number(list.lost) +
		    ' lost');
	});

	function toggle() {
		list.pause(!list.paused);
		setAttribute(hold, 'aria-pressed', String(list.paused));
	}
	async function follow() {
		box.replaceChildren();
		try {
			await followLive(Object.fromEntries(query), list,
			    signal, (text) => setText(said, text));
		} catch (error) {
			if (signal.aborted)
				return;
			mustBeProblem(error);
			setText(said, 'Not connected.');
			box.replaceChildren(failure(error, follow));
		}
	}
	main.append(liveForm(query), el('div', { class: 'buttons bar-line' },
	    hold, el('button', { type: 'button', on: { click: list.clear } },
		'Clear the list'), el('div', { class: 'field' },
		el('label', { for: 'live-contains' }, 'Show lines with'),
		contains), said, lost), box, list.node);
	followRows(list.node.querySelector('tbody'));
	shortcut('p', 'Pause or go on', signal, toggle);
	shortcut('c', 'Clear the list', signal, list.clear);
	follow();
}
