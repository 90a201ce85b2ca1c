/*
 * bulk.js - replay or discard all events that match, once it is known how
 * many they are
 */

/* A filter in words, for whoever is about to use it. */
function filterChips(filter) {
	const names = Object.fromEntries(FILTER_FIELDS.map((field) =>
	    [field.name, field.label]));
	const set = Object.entries(filter).filter(([name]) => name !== 'state');

	return el('ul', { class: 'chips' },
	    el('li', {}, 'State: ' + filter.state),
	    ...set.map(([name, value]) => el('li', {},
		names[name] + ': ' + value)));
}

/* The API takes an empty filter for a slip unless it is told otherwise. */
function unmistakable(filter) {
	const set = Object.keys(filter).filter((name) => name !== 'state');

	return set.length > 0 ? filter : { ...filter, all: true };
}

function countText(kind, found) {
	const events = count(found.count, 'event') + ' of ' +
	    count(found.identities, 'identity', 'identities');

	if (found.count === 0)
		return 'No event matches any more.';
	if (kind === 'discard')
		return events + ' will be given up. They do not reach Heap.';
	return events + ' will be queued again. ' +
	    (found.forecast.seconds === null ? 'Nobody can say when they ' +
	    'arrive: an output is paused, or not configured.' :
	    found.forecast.seconds === 0 ? 'The windows let them through at ' +
	    'once.' : 'The windows let them through in ' +
	    span(found.forecast.seconds) + ' at the earliest, by ' +
	    localTime(found.forecast.done_at) + '.');
}

function checkbox(id, label, help, checked = false) {
	return { input: null, make() {
		this.input = el('input', { type: 'checkbox', id, checked,
		    'aria-describedby': help ? id + '-help' : null });
		return el('div', { class: 'option' }, this.input,
		    el('label', { for: id }, label), help ? el('p', {
			class: 'quiet', id: id + '-help' }, help) : null);
	} };
}

/*
 * Asks how many there are, shows it, and starts the job if the answer is yes.
 * Skipped events can only be mapped again: with today's settings.
 */
function bulk(kind, filter, signal) {
	const verb = kind === 'replay' ? 'Replay' : 'Discard';
	const must = filter.state === 'skipped';
	const remap = checkbox('bulk-remap', 'Map the batches again with ' +
	    'today’s settings', 'Without it, the same bytes go under the ' +
	    'same keys.', must);
	const force = checkbox('bulk-force', 'Map again although Heap may ' +
	    'have it already');
	const told = el('p', { class: 'count', role: 'status' }, 'Counting …');
	const options = kind === 'replay' ? el('div', { class: 'options' },
	    remap.make(), force.make()) : null;
	const body = () => ({ filter: unmistakable(filter), ...options ===
	    null ? {} : { remap: remap.input.checked,
	    force: force.input.checked } });
	const start = action(verb, signal, async () => {
		const job = await post('/v1/' + kind, body());

		dialog.close();
		notice('Job ' + job.id + ' has started.');
		go('#/jobs/' + job.id);
	}, { class: kind === 'discard' ? 'danger' : 'primary',
	    disabled: true });
	const dialog = openDialog(verb + ' all that match', filterChips(filter),
	    told, options, el('p', { class: 'buttons' }, start,
	    closeButton('Cancel')));

	if (must && options !== null)
		remap.input.disabled = true;
	signal.addEventListener('abort', () => dialog.close());
	countFirst(kind, body, told, start, verb, signal);
}

async function countFirst(kind, body, told, start, verb, signal) {
	try {
		const answer = await askAgain('POST', '/v1/' + kind, { body: {
		    ...body(), dry_run: true }, signal });
		const found = await answer.json();

		setText(told, countText(kind, found));
		setText(start, verb + ' ' + count(found.count, 'event'));
		start.disabled = found.count === 0;
	} catch (error) {
		if (signal.aborted)
			return;
		mustBeProblem(error);
		told.classList.add('bad');
		setText(told, explain(error));
	}
}
