/*
 * identities.js - who has most waiting, and one person's backlog and windows
 */

function personGauges(person) {
	return el('div', { class: 'windows' }, ...person.windows.map((w) => {
		const g = gauge(windowName(w.window));

		g.update(w);
		return g.node;
	}));
}

function personForecast(person) {
	if (person.queued === 0)
		return orDash(null);
	return person.seconds === null ? 'nobody can say' :
	    'gone in ' + span(person.seconds);
}

function showIdentities({ main, signal }) {
	const input = el('input', { id: 'find-identity', autocomplete: 'off',
	    spellcheck: 'false', required: true });
	const form = el('form', { class: 'filter single', role: 'search',
	    'aria-label': 'Find an identity' }, el('div', { class: 'field' },
		el('label', { for: 'find-identity' },
		    'Identity, as it is sent to Heap'), input),
	    el('div', { class: 'buttons' }, el('button', { type: 'submit',
		class: 'primary' }, 'Open')));
	const box = el('div', {});

	form.addEventListener('submit', (event) => {
		event.preventDefault();
		go('#/identities/' + encodeURIComponent(input.value));
	});
	main.append(form, box);
	load(box, signal, async () => {
		const { items } = await get('/v1/identities?limit=200', signal);
		const rows = table('The busiest identities', [
			{ label: 'Identity', class: 'main', cell: (p) =>
			    p.identity === null ? 'erased' :
			    identityLink(p.identity) },
			{ label: 'Output', cell: (p) => p.output },
			{ label: 'Lane', cell: (p) =>
			    p.lane.replace('_', ' ') },
			{ label: 'Queued', class: 'n', cell: (p) =>
			    number(p.queued) },
			{ label: 'Stuck', class: 'n', cell: (p) =>
			    number(p.stuck) },
			{ label: 'Forecast', cell: personForecast },
			{ label: 'Looked at', cell: (p) => p.next_at === null ?
			    orDash(null) : away(p.next_at) },
		]);

		if (items.length === 0)
			return empty('Nothing waits, and nobody uses a ' +
			    'window.');
		rows.add(items);
		followRows(rows.body);
		return rows.node;
	});
}

function personCard(person) {
	return el('article', { class: 'card', 'aria-label': person.output +
	    ' ' + person.lane.replace('_', ' ') },
	    el('header', {}, el('h3', {}, person.output + ', ' +
		person.lane.replace('_', ' '))),
	    facts([
		['Queued', number(person.queued)],
		['For later', number(person.deferred)],
		['Stuck', number(person.stuck)],
		['Forecast', personForecast(person)],
		['Because of', BOUNDS[person.bound_by]],
		['Not before', person.next_at === null ? undefined :
		    when(person.next_at)],
	    ]), personGauges(person));
}

/* Asks for the identity once more before the person is erased. */
function askErase(identity, signal) {
	const again = el('input', { id: 'erase-again', autocomplete: 'off',
	    spellcheck: 'false', on: { input: () =>
		yes.disabled = again.value !== identity } });
	const yes = action('Erase', signal, async () => {
		const receipt = await (await ask('DELETE', '/v1/identities/' +
		    encodeURIComponent(identity))).json();

		dialog.close();
		notice('Erased: ' + count(receipt.events, 'event') + ', ' +
		    count(receipt.batches, 'batch', 'batches') + ', ' +
		    count(receipt.profiles, 'profile') + '.');
		go('#/identities');
	}, { class: 'danger', disabled: true });
	const dialog = openDialog('Erase a person', el('p', {},
	    'All that the agent holds of this person goes: what is queued ' +
	    'or stuck, what was delivered, and the profile. What Heap has ' +
	    'stays there. This cannot be undone.'),
	    el('div', { class: 'field' }, el('label', { for: 'erase-again' },
		'Write the identity: ' + identity), again),
	    el('p', { class: 'buttons' }, yes, closeButton('Cancel')));
}

function showIdentity({ main, arg: identity, signal }) {
	const box = el('div', {});

	main.append(el('h2', { class: 'subject' }, identity),
	    el('p', { class: 'buttons' },
		el('a', { href: withQuery('#/stuck', { identity }) },
		    'Stuck events'),
		el('a', { href: withQuery('#/events', { identity }) },
		    'All events'),
		el('a', { href: '#/identities' }, 'The busiest'),
		action('Erase …', signal, () => askErase(identity, signal))),
	    box);
	load(box, signal, async () => {
		const { lanes } = await get('/v1/identities/' +
		    encodeURIComponent(identity), signal);

		return lanes.length === 0 ?
		    empty('Nothing waits, and no window is used.') :
		    el('div', { class: 'cards' }, ...lanes.map(personCard));
	});
}
