/*
 * apex_library.mjs - the values of the Apex subset and what may be done to them
 *
 * An Integer is a number, a Long a bigint, so that neither is taken for the
 * other; a Decimal or Double is a Dec, which computes as a double does.  A
 * List is an array, a Blob a Buffer; a type of the platform that only carries
 * something is a Native.  The tables' keys are `type.name/arguments`.
 */
import { createHash, randomUUID } from 'node:crypto';

const DOMAIN = 'https://example-dev-ed.develop.my.salesforce.com';

export class NotInSubset extends Error {
	constructor(what, at) {
		super(`not in this subset: ${what}, ${at}`);
	}
}

export class Dec {
	constructor(n) { this.n = Number(n); }
}

export class Datetime {
	constructor(ms) { this.ms = ms; }
}

export class Native {
	constructor(type, data) { Object.assign(this, { type, ...data }); }
}

export class EnumValue {
	constructor(type, name, ordinal) {
		Object.assign(this, { type, name, ordinal });
	}
}

/* A record: fields by lower-case name; `chosen` is what a query asked for. */
export class SObject {
	constructor(schema, fields = {}) {
		this.schema = schema;
		this.fields = { __proto__: null, ...fields };
		this.chosen = null;
		this.isReadOnly = false;
	}
}

export class ApexObject {
	new$0() {}
}

/* A key of its own for every value that Apex takes as equal in a map. */
function keyOf(value) {
	if (value instanceof Datetime)
		return `d${value.ms}`;
	if (value instanceof SObject || Array.isArray(value))
		throw new NotInSubset('a record or a list as a key', 'a map');
	return value === null || typeof value === 'object' ? value :
	    `${typeof value === 'bigint' ? 'number' : typeof value}${value}`;
}

export class ApexMap extends Map {
	static of(pairs) {
		const map = new ApexMap();

		for (const [key, value] of pairs)
			map.put(key, value);
		return map;
	}
	put(key, value) {
		const old = this.find(key);

		this.set(keyOf(key), [key, value]);
		return old;
	}
	find(key) { return this.get(keyOf(key))?.[1] ?? null; }
	pairs() { return [...this.values()]; }
}

export class ApexSet extends Map {
	static of(items) {
		const set = new ApexSet();

		for (const item of items)
			set.add(item);
		return set;
	}
	add(item) {
		const isNew = !this.has(keyOf(item));

		this.set(keyOf(item), item);
		return isNew;
	}
	items() { return [...this.values()]; }
}

/* A string literal's value. */
export function unquote(text) {
	return text.slice(1, -1).replace(/\\(u[0-9a-f]{4}|.)/gi,
	    (all, code) => {
		const plain = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' };

		return code.length === 5 ?
		    String.fromCharCode(parseInt(code.slice(1), 16)) :
		    plain[code.toLowerCase()] ?? code;
	});
}

/* ==: strings without regard to case, numbers across their types. */
export function same(a, b) {
	if (typeof a === 'string' && typeof b === 'string')
		return a.toLowerCase() === b.toLowerCase();
	if (a === null || b === null)
		return a === b;
	if (a instanceof Dec || b instanceof Dec)
		return Number(a.n ?? a) === Number(b.n ?? b);
	if (typeof a === 'object' && !(a instanceof EnumValue))
		throw new NotInSubset(`== of ${typeName(a)}`, 'an operator');
	return a == b;		/* an Integer may meet a Long */
}

export function typeName(value) {
	for (const [type, name] of [[Dec, 'decimal'], [Datetime, 'datetime'],
	    [ApexMap, 'map'], [ApexSet, 'set'], [Array, 'list'],
	    [Buffer, 'blob'], [SObject, 'sobject'], [EnumValue, 'enum']]) {
		if (value instanceof type)
			return name;
	}
	if (value instanceof ApexObject)
		return value.constructor.info.name;
	return value instanceof Native ? value.type :
	    { number: 'integer', bigint: 'long' }[typeof value] ?? typeof value;
}

/* What a value looks like as text, beside strings and in debug lines. */
export function show(value) {
	if (value instanceof EnumValue)
		return value.name;
	if (value instanceof Dec)
		return String(value.n);
	if (value instanceof Native && value.text)
		return value.text;
	if (value !== null && typeof value === 'object')
		throw new NotInSubset(`text of ${typeName(value)}`,
		    'an operator');
	return String(value);
}

function json(value) {
	if (Array.isArray(value))
		return `[${value.map(json)}]`;
	if (value instanceof ApexMap)
		return `{${value.pairs().map(([key, one]) =>
		    `${JSON.stringify(show(key))}:${json(one)}`)}}`;
	return typeof value === 'string' ? JSON.stringify(value) : show(value);
}

