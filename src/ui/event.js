/*
 * event.js - one event: why it waits, what is sent, what came, what Heap said
 */

/* --- replay and discard ------------------------------------------------- */

/* Asks before it is mapped again although Heap may have it. */
function askForce(problem, again) {
	const yes = el('button', { type: 'button', class: 'danger', on: {
		click: () => {
			dialog.close();
			again();
		} } }, 'Do it all the same');
	const dialog = openDialog('Heap may have it already',
	    el('p', {}, problem.message), el('p', { class: 'buttons' }, yes,
		closeButton('Cancel')));
}

function moveButtons(event, signal, redo) {
	const path = '/v1/events/' + event.id + '/';
	const remap = checkbox('event-remap',
	    'Map again with today’s settings');

	async function replay(force) {
		const options = { remap: remap.input.checked, force };
		let now = null;

		try {
			now = await post(path + 'replay', options);
		} catch (error) {
			if (error.code !== 'unanswered_attempt')
				throw error;
			askForce(error, () => replay(true).catch((problem) => {
				mustBeProblem(problem);
				notice(explain(problem), 'bad');
			}));
			return;
		}
		notice('Event ' + event.id + (now.state === 'queued' ?
		    ' is queued again.' : ' is ' + now.state + ' (' +
		    now.reason + '): nothing of it is left to send.'));
		redo();
	}
	async function discard() {
		await post(path + 'discard');
		notice('Event ' + event.id + ' is discarded.');
		redo();
	}
	const mayReplay = event.state === 'stuck' || (event.state ===
	    'skipped' && ['development', 'web_client_side'].includes(
	    event.reason));
	const mayDiscard = ['stuck', 'queued'].includes(event.state);
	const buttons = el('div', { class: 'buttons' });

	if (mayReplay) {
		const button = action('Replay', signal, () => replay(false),
		    { class: 'primary' });

		buttons.append(button, remap.make());
		shortcut('r', 'Replay this event', signal,
		    () => button.click());
	}
	if (mayDiscard) {
		const button = action('Discard …', signal, () =>
		    askDiscard(discard, signal));

		buttons.append(button);
		shortcut('d', 'Discard this event', signal,
		    () => button.click());
	}
	return buttons;
}

function askDiscard(discard, signal) {
	const yes = action('Discard', signal, async () => {
		dialog.close();
		await discard();
	}, { class: 'danger' });
	const dialog = openDialog('Discard this event', el('p', {},
	    'It is given up and does not reach Heap. This cannot be undone.'),
	    el('p', { class: 'buttons' }, yes, closeButton('Cancel')));
}

/* --- what is known of it ------------------------------------------------ */

function whyBox(why, state) {
	const until = why.until === null ? '' : ' (' + away(why.until) + ')';

	return el('p', { class: 'why is-' + state },
	    el('strong', {}, 'Why: '), why.sentence + until);
}

function eventFacts(event) {
	return facts([
		['State', el('span', {}, chip(event.state), event.reason ===
		    null ? '' : ' ' + event.reason)],
		['Identity', event.identity === null ? null :
		    identityLink(event.identity)],
		['Output', outputLink(event.output)],
		['Lane', event.lane.replace('_', ' ')],
		['Input', event.input],
		['Environment', event.environment],
		['Received', when(event.received_at)],
		['Happened', when(event.event_at)],
		['Due', event.due_at === null ? undefined :
		    when(event.due_at)],
		['Ended', event.ended_at === null ? undefined :
		    when(event.ended_at)],
		['Attempts', number(event.attempts)],
		['Last status', event.last_status],
		['Last error', event.last_error],
		['Heap objects', number(event.objects)],
		['Replayed', event.generation === 0 ? undefined :
		    count(event.generation, 'time')],
		['Carried by', event.merged_into === null ? undefined :
		    eventLink(event.merged_into)],
		['Batch', String(event.batch_id)],
		['In its batch', event.event_index === null ? undefined :
		    'event ' + event.event_index],
		['Receipt', el('code', {}, event.receipt_id)],
	]);
}

