/*
 * exact.js - JSON as it was written
 *
 * A price of 25.50 or an MPID of nineteen digits would not survive JSON.parse,
 * which makes doubles of numbers.  What is shown to an operator as the bytes
 * that Heap gets is therefore cut out of the agent's answer as text, and only
 * the white space between its tokens is laid out anew.
 */

/* A text, a punctuation mark, or a number or word. */
const TOKEN = /\s*("[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}:,]|[^\s[\]{}:,"]+)/gy;

function* tokens(json) {
	const token = new RegExp(TOKEN);
	let found;

	while ((found = token.exec(json)) !== null)
		yield { text: found[1], end: token.lastIndex };
}

/* The members of the outermost object: name -> value, as text. */
function exactMembers(json) {
	const members = new Map();
	let depth = 0, name = null, start = 0, last = null;

	for (const { text, end } of tokens(json)) {
		if (depth === 1 && text === ':') {
			name = JSON.parse(last);
			start = end;
		} else if (depth === 1 && (text === ',' || text === '}') &&
		    name !== null) {
			members.set(name, json.slice(start,
			    end - text.length).trim());
			name = null;
		}
		if (text === '{' || text === '[')
			depth++;
		else if (text === '}' || text === ']')
			depth--;
		last = text;
	}
	return members;
}

/* What a token is, for its colour; `key`: it is a member's name. */
function tokenClass(text, key) {
	if (text[0] === '"')
		return key ? 'key' : 'string';
	return /[-0-9]/.test(text[0]) ? 'number' : 'word';
}

/*
 * The same tokens, one member or element a line.  Calls put(text, class) with
 * each piece; class is null for punctuation and white space.
 */
function layOut(json, put) {
	const all = [...tokens(json)].map((token) => token.text);
	let depth = 0;
	const line = () => put('\n' + '  '.repeat(depth), null);

	all.forEach((text, i) => {
		if (text === '{' || text === '[') {
			put(text, null);
			depth++;
			if (all[i + 1] !== '}' && all[i + 1] !== ']')
				line();
		} else if (text === '}' || text === ']') {
			depth--;
			if (all[i - 1] !== '{' && all[i - 1] !== '[')
				line();
			put(text, null);
		} else if (text === ',') {
			put(text, null);
			line();
		} else if (text === ':') {
			put(': ', null);
		} else {
			put(text, tokenClass(text, all[i + 1] === ':'));
		}
	});
}

/* Beyond this many bytes colours would cost more than they tell. */
const COLOURED = 65536;

/* JSON text as a block to read and to copy. */
function exactBlock(json, label) {
	const block = el('pre', { class: 'json', tabindex: '0',
	    role: 'region', 'aria-label': label });
	let text = '';

	if (json.length > COLOURED) {
		layOut(json, (piece) => text += piece);
		block.append(text);
	} else {
		layOut(json, (piece, kind) => block.append(kind === null ?
		    piece : el('span', { class: kind }, piece)));
	}
	return block;
}

/* Puts the text as it is into the clipboard; null where there is none. */
function copyButton(text, what) {
	if (!navigator.clipboard)
		return null;
	return el('button', { type: 'button', class: 'small', on: {
		click: async () => {
			await navigator.clipboard.writeText(text);
			notice(what + ' was copied as it is stored.');
		} } }, 'Copy');
}
