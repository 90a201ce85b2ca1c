/*
 * apex_org.mjs - an org for the Apex subset: records, limits, jobs, callouts
 *
 * Records are kept in memory, each transaction with what undoes it; fields
 * and their types are not known, so that every save with limits left succeeds.
 * The limits are those that matter to who sends events from triggers.  The
 * clock jumps to when a job is due, and runs `hurry` times as fast while a
 * callout waits: a timeout of 20 s takes 20 s / hurry.
 */
import { ApexException, Datetime, Native, Runtime, SObject }
    from './apex.mjs';

const CHUNK = 200;		/* records that a trigger sees at once */
/* In a user's transaction, in a job's, and what an overrun says. */
const LIMITS = {
	callouts: [100, 100, 'Too many callouts'],
	dmlstatements: [150, 150, 'Too many DML statements'],
	dmlrows: [10000, 10000, 'Too many DML rows'],
	futurecalls: [50, 50, 'Too many future calls'],
	queueablejobs: [50, 1, 'Too many queueable jobs added to the queue'],
};

export class Org {
	/* credentials: by name; records are numbered from `first` on. */
	constructor(credentials, first) {
		Object.assign(this, { credentials, last: first, hurry: 1,
		    ahead: 0, tables: new Map(), tx: null, jobs: [],
		    log: [], failed: [], limits: LIMITS });
		this.rt = new Runtime(this);
	}
	now() { return Math.trunc(Date.now() + this.ahead); }
	id(prefix, n) { return prefix + String(n).padStart(15, '0'); }

	/* { tx, error }: an Apex exception, and then nothing of it remains. */
	async transaction(kind, run) {
		const tx = { kind, used: {}, undo: [], jobs: [], isDirty: false,
		    waited: 0, trigger: null, finalizer: null };

		this.tx = tx;
		try {
			await this.rt.begin();
			await run(tx);
			this.jobs.push(...tx.jobs);
			return { tx, error: null };
		} catch (error) {
			if (!(error instanceof ApexException))
				throw error;
			tx.undo.reverse().forEach((undo) => undo());
			return { tx, error };
		}
	}
	limit(name) { return LIMITS[name][this.tx.kind === 'user' ? 0 : 1]; }
	use(name, n = 1) {
		const used = this.tx.used[name] = (this.tx.used[name] ?? 0) + n;

		if (used > this.limit(name))
			this.rt.raise('LimitException',
			    `${LIMITS[name][2]}: ${used}`);
	}

	/* An object's rows by id: in each, values by field. */
	table(type) {
		if (!this.tables.has(type))
			this.tables.set(type, new Map());
		return this.tables.get(type);
	}
	put(type, id, row) {
		const table = this.table(type);
		const set = (x) => x ? table.set(id, x) : table.delete(id);
		const old = table.get(id);

		this.tx.undo.push(() => set(old));
		set(row);
	}
	/* What a trigger throws ends the transaction. */
	async dml(op, records) {
		if (records.length === 0)
			return [];
		this.use('dmlstatements');
		this.use('dmlrows', records.length);
		this.tx.isDirty = true;
		for (let i = 0; i < records.length; i += CHUNK)
			await this.fire(op, records.slice(i, i + CHUNK)
			    .map((record) => this.store(op, record)));
		return records.map(() => new Native('database.saveresult'));
	}
	/* Writes a record; returns what was and what is. */
	store(op, { type, fields }) {
		const old = this.table(type).get(fields.id);
		const second = new Datetime(this.now() - this.now() % 1000);
		const row = { createddate: second, ...old, ...fields,
		    lastmodifieddate: second };

		if (Boolean(old) !== (op !== 'insert'))
			this.rt.refuse(`${op} that fails`);
		if (op === 'insert') {
			row.id = fields.id = this.id('a00', ++this.last);
			row.name = `N-${String(this.last).padStart(10, '0')}`;
		}
		this.put(type, row.id, op === 'delete' ? null : row);
		return [old, row].map((one) => Object.freeze(new SObject(type,
		    Object.freeze({ ...one }))));
	}
	async fire(op, saved) {
		const [[, { type }]] = saved;

		for (const { object, moments, run } of this.rt.triggers) {
			if (object !== type || !moments.includes(`after${op}`))
				continue;
			this.tx.trigger = { op,
			    news: saved.map(([, row]) => row),
			    oldMap: new Map(saved.map(([old, row]) =>
			    [row.fields.id, old])) };
			await run();
			this.tx.trigger = null;
		}
	}
	/* Rows are in the order of their names. */
	select(type, columns, where, limit) {
		return [...this.table(type).values()].filter(where)
		    .slice(0, limit).map((row) => new SObject(type,
		    Object.fromEntries(`id,${columns}`.split(',').map((name) =>
		    [name, row[name]])), true));
	}
	/* One condition of a WHERE; null is below nothing. */
	meets(field, op, value) {
		switch (op) {
		case '=': return this.rt.same(field ?? null, value);
		case '<': return (field ?? null) !== null && field < value;
		case '<=': return (field ?? null) !== null && field <= value;
		case 'in': return value.some((one) => this.rt.same(field, one));
		case 'like': return new RegExp(`^${value.replaceAll('%',
		    '.*')}$`, 'i').test(field);
		}
		return this.rt.refuse(`${op} in a query`);
	}

