/*
 * dom.js - elements, and how times, numbers and sizes are written
 *
 * What comes from the agent was written by strangers: names, identities,
 * answers.  It gets into the page as text nodes only; nothing here, and the
 * browser's policy sees to it, makes markup of a text.
 */

/*
 * An element.  `props` has attributes, and `on` with listeners; absent ones
 * (null, undefined, false) are left out.  Children are nodes or texts.
 */
function el(tag, props = {}, ...children) {
	const node = document.createElement(tag);

	return fill(node, props, children);
}

function svg(tag, props = {}, ...children) {
	const space = 'http://www.w3.org/2000/svg';

	return fill(document.createElementNS(space, tag), props, children);
}

function fill(node, props, children) {
	for (const [name, value] of Object.entries(props)) {
		if (name === 'on')
			for (const [type, listener] of Object.entries(value))
				node.addEventListener(type, listener);
		else if (value === true)
			node.setAttribute(name, '');
		else if (value !== null && value !== undefined &&
		    value !== false)
			node.setAttribute(name, value);
	}
	node.append(...children.filter((child) => child !== null &&
	    child !== undefined && child !== ''));
	return node;
}

/* Changes a text only if it differs, so that a selection in it survives and
 * nothing is read out again. */
function setText(node, text) {
	if (node.textContent !== text)
		node.textContent = text;
}

/* The same for an attribute; null takes it away. */
function setAttribute(node, name, value) {
	if (value === null)
		node.removeAttribute(name);
	else if (node.getAttribute(name) !== value)
		node.setAttribute(name, value);
}

/* Puts make() into the box when what it is made of has changed, but not while
 * the focus is in it: that would be lost. */
function redraw(box, data, make) {
	const text = JSON.stringify(data);

	if (redraw.drawn.get(box) === text ||
	    box.contains(document.activeElement))
		return;
	redraw.drawn.set(box, text);
	box.replaceChildren(make());
}
redraw.drawn = new WeakMap();

/* Calls `work` now, and every so often until `signal` says that nobody looks
 * any more.  A page in the background waits. */
function every(ms, signal, work) {
	let timer = null;

	async function turn() {
		if (!document.hidden)
			await work();
		if (!signal.aborted)
			timer = setTimeout(turn, ms);
	}
	signal.addEventListener('abort', () => clearTimeout(timer));
	turn();
}

/* --- numbers ------------------------------------------------------------ */

const plain = new Intl.NumberFormat('en');

function number(n) {
	return plain.format(n);
}

/* "1 event", "12,000 events" */
function count(n, one, many = one + 's') {
	return number(n) + ' ' + (n === 1 ? one : many);
}

function rate(n) {
	return n >= 100 ? number(Math.round(n)) : n.toFixed(n >= 10 ? 1 : 2);
}

function bytes(n) {
	const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
	let i = 0;

	for (; n >= 1024 && i < units.length - 1; i++)
		n /= 1024;
	return (i === 0 ? n : n.toFixed(n >= 100 ? 0 : 1)) + ' ' + units[i];
}

/* A span in the two largest units that it has: "2 h 5 min". */
function span(seconds) {
	const units = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];
	const parts = [];
	let rest = Math.max(0, Math.round(seconds));

	for (const [unit, size] of units) {
		if (rest >= size && parts.length < 2)
			parts.push(Math.floor(rest / size) + ' ' + unit);
		else if (parts.length > 0)
			break;
		rest %= size;
	}
	return parts.length > 0 ? parts.join(' ') : '0 s';
}

function milliseconds(ms) {
	return ms < 10000 ? number(ms) + ' ms' : span(ms / 1000);
}

/* --- times -------------------------------------------------------------- */

function two(n) {
	return String(n).padStart(2, '0');
}

/* An instant by the reader's clock; the day only if it is not today. */
function localTime(at) {
	const d = new Date(at), today = new Date();
	const day = d.getFullYear() + '-' + two(d.getMonth() + 1) + '-' +
	    two(d.getDate());
	const time = two(d.getHours()) + ':' + two(d.getMinutes()) + ':' +
	    two(d.getSeconds());

	return d.toDateString() === today.toDateString() ? time :
	    day + ' ' + time;
}

/* A <time>, or a dash where there is none.  UTC is in its title. */
function when(at) {
	if (at === null || at === undefined)
		return el('span', { class: 'none' }, '–');
	return el('time', { datetime: at, title: at.replace('T', ' ')
	    .replace('Z', ' UTC') }, localTime(at));
}

/* How far an instant is away: "in 12 s", "3 min ago". */
function away(at) {
	const seconds = (Date.parse(at) - Date.now()) / 1000;

	return seconds >= 0 ? 'in ' + span(seconds) : span(-seconds) + ' ago';
}

/* What is not there is a dash. */
function orDash(value) {
	return value === null || value === undefined || value === '' ?
	    el('span', { class: 'none' }, '–') : String(value);
}
