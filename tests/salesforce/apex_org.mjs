/*
 * apex_org.mjs - an org for the Apex subset: records, limits, jobs, callouts
 *
 * Records are kept in memory, each transaction with what undoes it.  Limits
 * are those that matter to who sends events from triggers; CPU time, heap and
 * sharing are not looked at.  The clock runs on its own when a job is due
 * later, and by `hurry` times when a callout waits: a timeout of 20 s takes
 * 20 s / hurry.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { ApexMap, ApexObject, ApexSet, Datetime, Dec, EnumValue, Native,
    NotInSubset, SObject, same } from './apex_library.mjs';
import { WaitingHttp } from './apex_http.mjs';

const CHUNK = 200;		/* records that a trigger sees at once */
const TYPES = { Text: 'string', LongTextArea: 'string', TextArea: 'string',
    Email: 'string', Picklist: 'string', Number: 'decimal',
    DateTime: 'datetime', Checkbox: 'boolean' };
/* [in a user's transaction, in a job's] */
const LIMITS = {
	callouts: [100, 100, 'Too many callouts'],
	dmlstatements: [150, 150, 'Too many DML statements'],
	dmlrows: [10000, 10000, 'Too many DML rows'],
	queries: [100, 200, 'Too many SOQL queries'],
	futurecalls: [50, 50, 'Too many future calls'],
	queueablejobs: [50, 1, 'Too many queueable jobs added to the queue'],
};
/* What public logs show a callout to bring. */
const HEADERS = { 'User-Agent': 'SFDC-Callout/64.0', SFDC_STACK_DEPTH: '1',
    'Cache-Control': 'no-cache', Pragma: 'no-cache',
    Accept: 'text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2' };

const tag = (xml, name) => xml.match(
    new RegExp(`<${name}>([^]*?)</${name}>`))?.[1] ?? null;

/* 15 characters and the three that tell their cases. */
function idOf(prefix, n) {
	const short = prefix + n.toString(36).padStart(12, '0');
	const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345';

	return short + [0, 5, 10].map((from) => letters[[...short.slice(from,
	    from + 5)].reduce((sum, c, i) => sum + (/[A-Z]/.test(c) << i), 0)])
	    .join('');
}

export class Org {
	/*
	 * credentials: { name: { url, user, password } }; records are numbered
	 * from `first` on, so that those of two orgs differ.
	 */
	constructor({ credentials, hurry = 1, first = 0, trace = false }) {
		Object.assign(this, { credentials, hurry, first, trace,
		    waits: false, schemas: new Map(),
		    jobs: [], log: [], failed: [], tx: null, ahead: 0, ids: 0,
		    ran: 0, scheduled: new Map(), metadata: new Map(),
		    http: new WaitingHttp() });
		this.addSchema('CronTrigger', new Map([['id', { type: 'id' }],
		    ['cronjobdetail.name', { type: 'string' }]]));
	}

	addSchema(name, fields) {
		const prefix = `a${String(this.schemas.size).padStart(2, '0')}`;

		this.schemas.set(name.toLowerCase(),
		    { name, fields, rows: new Map(), prefix,
		    last: this.first });
	}

	now() {
		return Math.trunc(Date.now() + this.ahead);
	}

	debug(line) {
		if (this.trace)
			console.error(`debug: ${line}`);
	}

	/* --- what objects there are ------------------------------------- */

	/* `objects/NAME` and `customMetadata` below a source directory. */
	loadObjects(dir) {
		for (const name of readdirSync(`${dir}/objects`))
			this.loadObject(name, `${dir}/objects/${name}`);
		const list = readdirSync(dir).includes('customMetadata') ?
		    readdirSync(`${dir}/customMetadata`) : [];
		for (const file of list)
			this.loadMetadata(`${dir}/customMetadata/${file}`,
			    file.split('.'));
	}

