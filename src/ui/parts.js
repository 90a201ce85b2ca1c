/*
 * parts.js - what several views are made of
 *
 * Notices, the three states of what is asked for (loading, empty, failed),
 * tables that are read page by page, gauges, charts, dialogs, and buttons
 * that change something.
 */

const READ_ONLY = 'This token may only look. To change something, forget it ' +
    'and give the token of the file admin.token.';

/* --- notices ------------------------------------------------------------ */

/* Tells what became of something.  Bad news stay until they are dismissed. */
function notice(text, kind = 'good') {
	const box = document.getElementById('notices');
	const dismiss = el('button', { type: 'button', class: 'small',
	    'aria-label': 'Dismiss: ' + text, on: {
		click: () => note.remove() } }, '×');
	const note = el('div', { class: 'notice ' + kind }, el('p', {}, text),
	    dismiss);

	box.append(note);
	if (box.childElementCount > 4)
		box.firstElementChild.remove();
	if (kind === 'good')
		setTimeout(() => note.remove(), 8000);
}

/* What a problem means to whoever reads it. */
function explain(problem) {
	if (problem.status === 0)
		return 'The agent cannot be reached. It may have stopped, or ' +
		    'the way to it is cut.';
	if (problem.code === 'read_only_token')
		return READ_ONLY;
	if (problem.status === 401)
		return 'This token is not the agent’s.';
	return problem.message;
}

/* Lets what is no Problem through: that is an error of the page. */
function mustBeProblem(error) {
	if (!(error instanceof Problem))
		throw error;
}

/* --- loading, empty, failed --------------------------------------------- */

function loading() {
	return el('p', { class: 'loading', role: 'status' }, 'Asking …');
}

function empty(...children) {
	return el('div', { class: 'empty' }, ...children);
}

function failure(problem, again) {
	return el('div', { class: 'failure', role: 'alert' },
	    el('p', {}, explain(problem)),
	    el('button', { type: 'button', on: { click: again } },
		'Try again'));
}

/* Who had the focus in what is drawn anew begins at the view's heading. */
function focusHeading() {
	document.querySelector('#main h1')?.focus();
}

/* Puts into `box` the node that `work` promises, or why it did not come. */
async function load(box, signal, work) {
	if (box.contains(document.activeElement))
		focusHeading();
	box.replaceChildren(loading());
	try {
		const node = await work();

		if (!signal.aborted)
			box.replaceChildren(node);
	} catch (error) {
		if (signal.aborted)
			return;
		mustBeProblem(error);
		box.replaceChildren(failure(error,
		    () => load(box, signal, work)));
	}
}

/* --- small things ------------------------------------------------------- */

/* A state as a chip: its word, with a colour. */
function chip(word) {
	return el('span', { class: 'chip is-' + word }, word.replace('_', ' '));
}

function section(title, ...children) {
	return el('section', {}, el('h2', {}, title), ...children);
}

/* Names and what they mean; rows with undefined are left out. */
function facts(rows) {
	return el('dl', { class: 'facts' }, ...rows.filter(
	    ([, value]) => value !== undefined).map(([name, value]) =>
		el('div', {}, el('dt', {}, name), el('dd', {},
		    value instanceof Node ? value : orDash(value)))));
}

/*
 * A button that asks the agent to change something.  While it does, it cannot
 * be pressed again; what goes wrong becomes a notice.
 */
function action(label, signal, work, props = {}) {
	const button = el('button', { type: 'button', ...props }, label);

	function rights() {
		setAttribute(button, 'aria-disabled', access.readOnly ?
		    'true' : null);
		setAttribute(button, 'title', access.readOnly ? READ_ONLY :
		    null);
	}
	button.addEventListener('click', async () => {
		if (button.getAttribute('aria-busy') === 'true')
			return;
		if (access.readOnly) {
			notice(READ_ONLY, 'bad');
			return;
		}
		button.setAttribute('aria-busy', 'true');
		try {
			await work();
		} catch (error) {
			mustBeProblem(error);
			notice(explain(error), 'bad');
		} finally {
			button.removeAttribute('aria-busy');
		}
	});
	access.addEventListener('rights', rights, { signal });
	rights();
	return button;
}

/* A dialog, open; it leaves the page when it is closed. */
function openDialog(title, ...children) {
	const heading = el('h2', { id: 'dialog-title' }, title);
	const dialog = el('dialog', { 'aria-labelledby': 'dialog-title' },
	    heading, ...children);

	dialog.addEventListener('close', () => dialog.remove());
	document.body.append(dialog);
	dialog.showModal();
	return dialog;
}

function closeButton(label) {
	return el('button', { type: 'button', on: {
		click: (event) => event.target.closest('dialog').close()
	} }, label);
}

/* --- tables ------------------------------------------------------------- */

/*
 * A table: `columns` are { label, cell(item), class }.  On a narrow screen its
 * rows become cards, by style; the roles say that it is a table all the same.
 */
function table(caption, columns) {
	const body = el('tbody', { role: 'rowgroup' });
	const node = el('table', { role: 'table' },
	    el('caption', { class: 'unseen' }, caption),
	    el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' },
		...columns.map((c) => el('th', { scope: 'col',
		    role: 'columnheader', class: c.class }, c.label)))), body);

	function row(item) {
		return el('tr', { role: 'row' }, ...columns.map((c) =>
		    el('td', { role: 'cell', class: c.class,
			'data-label': c.label }, c.cell(item))));
	}
	return { node, body, add: (items) => body.append(...items.map(row)) };
}

/* A click anywhere in a row follows its first link, unless it selects text
 * or was for something else. */
function followRows(body) {
	body.addEventListener('click', (event) => {
		if (event.target.closest('a, button') ||
		    String(getSelection()) !== '')
			return;
		event.target.closest('tr')?.querySelector('a')?.click();
	});
}