	/* A job is written down when it is asked for: it has copies. */
	copy(value) {
		if (!(value instanceof Object) || value instanceof Datetime)
			return value;
		if (value instanceof Map || value instanceof Native)
			this.rt.refuse('such a value in a job');
		const made = Array.isArray(value) ? [] :
		    Object.create(Object.getPrototypeOf(value));
		for (const key of Object.keys(value))
			made[key] = this.copy(value[key]);
		return made;
	}
	addJob(kind, minutes, canCallOut, run) {
		this.tx.isDirty = true;
		this.tx.jobs.push({ kind, due: this.now() + minutes * 60000,
		    run: (tx) => run(tx.canCallOut = canCallOut) });
	}
	future(run) {
		if (this.tx.kind === 'future')
			this.rt.refuse('a future call in a future call');
		this.use('futurecalls');
		this.addJob('future', 0, true, run);
	}
	enqueue(job, minutes) {
		const copy = this.copy(job);

		this.use('queueablejobs');
		if (minutes < 0 || minutes > 10)
			this.rt.refuse(`a delay of ${minutes} minutes`);
		this.addJob('queueable', minutes, job.constructor.interfaces
		    .includes('Database.AllowsCallouts'),
		    () => copy.execute$1(null));
	}
	schedule(name, job) {
		const id = this.id('08e', ++this.last);

		this.put('crontrigger', id, { id, job: this.copy(job),
		    cronjobdetail: { name } });
	}
	/* Runs jobs, as many as are due in `minutes`; returns how many. */
	async drain(minutes = Infinity) {
		const until = this.now() + minutes * 60000;

		for (let ran = 0; ; ran++) {
			this.jobs.sort((a, b) => a.due - b.due);
			if (!(this.jobs[0]?.due <= until))
				return ran;
			const { kind, due, run } = this.jobs.shift();
			this.ahead += Math.max(0, due - this.now());
			const { tx, error } = await this.transaction(kind, run);
			const last = tx.finalizer && await this.transaction(
			    'finalizer', () => tx.finalizer.execute$1(null));
			this.failed.push(...[error, last?.error]
			    .filter((one) => one).map(String));
		}
	}

	callout(request) {
		const [, name, path] = request.endpoint
		    .match(/^callout:(\w+)(.*)$/);
		const refuse = (why) => this.rt.raise('CalloutException', why);

		this.use('callouts');
		if (this.tx.isDirty)
			refuse('You have uncommitted work pending. Please ' +
			    'commit or rollback before calling out');
		if (this.tx.kind !== 'user' && !this.tx.canCallOut)
			refuse(`Callout not allowed from ${this.tx.kind}.`);
		return this.exchange(request, path, this.credentials[name],
		    Math.max(1, Math.min(request.timeout,
		    120000 - this.tx.waited)));
	}
	async exchange({ method, headers, body }, path, to, timeout) {
		const start = Date.now();
		const token = btoa(`${to.user}:${to.password}`);
		const line = { path, body, bytes: Buffer.byteLength(body) };

		try {
			const answer = await fetch(to.url + path, { method,
			    body, redirect: 'manual', headers: { ...headers,
			    Authorization: `Basic ${token}` }, signal:
			    AbortSignal.timeout(timeout / this.hurry) });
			line.status = answer.status;
			return new Native('httpresponse', {
			    status: answer.status, headers: answer.headers,
			    body: await answer.text() });
		} catch (error) {
			line.status = error.name === 'TimeoutError' ?
			    'Read timed out' : error.cause?.message;
			return this.rt.raise('CalloutException', line.status);
		} finally {
			this.log.push(line);
			this.tx.waited += (Date.now() - start) * this.hurry;
			this.ahead += (Date.now() - start) * (this.hurry - 1);
		}
	}
}
