/*
 * agent.js - the agent itself: proofs, copies, its settings and their reload
 */

/* --- proofs --------------------------------------------------------------- */

const PROOFS = { true: 'ok', false: 'failing', null: 'not proved' };

function proofList({ checks }) {
	return el('ul', { class: 'checks' }, ...checks.map((check) =>
	    el('li', { class: check.ok === false ? 'bad' : 'good' },
		el('span', { class: 'mark' }, PROOFS[check.ok]),
		el('b', {}, check.check),
		el('span', { class: 'quiet' }, check.detail ?? ''))));
}

function proofs(signal) {
	const box = el('div', {});
	const button = el('button', { type: 'button', on: { click: () =>
	    load(box, signal, async () => proofList(
		await get('/v1/verify', signal))) } }, 'Verify');

	return section('Proofs', el('p', { class: 'quiet' },
	    'That nothing is lost, that the database is whole, and that no ' +
	    'window was overrun. What takes longer than a moment is proved ' +
	    'by heaprelayctl verify.'),
	    el('p', { class: 'buttons' }, button), box);
}

/* --- copies --------------------------------------------------------------- */

function copies(signal) {
	const input = el('input', { id: 'backup-file', required: true,
	    pattern: '/.+', title: 'An absolute path', autocomplete: 'off',
	    spellcheck: 'false', placeholder: '/var/backups/queue.db' });
	const start = action('Copy', signal, async () => {
		if (!form.reportValidity())
			return;
		const job = await post('/v1/backup', { file: input.value });

		notice('Job ' + job.id + ' copies the database.');
		go('#/jobs/' + job.id);
	});
	const form = el('form', { class: 'filter single', 'aria-label':
	    'Copy the database' }, el('div', { class: 'field' },
		el('label', { for: 'backup-file' },
		    'New file on the agent’s host'), input),
	    el('div', { class: 'buttons' }, start));

	form.addEventListener('submit', (event) => {
		event.preventDefault();
		start.click();
	});
	return section('Copy of the database', el('p', { class: 'quiet' },
	    'Consistent, and made while the agent goes on.'), form);
}

/* --- settings ------------------------------------------------------------- */

function lineList(lines) {
	return el('ul', { class: 'lines' }, ...lines.map((line) =>
	    el('li', {}, el('code', {}, line))));
}

/* Takes the file's settings over and tells what has changed, or what is wrong
 * with it. */
function reloadButton(signal, told, again) {
	return action('Reload', signal, async () => {
		told.replaceChildren();
		try {
			const { changed } = await post('/v1/reload');

			told.replaceChildren(el('p', {}, changed.length === 0 ?
			    'Reloaded; nothing has changed.' :
			    'Reloaded. What has changed:'),
			    lineList(changed));
			again();
		} catch (error) {
			mustBeProblem(error);
			if (error.errors === undefined)
				throw error;
			told.replaceChildren(el('p', { class: 'bad' },
			    'The old settings stay:'),
			    lineList(error.errors));
		}
	});
}

function settingCell(s) {
	return s.secret ? el('span', { class: 'quiet' }, 'secret') :
	    orDash(s.value);
}

function settingTable(settings) {
	const rows = table('Settings', [
		{ label: 'Section', class: 'short', cell: (s) => '[' +
		    s.section + (s.name === null ? '' : ' ' + s.name) + ']' },
		{ label: 'Setting', class: 'short', cell: (s) => s.key },
		{ label: 'Value', class: 'wide', cell: settingCell },
		{ label: 'Origin', cell: (s) => el('span', { title: s.origin },
		    s.origin.split('/').pop()) },
		{ label: 'Changed by', cell: (s) => s.reload ? 'reload' :
		    'restart' },
	]);

	rows.add(settings);
	return rows;
}

/* A table that shows the rows with a text only. */
function searchable(rows) {
	const input = el('input', { id: 'setting-contains', autocomplete:
	    'off', spellcheck: 'false', on: { input: () => {
		const text = input.value.toLowerCase();

		for (const row of rows.body.children)
			row.hidden = !row.textContent.toLowerCase()
			    .includes(text);
	    } } });

	return el('div', { class: 'stack' }, el('div', { class:
	    'buttons bar-line' }, el('div', { class: 'field' },
		el('label', { for: 'setting-contains' },
		    'Show settings with'), input)), rows.node);
}

function settings(signal) {
	const box = el('div', {}), file = el('code', {});
	const told = el('div', { role: 'status' });
	const draw = () => load(box, signal, async () => {
		const config = await get('/v1/config', signal);

		setText(file, config.file);
		return searchable(settingTable(config.settings));
	});

	draw();
	return section('Settings', el('p', { class: 'quiet' },
	    'As they are in force. The file is ', file, '.'),
	    el('p', { class: 'buttons' }, reloadButton(signal, told, draw)),
	    told, box);
}

function showAgent({ main, signal }) {
	main.append(proofs(signal), copies(signal), settings(signal));
}