	loadObject(name, dir) {
		const xml = readFileSync(`${dir}/${name}.object-meta.xml`,
		    'utf8');
		const format = tag(tag(xml, 'nameField') ?? '',
		    'displayFormat');
		const fields = new Map([['id', { type: 'id' }], ['name',
		    { type: 'string', format, length: 80 }],
		    ['createddate', { type: 'datetime' }],
		    ['lastmodifieddate', { type: 'datetime' }]]);

		for (const file of readdirSync(`${dir}/fields`)) {
			const field = readFileSync(`${dir}/fields/${file}`,
			    'utf8');
			const values = [...(tag(field, 'valueSet') ?? '')
			    .matchAll(/<value>[^]*?<fullName>([^<]*)/g)];
			const type = TYPES[tag(field, 'type')];
			if (!type)
				throw new NotInSubset(tag(field, 'type'), file);
			fields.set(tag(field, 'fullName').toLowerCase(), { type,
			    required: tag(field, 'required') === 'true',
			    length: Number(tag(field, 'length') ?? Infinity),
			    initial: values.find(([v]) =>
			    /<default>true/.test(v)),
			    restricted: tag(field, 'restricted') === 'true' &&
			    new Set(values.map(([, value]) => value)) });
		}
		this.addSchema(name, fields);
	}

	loadMetadata(path, [type, name]) {
		const schema = this.schemas.get(`${type}__mdt`.toLowerCase());
		const record = new SObject(schema);

		for (const [part] of readFileSync(path, 'utf8')
		    .matchAll(/<values>[^]*?<\/values>/g))
			record.fields[tag(part, 'field').toLowerCase()] =
			    part.match(/<value [^>]*>([^<]*)/)?.[1] ?? null;
		this.metadata.set(`${schema.name}.${name}`.toLowerCase(),
		    record);
	}

	/* --- transactions and limits ------------------------------------ */

	/* { error }: an Apex exception, and then nothing of it remains. */
	transaction(kind, run) {
		const tx = { kind, statics: new Map(), used: {}, undo: [],
		    jobs: [],
		    depth: 0, isDirty: false, waited: 0, finalizer: null };

		this.tx = tx;
		try {
			run();
			this.jobs.push(...tx.jobs);
			return { tx, error: null };
		} catch (error) {
			if (!(error instanceof ApexObject))
				throw error;
			this.undo(0);
			return { tx, error };
		} finally {
			this.tx = null;
		}
	}

	undo(to) {
		for (const [rows, id, row] of this.tx.undo.splice(to).reverse())
			row ? rows.set(id, row) : rows.delete(id);
	}

	limit(name) {
		return LIMITS[name][this.tx.kind === 'user' ? 0 : 1];
	}

	/* An overrun is a LimitException, which nothing catches. */
	use(name, n = 1) {
		const { used } = this.tx;

		used[name] = (used[name] ?? 0) + n;
		if (used[name] > this.limit(name))
			this.rt.raise('LimitException',
			    `${LIMITS[name][2]}: ${used[name]}`);
	}

	/* A test has the next job that writes end as by a limit. */
	overrun() {
		const message = this.breakNext;

		this.breakNext = null;
		this.rt.raise('LimitException', message);
	}

	/* --- records ---------------------------------------------------- */

	dml(op, given, allOrNone, at) {
		const records = Array.isArray(given) ? given :
		    [this.rt.present(given,
		    at)];
		const mark = this.tx.undo.length;
		const results = [];

		this.rt.here = at;
		if (records.length === 0)
			return results;
		if (this.breakNext && this.tx.kind !== 'user')
			this.overrun();
		this.use('dmlstatements');
		this.use('dmlrows', records.length);
		this.tx.isDirty = true;
		for (let i = 0; i < records.length; i += CHUNK)
			results.push(...this.chunk(op,
			    records.slice(i, i + CHUNK)));
		const bad = results.findIndex((result) => result.error);
		if (bad !== -1 && allOrNone) {
			this.undo(mark);
			this.rt.raise('DmlException',
			    `${op} failed. First exception ` +
			    `on row ${bad}; first error: ${results[bad].error}`,
			    at);
		}
		return results;
	}

	/* What a trigger throws fails each record of its chunk. */
	chunk(op, records) {
		const mark = this.tx.undo.length;
		const all = records.map((record) => {
			const { schema } = record;
			const old = schema.rows.get(record.fields.id);
			return { record, how: op, schema, old,
			    row: new SObject(schema,
			    { ...this.initial(schema, op), ...old,
			    ...record.fields }), error: op !== 'insert' &&
			    !old ?
			    'ENTITY_IS_DELETED, entity is deleted' :
			    op === 'insert' &&
			    record.fields.id ?
			    'INVALID_FIELD, cannot specify Id' : null };
		});

		try {
			this.fire('before', all);
			all.forEach((one) => this.store(one));
			this.fire('after', all);
		} catch (error) {
			if (!(error instanceof ApexObject))
				throw error;
			this.rt.caught(error);
			this.undo(mark);
			all.forEach((one) => {
				one.error =
				    'CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY, ' +
				    `${error.constructor.info.name}: ` +
				    `${error.$message}`;
			});
		}
		return all.map(({ record, how, row, error }) => {
			if (!error && how === 'insert')
				record.fields.id = row.fields.id;
			return new Native('database.saveresult', { error,
			    id: error ? null : row.fields.id });
		});
	}

