/*
 * apex.mjs - what translated Apex runs on: values, members, operators
 *
 * A String, Boolean or number is JavaScript's: an Integer, a Long and a
 * Decimal are one kind, nothing overflows, and null in a condition is false.
 * A List is an array, a Map a Map with Strings for keys, a Set what keySet()
 * gives, a Blob a Buffer, an enum's value a symbol.  Of Apex's library there
 * is what the programs use.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { NotInSubset, translate } from './apex_translate.mjs';

export class ApexObject {}
export class ApexException extends Error {
	constructor(name, message) { super(message); this.name = name; }
}
export class Datetime {
	constructor(ms) { this.ms = ms; }
	valueOf() { return this.ms; }
}
/* A record; `isPart`: only the fields that a query asked for are there. */
export class SObject {
	constructor(type, fields, isPart = false) {
		Object.assign(this, { type, fields, isPart });
	}
}
/* What only has data, and the name of a type of the platform. */
export class Native {
	constructor(type, data) { Object.assign(this, { type, ...data }); }
}
export class TypeName extends Native {}

function typeOf(value) {
	const types = { Array: 'list', Map: 'map', Datetime: 'datetime',
	    Buffer: 'blob', ApexException: 'exception' };

	return value?.type ?? types[value?.constructor.name] ?? typeof value;
}

const OPERATORS = {
	'<': (a, b) => a < b, '<=': (a, b) => a <= b,
	'>': (a, b) => a > b, '>=': (a, b) => a >= b,
	'+': (a, b) => a + b, '-': (a, b) => a - b,
	'*': (a, b) => a * b, '/decimal': (a, b) => a / b,
	'/': (a, b) => Math.trunc(a / b),
};

export class Runtime {
	constructor(org) {
		Object.assign(this, { org, ApexObject, SObject, C: {},
		    triggers: [], at: 'run.mjs' });
		this.library = Object.fromEntries(Object.entries(
		    { ...values(this), ...platform(org) }).map(([key, entry]) =>
		    [key.toLowerCase(), entry]));
	}
	load(paths) {
		for (const path of paths)
			new Function('rt', `'use strict'; ${translate(
			    path.split('/').pop(), readFileSync(path, 'utf8'))}`
			)(this);
	}
	/* Each transaction has static values as they are written. */
	async begin() {
		for (const cls of Object.values(this.C))
			for (const set of cls.statics ?? [])
				await set.call(cls);
	}

	raise(name, message) { throw new ApexException(name, message); }
	refuse(what) { throw new NotInSubset(what, this.at); }
	/* A limit's cannot be caught; what is not Apex's ends the run. */
	caught(error) {
		if (error instanceof ApexException &&
		    error.name !== 'LimitException')
			return error;
		throw error;
	}
	present(value) {
		return value ?? this.raise('NullPointerException',
		    'Attempt to de-reference a null object');
	}

	/* By its name as seen from a class. */
	type(name, from) {
		return this.C[`${from.split('.')[0]}.${name}`] ??
		    this.C[name] ?? new TypeName(name);
	}
	async make(name, from, args, at) {
		const type = this.type(name, from);

		if (type instanceof TypeName)
			return this.call(type, 'new', args, at);
		const made = new type();
		for (const set of type.fields)
			await set.call(made);
		if (args.length > 0 || made.new$0)
			await this.call(made, 'new', args, at);
		return made;
	}
	/* A method of a value or type: its own, or the library's. */
	async call(self, name, args, at) {
		const own = `${name}$${args.length}`;
		const method = this.present(self)[own] ?? self.constructor[own];

		this.at = at;
		if (method)
			return await method.apply(self, args) ?? null;
		const known = this.known(
		    `${typeOf(self)}.${name}/${args.length}`);
		return await (self instanceof TypeName ? known(...args) :
		    known(self, ...args)) ?? null;
	}
	known(key) { return this.library[key] ?? this.refuse(key); }
	get(self, name, at) {
		const [fields, key] = this.place(self, name, at);

		if (self instanceof TypeName)
			return this.known(`${self.type}.${name}`)();
		if (self.isPart && !(key in fields))
			this.raise('SObjectException', 'SObject row was ' +
			    `retrieved without querying ${name}`);
		return fields[key] ?? null;
	}
	set(self, name, value, at) {
		const [fields, key] = this.place(self, name, at);

		fields[key] = value;
	}
	/* Where a member is kept, and under which key. */
	place(self, name, at) {
		this.at = at;
		if (this.present(self) instanceof SObject)
			return [self.fields, name];
		return `$${name}` in self || self instanceof TypeName ?
		    [self, `$${name}`] : this.refuse(`the member ${name}`);
	}

	binary(op, a, b, at) {
		this.at = at;
		if (op === '==' || op === '!=')
			return this.same(a, b) === (op === '==');
		if (op === '+' && [a, b].some((x) => typeof x === 'string'))
			return `${this.scalar(a)}${this.scalar(b)}`;
		return (OPERATORS[op] ?? this.refuse(`the operator ${op}`))(
		    this.present(a), this.present(b));
	}
	/* Strings without regard to case. */
	same(a, b) {
		if (a && b && typeof a === 'object')
			this.refuse(`== of a ${typeOf(a)}`);
		return typeof a === 'string' && typeof b === 'string' ?
		    a.toLowerCase() === b.toLowerCase() : a === b;
	}
	/* What has a text as it is in Apex, and may be a key. */
	scalar(x) {
		return x !== null && /^(object|symbol)$/.test(typeof x) ?
		    this.refuse(`text of a ${typeOf(x)}`) : x;
	}
}

