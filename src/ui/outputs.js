/*
 * outputs.js - where events go: breakers, windows, pause, resume, probe
 */

const BREAKERS = {
	open: 'Open: the destination failed again and again.',
	half_open: 'Half open: one event is out to see whether it works again.',
	config: 'Open: Heap’s answers look as if the output’s settings were ' +
	    'wrong. Nothing is lost meanwhile.',
	refusing: 'Open: Heap refuses one event after the other, so that the ' +
	    'fault is hardly in the events.',
};

/* What a lane's breaker and freeze say, in words. */
function laneText(lane) {
	const breaker = lane.breaker, parts = [];

	if (breaker.state !== 'closed')
		parts.push(BREAKERS[breaker.state] ?? breaker.state);

	if (breaker.until !== null)
		parts.push('Next attempt ' + away(breaker.until) + ', at ' +
		    localTime(breaker.until) + '.');
	if (breaker.last_error !== null && breaker.state !== 'closed')
		parts.push('Last answer: ' + breaker.last_error);
	else if (breaker.failures > 0)
		parts.push(count(breaker.failures, 'failure') + ' in a row.');
	if (lane.frozen_until !== null)
		parts.push('Frozen after a 429 until ' +
		    localTime(lane.frozen_until) + '.');
	return parts.join(' ');
}

/* One lane of a card. */
function laneRow(name) {
	const state = el('span', {}), text = el('p', { class: 'quiet' });
	const flights = el('span', { class: 'quiet' });
	const node = el('div', { class: 'lane' },
	    el('b', {}, name === 'track' ? 'Events' : 'User properties'),
	    state, flights, text);

	function update(lane) {
		if (state.dataset.state !== lane.breaker.state) {
			state.dataset.state = lane.breaker.state;
			state.replaceChildren(chip(lane.breaker.state));
		}
		setText(flights, lane.inflight > 0 ? count(lane.inflight,
		    'request') + ' in flight' : 'no request in flight');
		setText(text, laneText(lane));
	}
	return { node, update };
}

/* Pause or resume, and probe.  What they did shows with the next beat. */
function outputButtons(name, signal) {
	const path = '/v1/outputs/' + encodeURIComponent(name) + '/';
	const paused = () => pulse.status?.outputs.find(
	    (output) => output.name === name)?.paused;

	async function tell(verb, done) {
		await post(path + verb);
		notice(name + ' ' + done);
		await beat();
	}
	const toggle = action('Pause', signal, () => paused() ?
	    tell('resume', 'sends again.') :
	    tell('pause', 'is paused; what comes for it waits.'));
	const probe = action('Probe now', signal, () => tell('probe',
	    'tries again at once.'));
	const node = el('p', { class: 'buttons' }, toggle, probe);

	function update(output) {
		setText(toggle, output.paused ? 'Resume' : 'Pause');
		toggle.classList.toggle('primary', output.paused);
		probe.hidden = output.lanes.every(
		    (lane) => lane.breaker.state === 'closed');
	}
	return { node, update };
}

/* Makes what is missing of `rows`, by name, and updates all of them. */
function updateRows(rows, box, items, nameOf, make) {
	for (const item of items) {
		const name = nameOf(item);

		if (!rows.has(name)) {
			rows.set(name, make(name));
			box.append(rows.get(name).node);
		}
		rows.get(name).update(item);
	}
}

function outputCard(name, level, signal) {
	const badge = el('span', {}), figures = el('p', { class: 'quiet' });
	const forecast = el('p', {}), lanes = el('div', { class: 'lanes' });
	const windows = el('div', { class: 'windows' });
	const buttons = outputButtons(name, signal);
	const laneRows = new Map(), gauges = new Map();
	const node = el('article', { class: 'card', 'aria-label':
	    'Output ' + name }, el('header', {}, el(level, {},
		outputLink(name)), badge, buttons.node), figures, forecast,
	    lanes, windows);

	function update(output, status) {
		const drain = status.forecast.outputs.find(
		    (entry) => entry.output === name);

		badge.replaceChildren(...output.paused ? [chip('paused')] :
		    output.app_id === null ? [chip('not_configured')] : []);
		setText(figures, (output.app_id === null ? '' : 'app ' +
		    output.app_id + ' · ') + number(output.delivered) +
		    ' delivered · ' + number(output.inflight) +
		    ' in flight · ' +
		    number(output.stuck) + ' stuck' + (output.factor === null ||
		    output.factor === 1 ? '' : ' · learnt factor ' +
		    output.factor.toFixed(2)));
		setText(forecast, drain === undefined ? '' : forecastText(
		    output.queued, drain, drain.bound_by));
		buttons.update(output);
		updateRows(laneRows, lanes, output.lanes, (l) => l.lane,
		    laneRow);
		updateRows(gauges, windows, output.windows, (w) => w.window,
		    (window) => gauge(windowName(window)));
	}
	return { node, update };
}