	initial(schema, how) {
		const defaults = [...schema.fields].filter(([, f]) => f.initial)
		    .map(([name, field]) => [name, field.initial[1]]);

		return how === 'insert' ? Object.fromEntries(defaults) : {};
	}

	store(one) {
		const { how, schema, row } = one;
		const { fields } = row;

		one.error ??= how === 'delete' ? null :
		    this.wrong(schema, fields);
		if (one.error)
			return;
		fields.lastmodifieddate = new Datetime(
		    this.now() - this.now() % 1000);
		if (how === 'insert') {
			const n = ++schema.last;
			fields.id = idOf(schema.prefix, n);
			fields.createddate = fields.lastmodifieddate;
			const { format } = schema.fields.get('name');
			fields.name = format?.replace(/\{(0+)\}/,
			    (all, zeros) =>
			    String(n).padStart(zeros.length, '0')) ??
			    fields.name;
		}
		this.tx.undo.push([schema.rows, fields.id, one.old]);
		if (how === 'delete')
			schema.rows.delete(fields.id);
		else
			schema.rows.set(fields.id, { ...fields });
	}

	wrong(schema, fields) {
		for (const [name, { required, length,
		    restricted }] of schema.fields) {
			const value = fields[name] ?? null;
			if (required && value === null)
				return `REQUIRED_FIELD_MISSING, ${name}`;
			if (value !== null && value.length > length)
				return `STRING_TOO_LONG, ${name}: ` +
				    `${value.length}`;
			if (value !== null && restricted &&
			    !restricted.has(value))
				return 'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST, ' +
				    value;
		}
		return null;
	}

	fire(when, all) {
		const good = all.filter((one) => !one.error);

		if (good.length === 0)
			return;
		const [{ schema, how }] = good;
		if (good.some((one) => one.schema !== schema))
			this.rt.refuse('a chunk of several kinds');
		const rows = good.map(({ row }) => row);
		const olds = how === 'insert' ? null : good.map(({ old }) =>
		    new SObject(schema, old));
		rows.forEach((row) => { row.isReadOnly = when === 'after'; });
		olds?.forEach((row) => { row.isReadOnly = true; });
		const outer = this.trigger;
		const oldMap = olds && ApexMap.of(olds.map((row) =>
		    [row.fields.id, row]));
		this.tx.depth++;
		this.trigger = { how, news: how === 'delete' ? null : rows,
		    oldMap };
		try {
			for (const { object, moments,
			    run } of this.rt.triggers) {
				if (object === schema.name.toLowerCase() &&
				    moments.includes(when + how))
					run();
			}
		} finally {
			this.tx.depth--;
			this.trigger = outer;
		}
	}

	select({ type, fields, where, order, limit }, at) {
		const { schema } = type;

		this.rt.here = at;
		this.use('queries');
		for (const { name } of order)
			this.column(schema, name, at);
		const rows = [...schema.rows.values()].filter(where);
		fields.forEach((name) => this.column(schema, name, at));
		rows.sort((a, b) => {
			for (const { name, sign } of order) {
				const [x, y] =
				    [a, b].map((row) => this.plain(row[name]));
				if (x !== y)
					return (x === null || x < y ? -1 :
					    1) * sign;
			}
			return 0;
		});
		const found = rows.slice(0, limit).map((row) => {
			const record = new SObject(schema);
			record.chosen = new Set([...fields, 'id']);
			for (const name of record.chosen)
				record.fields[name] = row[name] ?? null;
			return record;
		});
		return Object.assign(found, { isQuery: true });
	}

	column(schema, name, at) {
		if (!schema.fields.has(name))
			throw new NotInSubset(`${schema.name}.${name}`, at);
	}

	plain(value) {
		return value instanceof Datetime ? value.ms :
		    value instanceof Dec ? value.n : value ?? null;
	}