/* Moves the focus among the first links of the rows of what is shown. */
function moveInRows(step) {
	const links = [...document.querySelectorAll('#main tbody tr')]
	    .map((row) => row.querySelector('a')).filter((a) => a !== null);
	const now = links.indexOf(document.activeElement);
	const next = now === -1 && step < 0 ? links.length - 1 : now + step;

	links[Math.min(Math.max(next, 0), links.length - 1)]?.focus();
}

/* So many pages without an item are read before the reader is asked. */
const BARREN_PAGES = 40;

/*
 * A list of the agent in pages.  A page may be short or empty and yet not the
 * last, when little matches; then the next one is asked for at once.
 *
 * path, params: of the request; columns, caption: of the table; nothing(): the
 * node when there is no item; onItems(items): hears of every page.
 */
function pagedList({ path, params, columns, caption, nothing, onItems,
    signal }) {
	const rows = table(caption, columns);
	const status = el('p', { class: 'quiet', role: 'status' });
	const more = el('button', { type: 'button', on: { click: () => go() } },
	    'Show more');
	const foot = el('div', { class: 'foot' }, status, more);
	const box = el('div', {});
	let cursor = null, shown = 0;

	async function onePage() {
		const page = await get(withQuery(path, { ...params, cursor }),
		    signal);

		cursor = page.next_cursor;
		shown += page.items.length;
		rows.add(page.items);
		if (onItems)
			onItems(page.items);
		return page.items.length;
	}
	async function pages() {
		more.hidden = true;
		for (let barren = 0; barren < BARREN_PAGES; barren++) {
			if (await onePage() > 0 || cursor === null)
				break;
			status.textContent = 'Looking further back …';
		}
		more.hidden = cursor === null;
		if (shown === 0 && cursor === null)
			return nothing();
		status.textContent = number(shown) + ' shown' + (cursor ===
		    null ? '; that is all.' : ', there may be more.');
		return el('div', { class: 'stack' }, rows.node, foot);
	}
	async function go() {
		try {
			await pages();
		} catch (error) {
			if (signal.aborted)
				return;
			mustBeProblem(error);
			more.hidden = false;
			status.textContent = explain(error);
		}
	}
	followRows(rows.body);
	load(box, signal, pages);
	return box;
}

/* --- gauges and charts -------------------------------------------------- */

/* How much of a limit is used. */
function gauge(label) {
	const level = el('div', { class: 'level' });
	const bar = el('div', { class: 'bar', role: 'meter',
	    'aria-label': label, 'aria-valuemin': '0', 'aria-valuenow': '0',
	    'aria-valuemax': '1' }, level);
	const figure = el('span', { class: 'figure' });
	const frees = el('span', { class: 'quiet' });
	const node = el('div', { class: 'gauge' },
	    el('span', { class: 'name' }, label), bar, figure, frees);

	function update({ used, limit, window_ms, frees_at }) {
		const share = limit > 0 ? Math.min(used / limit, 1) : 0;
		const text = number(used) + ' / ' + number(limit);

		level.style.width = 100 * share + '%';
		bar.classList.toggle('full', share >= 1);
		bar.classList.toggle('high', share >= 0.8 && share < 1);
		setAttribute(bar, 'aria-valuenow', String(Math.min(used,
		    limit)));
		setAttribute(bar, 'aria-valuemax', String(limit));
		setAttribute(bar, 'aria-valuetext', text + ' in ' +
		    span(window_ms / 1000));
		setText(figure, text);
		setText(frees, share >= 1 && frees_at !== null ?
		    'frees ' + away(frees_at) : 'in ' + span(window_ms / 1000));
	}
	return { node, update };
}

/* What a window counts, where it is plain of which app or identity. */
const WINDOW_NAMES = {
	app_limit: 'Events',
	track_limit: 'Requests',
	identity_limit: 'Events',
	properties_limit: 'Property requests',
	properties_app_limit: 'Property updates',
};

function windowName(name) {
	return WINDOW_NAMES[name] ?? name;
}

const CHART = { width: 300, height: 64 };

/* A rate over the last minutes; `pick` takes it from a sample of the pulse. */
function chart(label, unit, pick) {
	const area = svg('path', { class: 'area' });
	const line = svg('path', { class: 'line' });
	const drawing = svg('svg', { role: 'img', 'aria-label': label,
	    viewBox: `0 0 ${CHART.width} ${CHART.height}`,
	    preserveAspectRatio: 'none' }, area, line);
	const now = el('b', {}), most = el('span', { class: 'quiet' });
	const node = el('figure', { class: 'chart' },
	    el('figcaption', {}, el('span', {}, label), now, most), drawing);

	function update(samples) {
		const values = samples.map(pick);
		const top = Math.max(...values, 0);
		const step = CHART.width / (PULSE_SAMPLES - 1);
		const left = CHART.width - step * (values.length - 1);
		const points = values.map((value, i) => [left + i * step,
		    CHART.height - 2 - (top > 0 ? value / top : 0) *
		    (CHART.height - 6)].map((n) => n.toFixed(1)).join(' '));
		const path = 'M' + points.join('L');
		const last = values.at(-1) ?? 0;

		setAttribute(line, 'd', path);
		setAttribute(area, 'd', `${path}L${CHART.width} ${CHART.height
		    }L${left.toFixed(1)} ${CHART.height}Z`);
		setText(now, rate(last) + ' ' + unit);
		setText(most, 'highest ' + rate(top) + ' in 5 min');
		setAttribute(drawing, 'aria-label', `${label}: ${rate(last)} ${
		    unit}, at most ${rate(top)} in the last minutes`);
	}
	return { node, update };
}
