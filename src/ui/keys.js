/*
 * keys.js - what single keys do, and the list of them
 *
 * A key counts only where it would not be typed into something, and not while
 * a dialog is open.  Whoever speaks to a computer, or presses keys unmeant,
 * can turn them off.
 */

const KEYS_OFF = 'heaprelay.keys-off';
const shortcuts = [];

/* While `signal` lasts (null: always) the key calls `run`. */
function shortcut(key, label, signal, run) {
	const entry = { key, label, run };

	shortcuts.push(entry);
	signal?.addEventListener('abort', () =>
	    shortcuts.splice(shortcuts.indexOf(entry), 1));
}

function isTyping(node) {
	return node.closest('input, select, textarea') !== null;
}

function onKey(event) {
	if (event.ctrlKey || event.metaKey || event.altKey ||
	    event.defaultPrevented || isTyping(event.target) ||
	    document.querySelector('dialog[open]') !== null ||
	    sessionStorage.getItem(KEYS_OFF) !== null)
		return;
	/* The view's own come last, and go before the page's. */
	const found = shortcuts.findLast((entry) => entry.key === event.key);

	if (found === undefined)
		return;
	event.preventDefault();
	found.run();
}

function showKeys() {
	const on = el('input', { type: 'checkbox', id: 'keys-on',
	    checked: sessionStorage.getItem(KEYS_OFF) === null,
	    on: { change: () => on.checked ?
		sessionStorage.removeItem(KEYS_OFF) :
		sessionStorage.setItem(KEYS_OFF, '1') } });
	const inForce = new Map(shortcuts.map(({ key, label }) =>
	    [key, label]));
	const list = el('dl', { class: 'keys' }, ...[...inForce].map(
	    ([key, label]) => el('div', {}, el('dt', {}, el('kbd', {}, key)),
		el('dd', {}, label))));

	openDialog('Keys', list, el('div', { class: 'option' }, on,
	    el('label', { for: 'keys-on' }, 'Single keys are shortcuts')),
	    el('p', { class: 'buttons' }, closeButton('Close')));
}