/* The tables; `rt` raises Apex's exceptions and knows the org. */
export function library(rt) {
	const { org } = rt;
	const blank = (s) => s === null || s.trim() === '';
	const index = (list, i) => i >= 0 && i < list.length ? i :
	    rt.raise('ListException', `List index out of bounds: ${i}`);
	const later = (unit) => (d, n) => new Datetime(d.ms + n * unit);
	const hash = (name, data) => createHash(name.toLowerCase()
	    .replace('-', '')).update(data).digest();
	const functions = {
		'String.isBlank/1': blank,
		'String.isNotBlank/1': (s) => !blank(s),
		'String.valueOf/1': (x) => x === null ? null : show(x),
		'String.join/2': (list, by) => list.map(show).join(by),
		'Integer.valueOf/1': (x) => /^[+-]?\d+$/.test(x) ? Number(x) :
		    rt.raise('TypeException', `Invalid integer: ${show(x)}`),
		'Math.min/2': (a, b) => a < b ? a : b,
		'Math.max/2': (a, b) => a > b ? a : b,
		'Math.ceil/1': (x) => new Dec(Math.ceil(x.n)),
		'System.now/0': () => new Datetime(org.now()),
		'System.debug/1': (x) => org.debug(show(x)),
		'System.debug/2': (level, x) => org.debug(show(x)),
		'JSON.serialize/1': (x) => json(x),
		'UUID.randomUUID/0': () => new Native('uuid',
		    { text: randomUUID() }),
		'Blob.valueOf/1': (s) => Buffer.from(s),
		'EncodingUtil.convertToHex/1': (b) => b.toString('hex'),
		'Crypto.generateDigest/2': hash,
		'URL.getOrgDomainUrl/0': () => new Native('url',
		    { text: DOMAIN }),
		'HttpRequest.new/0': () => new Native('httprequest',
		    { headers: new Map(), body: '', timeout: 10000 }),
		'Http.new/0': () => new Native('http'),
		'List.new/0': () => [],
		'List.new/1': (x) => [...x.items?.() ?? x],
		'Map.new/0': () => new ApexMap(),
	};
	const methods = {
		'String.length/0': (s) => s.length,
		'String.equals/1': (s, t) => s === t,
		'String.left/1': (s, n) => s.slice(0, n),
		'String.isNumeric/0': (s) => /^\d+$/.test(s),
		'Uuid.toString/0': (u) => u.text,
		'Url.toExternalForm/0': (u) => u.text,
		'Enum.name/0': (e) => e.name,
		'Decimal.intValue/0': (d) => Math.trunc(d.n),
		'Blob.size/0': (b) => b.length,
		'Datetime.getTime/0': (d) => BigInt(d.ms),
		'Datetime.addSeconds/1': later(1000),
		'Datetime.addDays/1': later(86400000),
		'List.add/1': (l, x) => { l.push(x); },
		'List.addAll/1': (l, x) => { l.push(...x.items?.() ?? x); },
		'List.size/0': (l) => l.length,
		'List.isEmpty/0': (l) => l.length === 0,
		'List.get/1': (l, i) => l[index(l, i)],
		'List.set/2': (l, i, x) => { l[index(l, i)] = x; },
		'List.clear/0': (l) => { l.length = 0; },
		'List.clone/0': (l) => [...l],
		'List.sort/0': (l) => {
			if (l.some((x) => typeof x !== 'string'))
				rt.refuse('the order of what is no String');
			l.sort((a, b) => a < b ? -1 : a > b ? 1 : 0);
		},
		'Set.size/0': (s) => s.size,
		'Map.put/2': (m, k, x) => m.put(k, x),
		'Map.get/1': (m, k) => m.find(k),
		'Map.containsKey/1': (m, k) => m.has(keyOf(k)),
		'Map.keySet/0': (m) => ApexSet.of(m.pairs().map(([k]) => k)),
		'Map.putAll/1': (m, n) => { n.pairs().forEach((p) =>
		    m.put(...p)); },
		'Map.isEmpty/0': (m) => m.size === 0,
		'HttpRequest.setEndpoint/1': (r, url) => { r.endpoint = url; },
		'HttpRequest.setMethod/1': (r, name) => { r.method = name; },
		'HttpRequest.setHeader/2': (r, k,
		    x) => { r.headers.set(k, x); },
		'HttpRequest.setBody/1': (r, s) => { r.body = s; },
		'HttpRequest.setTimeout/1': (r, ms) => { r.timeout = ms; },
		'Http.send/1': (h, request) => org.callout(request),
		'HttpResponse.getStatusCode/0': (r) => r.status,
		'HttpResponse.getBody/0': (r) => r.body,
		'HttpResponse.getHeader/1': (r, name) =>
		    r.headers[name.toLowerCase()] ?? null,
		'Exception.getMessage/0': (e) => e.$message,
	};
	const constants = { 'LoggingLevel.ERROR': () => 'ERROR',
	    'LoggingLevel.WARN': () => 'WARN' };

	return { functions, methods, constants };
}
