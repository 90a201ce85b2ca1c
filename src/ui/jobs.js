/*
 * jobs.js - replays and discards of many: how far they are, and no further
 */

const JOBS_MS = 1000;

function jobBar(job) {
	const done = job.moved + job.skipped;
	const label = 'Progress of job ' + job.id;

	return el('progress', { 'aria-label': label, max: job.total ?? 1,
	    value: job.state === 'done' ? job.total ?? 1 :
	    job.total === null ? null : done }, String(done));
}

/* What a job goes through: pages of the database, or events. */
function jobProgress(job) {
	const unit = job.kind === 'backup' ? 'page' : 'event';

	return (job.total === null ? count(job.moved, unit) :
	    number(job.moved) + ' of ' + count(job.total, unit)) +
	    (job.skipped > 0 ? ', ' + number(job.skipped) +
	    ' could not be' : '');
}

function jobKind(job) {
	return job.kind + (job.remap ? ', mapped again' : '') +
	    (job.force ? ', forced' : '');
}

/* What the job is about: a filter, or a file, or whose hash. */
function jobFilter(job) {
	const set = Object.entries(job.filter).filter(([, value]) =>
	    value !== null && value !== false);

	return el('ul', { class: 'chips' }, ...set.map(([name, value]) =>
	    el('li', {}, name + ': ' + value)));
}

function cancelButton(job, signal, then) {
	return action('Cancel', signal, async () => {
		await ask('DELETE', '/v1/jobs/' + job.id);
		notice('Job ' + job.id + ' is cancelled. What it has moved ' +
		    'stays moved.');
		await then();
	}, { class: 'small', 'aria-label': 'Cancel job ' + job.id });
}

function jobColumns() {
	return [
		{ label: 'Job', class: 'main', cell: (j) => el('a', {
		    href: '#/jobs/' + j.id }, j.id + ': ' + jobKind(j)) },
		{ label: 'State', cell: (j) => chip(j.state) },
		{ label: 'Progress', cell: (j) => el('span', { class:
		    'progress' }, jobBar(j), ' ', jobProgress(j)) },
		{ label: 'Filter', class: 'wide', cell: jobFilter },
		{ label: 'Started', cell: (j) => when(j.started_at) },
		{ label: 'Ended', cell: (j) => when(j.ended_at) },
	];
}

function showJobs({ main, signal }) {
	main.append(el('p', { class: 'buttons' }, el('button', {
	    type: 'button', on: { click: render } }, 'Refresh')),
	    pagedList({ path: '/v1/jobs', params: {}, columns: jobColumns(),
		caption: 'Jobs', signal, nothing: () => empty(
		    el('p', {}, 'There has been no job.'),
		    el('p', { class: 'quiet' }, 'One begins when all events ' +
			'that match are replayed or discarded, when the ' +
			'database is copied, or somebody is erased.')) }));
}

function jobPage(job, signal, again) {
	return el('div', { class: 'stack' },
	    el('h2', { class: 'subject' }, 'Job ' + job.id + ': ' +
		jobKind(job)),
	    el('p', { class: 'progress large' }, jobBar(job), ' ',
		jobProgress(job)), jobFilter(job),
	    job.state === 'running' ? el('p', { class: 'buttons' },
		cancelButton(job, signal, again)) : null,
	    facts([
		['State', chip(job.state)],
		['Could not be', job.skipped === 0 ? undefined :
		    number(job.skipped)],
		['Error', job.error ?? undefined],
		['Started', when(job.started_at)],
		['Ended', when(job.ended_at)],
	    ]));
}

/* Follows the job until it has ended. */
function showJob({ main, arg, signal }) {
	const box = el('div', {}), said = el('p', { class: 'unseen',
	    role: 'status' });
	let ended = false;

	async function look() {
		const job = await get('/v1/jobs/' + encodeURIComponent(arg),
		    signal);

		ended = job.state !== 'running';
		setText(said, ended ? 'Job ' + job.id + ' is ' + job.state +
		    ', ' + jobProgress(job) : '');
		redraw(box, job, () => jobPage(job, signal, look));
	}
	main.append(said, box);
	load(box, signal, async () => {
		await look();
		return box.firstElementChild;
	}).then(() => every(JOBS_MS, signal, async () => {
		if (ended)
			return;
		try {
			await look();
		} catch (error) {
			if (!signal.aborted)
				mustBeProblem(error);
		}
	}));
}