	/* One condition of a WHERE; null is neither below nor above. */
	meets(row, name, op, value, at) {
		const [a, b] = [row[name] ?? null, value].map((x) =>
		    this.plain(x));

		switch (op) {
		case '=':
			return same(a, b);
		case '!=':
			return !same(a, b);
		case 'in':
		case 'notin':
			return [...value.items?.() ?? value].some((one) =>
			    same(a, one.fields?.id ?? one)) === (op === 'in');
		case 'like':
			return new RegExp(`^${b.replaceAll('%', '.*')}$`,
			    'i').test(a);
		case '<':
			return a !== null && b !== null && a < b;
		case '>':
			return a !== null && b !== null && a > b;
		case '<=':
			return a !== null && b !== null && a <= b;
		case '>=':
			return a !== null && b !== null && a >= b;
		}
		throw new NotInSubset(`${op} in a query`, at);
	}

	/* --- jobs ------------------------------------------------------- */

	/* A job is written down when it is asked for: it has copies. */
	copy(value, seen = new Map()) {
		if (value === null || typeof value !== 'object' ||
		    value instanceof Dec || value instanceof Datetime ||
		    value instanceof EnumValue || Buffer.isBuffer(value))
			return value;
		if (seen.has(value))
			return seen.get(value);
		if (value instanceof Native || value instanceof ApexMap ||
		    value instanceof ApexSet)
			this.rt.refuse('a map, a set or the like in a job');
		const keep = (copy) => {
			seen.set(value, copy);
			return copy;
		};
		if (Array.isArray(value))
			return keep(value.map((one) => this.copy(one, seen)));
		const copy = keep(Object.create(Object.getPrototypeOf(value)));
		if (value instanceof SObject)
			return Object.assign(copy, value, { fields:
			    { ...value.fields } });
		for (const key of Object.keys(value)) {
			const field = value.constructor.info.fields.get(
			    key.slice(1));
			copy[key] = field?.modifiers.has('transient') ? null :
			    this.copy(value[key], seen);
		}
		return copy;
	}

	addJob(kind, minutes, run) {
		const id = idOf('707', ++this.ids);

		this.tx.isDirty = true;
		this.tx.jobs.push({ kind, id, run, due: this.now() +
		    minutes * 60000 });
		return id;
	}

	future(cls, key, args, canCallOut) {
		if (/future/.test(this.tx.kind))
			this.rt.raise('AsyncException',
			    'Future method cannot be called ' +
			    'from a future or batch method');
		this.use('futurecalls');
		const copies = this.copy(args);
		this.addJob('future', 0, (tx) => {
			tx.canCallOut = canCallOut;
			cls[`later$${key}`](...copies);
		});
	}

	enqueue(job, minutes) {
		this.use('queueablejobs');
		if (minutes < 0 || minutes > 10)
			this.rt.raise('IllegalArgumentException',
			    'delay of 0 to 10');
		const copy = this.copy(job);
		return this.addJob('queueable', minutes, (tx) => {
			tx.canCallOut = this.rt.isClass(copy.constructor,
			    'database.allowscallouts');
			copy.execute$1(new Native('queueablecontext'));
		});
	}

	/*
	 * Runs jobs until none is left, the clock going along, or until one is
	 * due more than `minutes` ahead.  With `waits` the world outside has
	 * 1 / hurry of the time, too.  Returns how many.
	 */
	drain(minutes = Infinity) {
		const until = this.now() + minutes * 60000;
		const before = this.ran;

		for (;;) {
			this.jobs.sort((a, b) => a.due - b.due);
			if (this.jobs.length === 0 || this.jobs[0].due > until)
				return this.ran - before;
			const job = this.jobs.shift();
			const early = Math.max(0, job.due - this.now());
			if (this.waits)
				this.http.sleep(early / this.hurry);
			this.ahead += Math.max(0, job.due - this.now());
			this.runJob(job);
		}
	}

	runJob(job) {
		this.ran++;
		const { tx, error } = this.transaction(job.kind,
		    () => job.run(this.tx));
		if (error)
			this.failed.push(
			    `${job.kind}: ${error.$message}, ${error.at}`);
		if (!tx.finalizer)
			return;
		const last = this.transaction('finalizer', () =>
		    tx.finalizer.execute$1(new Native('finalizercontext')));
		if (last.error)
			this.failed.push(`finalizer: ${last.error.$message}`);
	}