/* --- its requests ------------------------------------------------------- */

function requestLine(request) {
	const verdict = request.ended_at === null ? 'inflight' :
	    request.verdict ?? 'ended';

	return el('div', { class: 'request' },
	    el('p', {}, when(request.started_at), ' ', chip(verdict), ' ',
		el('b', {}, request.status === null ? request.error ?? '' :
		    String(request.status)), ' ',
		el('span', { class: 'quiet' }, 'request ' + request.id + ', ' +
		    request.form + ', ' + count(request.events, 'event') +
		    ', ' + bytes(request.bytes) + (request.duration_ms ===
		    null ? '' : ', ' + milliseconds(request.duration_ms)))),
	    request.answer === null ? null : el('pre', {}, request.answer));
}

/* A request and, below it, those that its events went in after it had been
 * refused as a whole. */
function requestTree(requests) {
	const known = new Set(requests.map((request) => request.id));
	const children = (parent) => requests.filter((request) =>
	    parent === null ? !known.has(request.parent_id) :
	    request.parent_id === parent);

	function branch(parent) {
		const items = children(parent);

		return items.length === 0 ? null : el('ul', { class:
		    'requests' }, ...items.map((request) => el('li', {},
			requestLine(request), branch(request.id))));
	}
	return branch(null) ?? empty('No request has carried it.');
}

/* --- the view ----------------------------------------------------------- */

function exactSection(title, json, what, none) {
	if (json === undefined || json === 'null')
		return section(title, empty(none));
	return section(title, el('p', { class: 'buttons' },
	    copyButton(json, what)), exactBlock(json, title));
}

/* Links to the list it came from and to its neighbours there. */
function neighbours(id, signal) {
	const at = lastList.ids.indexOf(id);
	const node = el('p', { class: 'buttons' });
	const steps = [['k', 'Previous', lastList.ids[at - 1]],
	    ['j', 'Next', lastList.ids[at + 1]]];

	if (at === -1)
		return node;
	node.append(el('a', { href: lastList.hash }, 'Back to the list'));
	shortcut('u', 'Back to the list', signal, () => go(lastList.hash));
	for (const [key, label, to] of steps) {
		if (to === undefined)
			continue;
		node.append(eventLink(to, label));
		shortcut(key, label + ' event of the list', signal,
		    () => go('#/events/' + to));
	}
	return node;
}

function eventPage(json, id, signal, redo) {
	const event = JSON.parse(json), exact = exactMembers(json);

	return el('div', { class: 'stack' },
	    el('h2', { class: 'subject' }, event.name ?? (event.lane ===
		'user_properties' ? 'user properties' : 'without a name')),
	    whyBox(event.why, event.state),
	    moveButtons(event, signal, redo),
	    eventFacts(event),
	    exactSection('Sent to Heap', exact.get('payload'), 'The payload',
		'It was never mapped, so there is nothing to send.'),
	    section('Requests', requestTree(event.requests)),
	    exactSection('The batch as it was received', exact.get('batch'),
		'The batch', 'The batch is not stored any more.'));
}

/* A fresh signal for what is drawn each time, so that keys do not pile up. */
function showEvent({ main, arg, signal }) {
	const box = el('div', {});
	let drawn = new AbortController();

	function draw() {
		drawn.abort();
		drawn = new AbortController();
		const mine = drawn.signal;

		return load(box, signal, async () => {
			const answer = await read('/v1/events/' +
			    encodeURIComponent(arg), signal);

			return eventPage(await answer.text(), Number(arg),
			    mine, draw);
		});
	}
	signal.addEventListener('abort', () => drawn.abort());
	main.append(neighbours(Number(arg), signal), box);
	shortcut('.', 'Look again', signal, draw);
	draw();
}
