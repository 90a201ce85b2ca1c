/*
 * exact.mjs - src/ui/exact.js by itself: JSON laid out without a digit changed
 *
 * usage: node exact.mjs exact.js
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import vm from 'node:vm';

const { exactMembers, layOut } = vm.runInThisContext('(() => {' +
    readFileSync(process.argv[2], 'utf8') +
    '; return { exactMembers, layOut }; })()');

function laidOut(json) {
	let text = '';

	layOut(json, (piece) => text += piece);
	return text;
}

test('layOut puts one member or element a line', () => {
	assert.equal(laidOut('{"a":[1,{"b":null}],"c":"d"}'), `{
  "a": [
    1,
    {
      "b": null
    }
  ],
  "c": "d"
}`);
});

test('layOut keeps what is empty in one line', () => {
	assert.equal(laidOut('{"a":{},"b":[ ],"c":[{}]}'), `{
  "a": {},
  "b": [],
  "c": [
    {}
  ]
}`);
});

test('layOut changes no number, no text and no order', () => {
	for (const token of ['25.50', '-0', '1e999', '0.1e-7', '1E+2',
	    '-9007199254740993', '12345678901234567890123', 'true', 'null',
	    '"\\u00e9\\/\\n"', '"a \\" b"', '"\\\\"', '"{[,:]}"', '"  "',
	    '"\\ud83d"', '""'])
		assert.equal(laidOut('[' + token + ']'), '[\n  ' + token +
		    '\n]');
	assert.equal(laidOut('{"2":1,"1":2,"2":3}').replace(/\s/g, ''),
	    '{"2":1,"1":2,"2":3}');
});

test('layOut says what is a name, a text, a number, a word', () => {
	const kinds = [];

	layOut('{"a":"b","c":-1,"d":[true]}', (piece, kind) => {
		if (kind !== null)
			kinds.push(piece + ' ' + kind);
	});
	assert.deepEqual(kinds, ['"a" key', '"b" string', '"c" key',
	    '-1 number', '"d" key', 'true word']);
});

test('layOut takes a text of a megabyte, and a thousand levels', () => {
	const long = '"' + 'x\\"'.repeat(350000) + '"';
	const deep = '['.repeat(1000) + ']'.repeat(1000);

	assert.equal(laidOut('[' + long + ']').length, long.length + 6);
	assert.equal(laidOut(deep).replace(/\s/g, ''), deep);
});

test('exactMembers cuts the values of the outermost object out', () => {
	const members = exactMembers('{"id":7,"payload":[{"payload":1.50,' +
	    '"x":"},"}],"batch": {"a":[1,2], "b":{}} ,"\\u0061":"y",' +
	    '"last":null}');

	assert.deepEqual([...members], [['id', '7'],
	    ['payload', '[{"payload":1.50,"x":"},"}]'],
	    ['batch', '{"a":[1,2], "b":{}}'], ['a', '"y"'],
	    ['last', 'null']]);
});

test('exactMembers of what is no object, or empty, are none', () => {
	for (const json of ['{}', '[]', '["a",{"b":1}]', '7', '"a"'])
		assert.equal(exactMembers(json).size, 0);
});
