/*
 * apex_library.mjs - the values of the Apex subset and what may be done to them
 *
 * An Integer is a number, a Long a bigint, so that neither is taken for the
 * other; a Decimal or Double is a Dec, which computes as a double does.  A
 * List is an array, a Blob a Buffer; a type of the platform that only carries
 * something is a Native.  The tables' keys are `type.name/arguments`.
 */
import { createHash, createHmac, randomBytes, randomUUID } from 'node:crypto';

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
	holds(item) { return this.has(keyOf(item)); }
	items() { return [...this.values()]; }
}

/* A string literal's value. */
export function unquote(text) {
	return text.slice(1, -1).replace(/\\(u[0-9a-f]{4}|.)/gi, (all, code) => {
		const plain = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' };

		return code.length === 5 ?
		    String.fromCharCode(parseInt(code.slice(1), 16)) :
		    plain[code.toLowerCase()] ?? code;
	});
}

/* ==: strings without regard to case, lists and maps by what they hold. */
export function same(a, b) {
	if (typeof a === 'string' && typeof b === 'string')
		return a.toLowerCase() === b.toLowerCase();
	if (a instanceof Dec || b instanceof Dec)
		return a !== null && b !== null &&
		    Number(a.n ?? a) === Number(b.n ?? b);
	if (a instanceof Datetime && b instanceof Datetime)
		return a.ms === b.ms;
	if (Array.isArray(a) && Array.isArray(b))
		return a.length === b.length && a.every((x, i) => same(x, b[i]));
	if (a instanceof SObject && b instanceof SObject)
		return a.schema === b.schema &&
		    same(Object.entries(a.fields), Object.entries(b.fields));
	if (a instanceof ApexMap && b instanceof ApexMap)
		return same(a.pairs(), b.pairs());
	return a == b;		/* an Integer and a Long, null */
}

const iso = (date) => new Date(date.ms).toISOString();

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
	if (Array.isArray(value))
		return `(${value.map(show).join(', ')})`;
	if (value instanceof ApexSet)
		return `{${value.items().map(show).join(', ')}}`;
	if (value instanceof ApexMap)
		return `{${value.pairs().map(([k, v]) => `${show(k)}=${show(v)}`)
		    .join(', ')}}`;
	if (value instanceof SObject)
		return `${value.schema.name}:${show(ApexMap.of(
		    Object.entries(value.fields)))}`;
	if (value instanceof Datetime)
		return iso(value).replace('T', ' ').slice(0, 19);
	if (value instanceof EnumValue)
		return value.name;
	if (value instanceof ApexObject)
		return value.new$1 ? `${value.constructor.info.name}: ` +
		    value.$message : `${value.constructor.info.name}:[]`;
	if (value instanceof Native)
		return value.text ?? `${value.type}[]`;
	return String(value instanceof Dec ? value.n : value);
}

function json(value, noNulls) {
	const pairs = (list) => '{' + list
	    .filter(([, v]) => !noNulls || v !== null)
	    .map(([k, v]) => `${JSON.stringify(show(k))}:${json(v, noNulls)}`)
	    .join(',') + '}';

	if (Array.isArray(value) || value instanceof ApexSet)
		return `[${[...value.items?.() ?? value]
		    .map((one) => json(one, noNulls))}]`;
	if (value instanceof ApexMap)
		return pairs(value.pairs());
	if (value instanceof Dec || typeof value === 'bigint')
		return show(value);
	if (value instanceof Datetime)
		return JSON.stringify(iso(value).replace('Z', '+0000'));
	if (value instanceof ApexObject)
		return pairs([...value.constructor.info.fields]
		    .filter(([, f]) => !f.isStatic &&
		    !f.modifiers.has('transient'))
		    .map(([key, f]) => [f.name, value[`$${key}`]]));
	if (value instanceof SObject || value instanceof Native)
		throw new NotInSubset(`JSON of ${typeName(value)}`, 'JSON');
	return JSON.stringify(value instanceof EnumValue ? value.name : value);
}

function fromJson(value) {
	if (Array.isArray(value))
		return value.map(fromJson);
	if (value && typeof value === 'object')
		return ApexMap.of(Object.entries(value)
		    .map(([k, v]) => [k, fromJson(v)]));
	if (typeof value !== 'number' || Number.isInteger(value) &&
	    Math.abs(value) < 2 ** 31)
		return value;
	return Number.isInteger(value) ? BigInt(value) : new Dec(value);
}