/* Keys are `Type.method/arguments`; a method of a value gets it first. */
function values(rt) {
	const isBlank = (s) => s === null || s.trim() === '';
	const plain = (key, x) => x instanceof Map ? Object.fromEntries(x) :
	    Array.isArray(x) || x?.constructor === Object ? x : rt.scalar(x);
	const order = (a, b) => typeof a !== 'string' ?
	    rt.refuse('an order of other than Strings') : a < b ? -1 : 1;
	const index = (list, i) => i >= 0 && i < list.length ? i :
	    rt.raise('ListException', `List index out of bounds: ${i}`);

	return {
		'String.isBlank/1': isBlank,
		'String.isNotBlank/1': (s) => !isBlank(s),
		'String.valueOf/1': (x) => x === null ? x : `${rt.scalar(x)}`,
		'String.join/2': (list, by) => list.join(by),
		'String.length/0': (s) => s.length,
		'String.left/1': (s, n) => s.slice(0, n),
		'String.isNumeric/0': (s) => /^\d+$/.test(s),
		'Integer.valueOf/1': (s) => /^\d+$/.test(s) ? Number(s) :
		    rt.refuse(`the Integer ${s}`),
		'Number.intValue/0': (n) => Math.trunc(n),
		'Math.min/2': (a, b) => Math.min(a, b),
		'Math.max/2': (a, b) => Math.max(a, b),
		'Math.ceil/1': (n) => Math.ceil(n),
		'Datetime.getTime/0': (d) => d.ms,
		'Datetime.addSeconds/1': (d, n) => new Datetime(d.ms + n * 1e3),
		'Datetime.addDays/1': (d, n) => new Datetime(d.ms + n * 864e5),
		'List.new/0': () => [],
		'List.new/1': (x) => [...x],
		'List.add/1': (l, x) => { l.push(x); },
		'List.addAll/1': (l, x) => { l.push(...x); },
		'List.size/0': (l) => l.length,
		'List.isEmpty/0': (l) => l.length === 0,
		'List.get/1': (l, i) => l[index(l, i)],
		'List.clear/0': (l) => { l.length = 0; },
		'List.clone/0': (l) => [...l],
		'List.sort/0': (l) => { l.sort(order); },
		'Map.new/0': () => new Map(),
		'Map.put/2': (m, k, x) => { m.set(rt.scalar(k), x); },
		'Map.get/1': (m, k) => m.get(k),
		'Map.containsKey/1': (m, k) => m.has(k),
		'Map.keySet/0': (m) => new Set(m.keys()),
		'Map.putAll/1': (m, n) => n.forEach((x, k) => m.set(k, x)),
		'Map.isEmpty/0': (m) => m.size === 0,
		'Blob.valueOf/1': (s) => Buffer.from(s),
		'Blob.size/0': (b) => b.length,
		'EncodingUtil.convertToHex/1': (b) => b.toString('hex'),
		'Crypto.generateDigest/2': (name, b) => createHash(
		    name.replace('-', '')).update(b).digest(),
		'JSON.serialize/1': (x) => JSON.stringify(x, plain),
		'UUID.randomUUID/0': () => randomUUID(),
		'URL.getOrgDomainUrl/0': () =>
		    'https://example-dev-ed.develop.my.salesforce.com',
		'String.toString/0': (s) => s,
		'String.toExternalForm/0': (s) => s,
		'Exception.getMessage/0': (e) => e.message,
	};
}

function platform(org) {
	const table = {
		'Trigger.new': () => org.tx.trigger.news,
		'Trigger.oldMap': () => org.tx.trigger.oldMap,
		'Trigger.isInsert': () => org.tx.trigger.op === 'insert',
		'Trigger.isUpdate': () => org.tx.trigger.op === 'update',
		'AccessLevel.SYSTEM_MODE': () => 'SYSTEM_MODE',
		'LoggingLevel.ERROR': () => 'ERROR',
		'LoggingLevel.WARN': () => 'WARN',
		'System.now/0': () => new Datetime(org.now()),
		'System.debug/1': () => null,
		'System.debug/2': () => null,
		'System.enqueueJob/2': (job, n) => org.enqueue(job, n),
		'System.attachFinalizer/1': (job) => (org.tx.finalizer = job),
		'System.schedule/3': (name, at, job) => org.schedule(name, job),
		'System.abortJob/1': (id) => org.put('crontrigger', id, null),
		'Test.isRunningTest/0': () => false,
		'UserInfo.getOrganizationId/0': () => org.id('00D', 1),
		'Database.SaveResult.isSuccess/0': () => true,
		'HttpRequest.new/0': () => new Native('httprequest',
		    { headers: {}, body: '', timeout: 10000 }),
		'HttpRequest.setHeader/2': (r, k, s) => { r.headers[k] = s; },
		'Http.new/0': () => new Native('http'),
		'Http.send/1': (http, request) => org.callout(request),
		'HttpResponse.getStatusCode/0': (r) => r.status,
		'HttpResponse.getBody/0': (r) => r.body,
		'HttpResponse.getHeader/1': (r, k) => r.headers.get(k),
	};

	for (const name of ['Endpoint', 'Method', 'Body', 'Timeout'])
		table[`HttpRequest.set${name}/1`] = (request, value) => {
			request[name.toLowerCase()] = value;
		};
	for (const op of ['insert', 'update', 'delete'])
		table[`Database.${op}/3`] = (list) => org.dml(op, list);
	for (const name of Object.keys(org.limits)) {
		table[`Limits.get${name}/0`] = () => org.tx.used[name] ?? 0;
		table[`Limits.getLimit${name}/0`] = () => org.limit(name);
	}
	return table;
}