/* A card for each output, as the status names them. */
function outputCards(signal, only = null) {
	const cards = new Map();
	const node = el('div', { class: 'cards' });

	function update(status) {
		const outputs = status.outputs.filter((output) =>
		    only === null || output.name === only);

		updateRows(cards, node, outputs, (output) => output.name,
		    (name) => {
			const card = outputCard(name, only === null ?
			    'h3' : 'h2', signal);

			return { node: card.node, update: (output) =>
			    card.update(output, pulse.status) };
		});
		return outputs.length;
	}
	return { node, update };
}

function outputLink(name) {
	return el('a', { href: '#/outputs/' + encodeURIComponent(name) }, name);
}

function showOutputs({ main, signal }) {
	const box = el('div', {});

	main.append(box);
	load(box, signal, async () => {
		const { items } = await get('/v1/outputs', signal);
		const rows = table('Outputs', [
			{ label: 'Output', cell: (o) => outputLink(o.name) },
			{ label: 'App', cell: (o) => orDash(o.app_id) },
			{ label: 'Destination', cell: (o) =>
			    orDash(o.base_url), class: 'wide' },
			{ label: 'State', cell: (o) => o.app_id === null ?
			    chip('not_configured') : o.paused ?
			    chip('paused') : chip('sending') },
			{ label: 'Queued', class: 'n', cell: (o) =>
			    number(o.queued) },
			{ label: 'In flight', class: 'n', cell: (o) =>
			    number(o.inflight) },
			{ label: 'Stuck', class: 'n', cell: (o) => el('a', {
			    href: withQuery('#/stuck', { output: o.name })
			}, number(o.stuck)) },
			{ label: 'Delivered', class: 'n', cell: (o) =>
			    number(o.delivered) },
		]);

		if (items.length === 0)
			return empty('There is no output.');
		rows.add(items);
		followRows(rows.body);
		return rows.node;
	});
}

/* How long each lane of the output needs. */
function laneForecasts(status, name) {
	const rows = table('Forecast by lane', [
		{ label: 'Lane', cell: (l) => l.lane.replace('_', ' ') },
		{ label: 'Queued', class: 'n', cell: (l) => number(l.queued) },
		{ label: 'Gone', cell: (l) => l.seconds === null ?
		    'nobody can say' : l.queued === 0 ? orDash(null) :
		    'in ' + span(l.seconds) },
		{ label: 'Because of', cell: (l) =>
		    BOUNDS[l.bound_by] ?? orDash(null) },
		{ label: 'Identity', cell: (l) => l.identity === null ?
		    orDash(null) : identityLink(l.identity) },
	]);

	rows.add(status.forecast.lanes.filter((lane) => lane.output === name));
	return rows.node;
}

function showOutput({ main, signal, arg: name }) {
	const cards = outputCards(signal, name), lanes = el('div', {});
	const missing = el('div', {});
	const links = el('p', { class: 'buttons' },
	    el('a', { href: withQuery('#/stuck', { output: name }) },
		'Its stuck events'),
	    el('a', { href: withQuery('#/events', { output: name }) },
		'All its events'));

	main.append(missing, cards.node, section('Forecast', lanes), links);
	onBeat(signal, () => {
		if (pulse.status === null)
			return;
		missing.replaceChildren(...cards.update(pulse.status) > 0 ?
		    [] : [empty('There is no output of that name.')]);
		redraw(lanes, pulse.status.forecast.lanes,
		    () => laneForecasts(pulse.status, name));
	});
}
