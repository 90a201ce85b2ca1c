/*
 * overview.js - how it goes, at a look
 */

/* Counts by state, each a link to its events. */
function countsBoard() {
	const states = ['queued', 'inflight', 'stuck', 'delivered', 'skipped',
	    'discarded'];
	const figures = states.map((state) => el('b', {}, '–'));
	const node = el('ul', { class: 'counts' }, ...states.map((state, i) =>
	    el('li', { class: 'count-' + state }, el('a', {
		href: state === 'stuck' ? '#/stuck' : '#/events?state=' + state
	    }, figures[i], el('span', {}, state === 'inflight' ?
		'in flight' : state)))));

	function update(status) {
		states.forEach((state, i) => {
			setText(figures[i], number(status.events[state]));
			node.children[i].classList.toggle('some',
			    status.events[state] > 0);
		});
	}
	return { node, update };
}

const BOUNDS = {
	app_limit: 'the window of the app',
	identity_limit: 'the window of an identity’s events',
	track_limit: 'the window of an identity’s requests',
	properties_limit: 'the window of an identity’s property requests',
	properties_app_limit: 'the window of the app’s property updates',
	breaker: 'a breaker',
	frozen: 'a pause that Heap asked for',
	backoff: 'the wait before another attempt',
	order: 'the order of property updates',
};

/* "12,000 events wait; they will be gone in 12 min, at 14:03:10." */
function forecastText(queued, forecast, bound) {
	if (queued === 0)
		return 'Nothing waits.';
	const wait = count(queued, 'event waits', 'events wait');

	if (forecast.seconds === null)
		return wait + '; nobody can say for how long, since ' +
		    (bound === 'pause' ? 'the output is paused.' :
		    bound === 'output' ? 'the output is not configured.' :
		    'that depends on an answer.');
	return wait + '; gone in ' + span(forecast.seconds) + ', at ' +
	    localTime(forecast.done_at) + (BOUNDS[bound] ? ', because of ' +
	    BOUNDS[bound] + '.' : '.');
}

/* The output whose backlog takes longest says what bounds the whole. */
function boundOf(forecast) {
	const last = forecast.outputs.find((output) =>
	    output.queued > 0 && output.done_at === forecast.done_at);

	return last === undefined ? 'nothing' : last.bound_by;
}

const CHECK_NAMES = {
	database: 'Database', disk: 'Disk', wal: 'Write-ahead log',
	listeners: 'Listeners', breakers: 'Breakers',
	oldest_due: 'Oldest due event', paused: 'Paused outputs',
};

/* The checks of /health/ready and /health/progress by their names. */
function healthBoard() {
	const list = el('ul', { class: 'checks' });
	const node = el('div', {}, list);

	function item(check) {
		return el('li', { class: check.ok ? 'good' : 'bad' },
		    el('span', { class: 'mark' }, check.ok ? 'ok' : 'failing'),
		    el('b', {}, CHECK_NAMES[check.name] ?? check.name),
		    el('span', { class: 'quiet' }, check.detail));
	}
	async function update(signal) {
		try {
			const answers = await Promise.all(['ready', 'progress']
			    .map((name) => ask('GET', '/health/' + name,
				{ signal, accept: 503 })));
			const healths = await Promise.all(answers.map(
			    (answer) => answer.json()));

			list.replaceChildren(...healths.flatMap(
			    (health) => health.checks ?? []).map(item));
		} catch (error) {
			if (!signal.aborted)
				mustBeProblem(error);
		}
	}
	return { node, update };
}

function diskFacts(status) {
	const disk = status.disk;

	return facts([
		['Accepting', disk.accepting ? 'yes' : 'no: ' +
		    disk.reason],
		['Database', bytes(disk.database_bytes)],
		['Write-ahead log', bytes(disk.wal_bytes)],
		['Oldest due', status.oldest_due_since === null ? 'none' :
		    away(status.oldest_due_since)],
		['Started', when(status.started_at)],
		['Version', status.version],
	]);
}

function showOverview({ main, signal }) {
	const counts = countsBoard(), health = healthBoard();
	const forecast = el('p', { class: 'forecast' });
	const charts = [
		chart('Batches in', 'a second', (sample) => sample.in),
		chart('Events out', 'a second', (sample) => sample.out),
	];
	const outputs = outputCards(signal), disk = el('div', {});
	const trouble = el('div', {});
	const board = el('div', { hidden: true }, counts.node, forecast,
	    el('div', { class: 'charts' }, ...charts.map((c) => c.node)),
	    section('Outputs', outputs.node),
	    el('div', { class: 'columns' }, section('Health', health.node),
		section('Agent', disk)));

	main.append(trouble, loading(), board);
	onBeat(signal, () => {
		main.querySelector('.loading')?.remove();
		trouble.replaceChildren(...pulse.problem === null ? [] :
		    [failure(pulse.problem, beat)]);
		if (pulse.status === null)
			return;
		board.hidden = false;
		counts.update(pulse.status);
		setText(forecast, forecastText(pulse.status.events.queued,
		    pulse.status.forecast, boundOf(pulse.status.forecast)));
		charts.forEach((c) => c.update(pulse.samples));
		outputs.update(pulse.status);
		redraw(disk, pulse.status, () => diskFacts(pulse.status));
	});
	every(5000, signal, () => health.update(signal));
}