	/* The platform's clock reaches the time of a scheduled job. */
	fireScheduled(name) {
		this.jobs.push({ kind: 'scheduled', due: this.now(), run: () =>
		    this.copy(this.scheduled.get(name))
		    .execute$1(new Native('schedulablecontext')) });
	}

	/* --- callouts --------------------------------------------------- */

	callout(request) {
		const { tx, rt } = this;
		const [, name, path] = request.endpoint
		    .match(/^callout:(\w+)(.*)$/) ??
		    rt.refuse(request.endpoint);
		const to = this.credentials[name];
		const refuse = (why) => rt.raise('CalloutException', why);

		this.use('callouts');
		if (tx.depth > 0)
			refuse('Callout from triggers are currently not ' +
			    'supported.');
		if (tx.isDirty)
			refuse('You have uncommitted work pending. Please ' +
			    'commit or ' +
			    'rollback before calling out');
		if (tx.kind !== 'user' && !tx.canCallOut)
			refuse(`Callout not allowed from this ${tx.kind} ` +
			    `method.`);
		if (!to)
			refuse(`The callout couldn't access the endpoint ` +
			    `${name}.`);
		if (request.timeout < 1 || request.timeout > 120000)
			refuse('Exceeded maximum time allotted for callout');
		const left = Math.min(request.timeout, 120000 - tx.waited);
		if (left <= 0)
			refuse('Exceeded maximum time allotted for callout');
		return this.exchange(request, to, path, left);
	}

	exchange(request, to, path, timeout) {
		const start = Date.now();
		const answer = this.http.send({ url: to.url + path,
		    method: request.method, body: request.body,
		    timeout: Math.ceil(timeout / this.hurry),
		    headers: { ...HEADERS, ...Object.fromEntries(
		    request.headers),
		    'Content-Length': Buffer.byteLength(request.body),
		    Authorization: 'Basic ' + Buffer.from(`${to.user}:` +
		    to.password).toString('base64') } });
		const ms = Date.now() - start;

		this.tx.waited += ms * this.hurry;
		this.ahead += ms * (this.hurry - 1);
		this.log.push({ at: new Date(this.now()).toISOString(),
		    job: this.tx.kind, n: this.ran, path,
		    bytes: Buffer.byteLength(request.body), body: request.body,
		    status: answer.status ?? answer.error });
		if (answer.error)
			this.rt.raise('CalloutException', answer.error);
		return new Native('httpresponse', answer);
	}

	/* --- what Apex sees of it --------------------------------------- */

	library(rt) {
		const how = () => this.trigger;
		const functions = {
			'Test.isRunningTest/0': () => false,
			'UserInfo.getOrganizationId/0': () => idOf('00D', 1),
			'System.enqueueJob/1': (job) => this.enqueue(job, 0),
			'System.enqueueJob/2': (job, minutes) =>
			    this.enqueue(job, minutes),
			'System.attachFinalizer/1': (
			    job) => { this.tx.finalizer = job; },
			'System.schedule/3': (name, cron, job) => {
				const id = idOf('08e', ++this.ids);
				this.scheduled.set(name, this.copy(job));
				this.schemas.get('crontrigger').rows.set(id,
				    { id, 'cronjobdetail.name': name });
				return id;
			},
			'System.abortJob/1': (id) => {
				this.schemas.get('crontrigger').rows.delete(id);
			},
		};
		const methods = {
			'Database.SaveResult.isSuccess/0': (r) => !r.error,
		};
		const constants = {
			'Trigger.new': () => how().news,
			'Trigger.oldMap': () => how().oldMap,
			'Trigger.isInsert': () => how().how === 'insert',
			'Trigger.isUpdate': () => how().how === 'update',
			'AccessLevel.SYSTEM_MODE': () => 'SYSTEM_MODE',
		};

		this.rt = rt;
		for (const op of ['insert', 'update', 'delete'])
			functions[`Database.${op}/3`] = (list, all) =>
			    this.dml(op, list, all, rt.here);
		for (const name of Object.keys(LIMITS)) {
			functions[`Limits.get${name}/0`] = () =>
			    this.tx.used[name] ?? 0;
			functions[`Limits.getLimit${name}/0`] = () =>
			    this.limit(name);
		}
		for (const { name } of this.schemas.values())
			functions[`${name}.getInstance/1`] = (key) =>
			    this.metadata.get(`${name}.${key}`.toLowerCase()) ??
			    null;
		return { functions, methods, constants };
	}

	close() {
		return this.http.close();
	}
}