/* The tables; `rt` raises Apex's exceptions and knows the org. */
export function library(rt) {
	const { org } = rt;
	const blank = (s) => s === null || s.trim() === '';
	const integer = (s) => /^[+-]?\d+$/.test(s ?? '') ? s :
	    rt.raise('TypeException', `Invalid integer: ${s}`);
	const index = (list, i) => i >= 0 && i < list.length ? i :
	    rt.raise('ListException', `List index out of bounds: ${i}`);
	const later = (unit) => (d, n) => new Datetime(d.ms + n * unit);
	const compare = (a, b) => a instanceof ApexObject ?
	    a.compareto$1(b) : a < b ? -1 : a > b ? 1 : 0;
	const hash = (name, data) => createHash(name.toLowerCase()
	    .replace('-', '')).update(data).digest();
	const functions = {
		'String.isBlank/1': blank,
		'String.isNotBlank/1': (s) => !blank(s),
		'String.isEmpty/1': (s) => !s,
		'String.isNotEmpty/1': (s) => Boolean(s),
		'String.valueOf/1': (x) => x === null ? null : show(x),
		'String.join/2': (list, by) => [...list.items?.() ?? list]
		    .map(show).join(by),
		'String.escapeSingleQuotes/1': (s) => s.replaceAll("'", "\\'"),
		'String.format/2': (s, list) => s.replace(/\{(\d+)\}/g,
		    (all, i) => i < list.length ? show(list[i]) : all),
		'Integer.valueOf/1': (x) => Number(typeof x === 'string' ?
		    integer(x.trim()) : x.n ? Math.trunc(x.n) : x),
		'Long.valueOf/1': (x) => BigInt(integer(x.trim())),
		'Math.min/2': (a, b) => a < b ? a : b,
		'Math.max/2': (a, b) => a > b ? a : b,
		'Math.mod/2': (a, b) => a % b,
		'Math.abs/1': (a) => a < 0 ? -a : a,
		'Math.ceil/1': (x) => new Dec(Math.ceil(Number(x.n ?? x))),
		'Math.random/0': () => new Dec(Math.random()),
		'Datetime.now/0': () => new Datetime(org.now()),
		'System.now/0': () => new Datetime(org.now()),
		'System.currentTimeMillis/0': () => BigInt(org.now()),
		'Datetime.newInstance/1': (ms) => new Datetime(Number(ms)),
		'System.debug/1': (x) => org.debug(show(x)),
		'System.debug/2': (level, x) => org.debug(show(x)),
		'JSON.serialize/1': (x) => json(x, false),
		'JSON.serialize/2': (x, noNulls) => json(x, noNulls),
		'JSON.deserializeUntyped/1': (s) => {
			try {
				return fromJson(JSON.parse(s));
			} catch (error) {
				return rt.raise('JSONException', error.message);
			}
		},
		'UUID.randomUUID/0': () => new Native('uuid',
		    { text: randomUUID() }),
		'Blob.valueOf/1': (s) => Buffer.from(s),
		'EncodingUtil.base64Encode/1': (b) => b.toString('base64'),
		'EncodingUtil.base64Decode/1': (s) => Buffer.from(s, 'base64'),
		'EncodingUtil.convertToHex/1': (b) => b.toString('hex'),
		'EncodingUtil.urlEncode/2': (s) => encodeURIComponent(s)
		    .replaceAll('%20', '+'),
		'Crypto.generateDigest/2': hash,
		'Crypto.generateMac/3': (name, data, key) =>
		    createHmac(name.toLowerCase().replace('hmac', ''), key)
		    .update(data).digest(),
		'Crypto.getRandomInteger/0': () => randomBytes(4).readInt32BE(),
		'Crypto.getRandomLong/0': () => randomBytes(8).readBigInt64BE(),
		'URL.getOrgDomainUrl/0': () => new Native('url',
		    { text: 'https://example-dev-ed.develop.my.salesforce.com' }),
		'HttpRequest.new/0': () => new Native('httprequest',
		    { headers: new Map(), body: '', timeout: 10000 }),
		'Http.new/0': () => new Native('http'),
		'List.new/0': () => [],
		'List.new/1': (x) => [...x.items?.() ?? x],
		'Set.new/0': () => new ApexSet(),
		'Set.new/1': (x) => ApexSet.of(x.items?.() ?? x),
		'Map.new/0': () => new ApexMap(),
		'Map.new/1': (x) => ApexMap.of(x instanceof ApexMap ? x.pairs() :
		    x.map((record) => [record.fields.id, record])),
	};
	const methods = {
		'String.length/0': (s) => s.length,
		'String.trim/0': (s) => s.trim(),
		'String.toLowerCase/0': (s) => s.toLowerCase(),
		'String.toUpperCase/0': (s) => s.toUpperCase(),
		'String.equals/1': (s, t) => s === t,
		'String.equalsIgnoreCase/1': (s, t) => same(s, t),
		'String.startsWith/1': (s, t) => s.startsWith(t),
		'String.endsWith/1': (s, t) => s.endsWith(t),
		'String.contains/1': (s, t) => s.includes(t),
		'String.indexOf/1': (s, t) => s.indexOf(t),
		'String.left/1': (s, n) => s.slice(0, n),
		'String.right/1': (s, n) => n ? s.slice(-n) : '',
		'String.abbreviate/1': (s, n) => s.length <= n ? s :
		    `${s.slice(0, n - 3)}...`,
		'String.substring/1': (s, a) => s.slice(a),
		'String.substring/2': (s, a, b) => b <= s.length ? s.slice(a, b) :
		    rt.raise('StringException', `Ending position out of bounds: ${b}`),
		'String.replace/2': (s, a, b) => s.replaceAll(a, b),
		'String.split/1': (s, by) => s.split(new RegExp(by)),
		'String.isNumeric/0': (s) => /^\d+$/.test(s),
		'Uuid.toString/0': (u) => u.text,
		'Url.toExternalForm/0': (u) => u.text,
		'Enum.name/0': (e) => e.name,
		'Enum.ordinal/0': (e) => e.ordinal,
		'Integer.format/0': show,
		'Long.intValue/0': (n) => Number(BigInt.asIntN(32, n)),
		'Decimal.intValue/0': (d) => Math.trunc(d.n),
		'Blob.toString/0': (b) => b.toString(),
		'Blob.size/0': (b) => b.length,
		'Datetime.getTime/0': (d) => BigInt(d.ms),
		'Datetime.addSeconds/1': later(1000),
		'Datetime.addMinutes/1': later(60000),
		'Datetime.addHours/1': later(3600000),
		'Datetime.addDays/1': later(86400000),
		'Datetime.formatGmt/1': (d, f) => f === 'yyyy-MM-dd HH:mm:ss' ?
		    show(d) : rt.refuse(`the format ${f}`),
		'List.add/1': (l, x) => { l.push(x); },
		'List.add/2': (l, i, x) => { l.splice(i, 0, x); },
		'List.addAll/1': (l, x) => { l.push(...x.items?.() ?? x); },
		'List.size/0': (l) => l.length,
		'List.isEmpty/0': (l) => l.length === 0,
		'List.get/1': (l, i) => l[index(l, i)],
		'List.set/2': (l, i, x) => { l[index(l, i)] = x; },
		'List.remove/1': (l, i) => l.splice(index(l, i), 1)[0],
		'List.clear/0': (l) => { l.length = 0; },
		'List.clone/0': (l) => [...l],
		'List.contains/1': (l, x) => l.some((y) => same(x, y)),
		'List.sort/0': (l) => { l.sort(compare); },
		'Set.add/1': (s, x) => s.add(x),
		'Set.addAll/1': (s, x) => [...x.items?.() ?? x]
		    .map((y) => s.add(y)).includes(true),
		'Set.contains/1': (s, x) => s.holds(x),
		'Set.remove/1': (s, x) => s.delete(keyOf(x)),
		'Set.size/0': (s) => s.size,
		'Set.isEmpty/0': (s) => s.size === 0,
		'Map.put/2': (m, k, x) => m.put(k, x),
		'Map.get/1': (m, k) => m.find(k),
		'Map.containsKey/1': (m, k) => m.has(keyOf(k)),
		'Map.remove/1': (m, k) => {
			const old = m.find(k);
			m.delete(keyOf(k));
			return old;
		},
		'Map.keySet/0': (m) => ApexSet.of(m.pairs().map(([k]) => k)),
		'Map.values/0': (m) => m.pairs().map(([, x]) => x),
		'Map.putAll/1': (m, n) => { n.pairs().forEach((p) => m.put(...p)); },
		'Map.size/0': (m) => m.size,
		'Map.isEmpty/0': (m) => m.size === 0,
		'SObject.get/1': (r, name) => rt.get(r, name.toLowerCase(), 'get'),
		'SObject.put/2': (r, name, x) =>
		    rt.set(r, name.toLowerCase(), x, 'put'),
		'SObject.clone/0': (r) => new SObject(r.schema,
		    { ...r.fields, id: null }),
		'HttpRequest.setEndpoint/1': (r, url) => { r.endpoint = url; },
		'HttpRequest.setMethod/1': (r, name) => { r.method = name; },
		'HttpRequest.setHeader/2': (r, k, x) => { r.headers.set(k, x); },
		'HttpRequest.setBody/1': (r, s) => { r.body = s; },
		'HttpRequest.setTimeout/1': (r, ms) => { r.timeout = ms; },
		'Http.send/1': (h, request) => org.callout(request),
		'HttpResponse.getStatusCode/0': (r) => r.status,
		'HttpResponse.getStatus/0': (r) => r.reason,
		'HttpResponse.getBody/0': (r) => r.body,
		'HttpResponse.getHeader/1': (r, name) =>
		    r.headers[name.toLowerCase()] ?? null,
		'Exception.getMessage/0': (e) => e.$message,
		'Exception.getCause/0': (e) => e.$cause,
		'Exception.getTypeName/0': (e) => e.constructor.info.name,
		'Exception.getStackTraceString/0': (e) => e.at,
		'Exception.setMessage/1': (e, s) => { e.$message = s; },
	};
	const constants = { 'LoggingLevel.ERROR': () => 'ERROR',
	    'LoggingLevel.WARN': () => 'WARN', 'LoggingLevel.INFO': () => 'INFO',
	    'LoggingLevel.DEBUG': () => 'DEBUG' };

	return { functions, methods, constants };
}
