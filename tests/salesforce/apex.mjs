/*
 * apex.mjs - what translated Apex runs on: types, members, operators
 *
 * Apex's compiler knows types; here a value is looked at where it is stored,
 * handed over or returned, so what would not compile is seen when it happens.
 */
import { readFileSync } from 'node:fs';
import { declare, lower, parse } from './apex_declare.mjs';
import { Translator } from './apex_translate.mjs';
import { ApexMap, ApexObject, ApexSet, Datetime, Dec, EnumValue, Native,
    NotInSubset, SObject, library, same, show, typeName }
    from './apex_library.mjs';

/* Types that are only named: interfaces, and values without constructors. */
const NAMED = ['object', 'string', 'id', 'boolean', 'integer', 'long',
    'decimal', 'double', 'blob', 'datetime', 'list', 'set', 'map', 'sobject',
    'queueable', 'schedulable', 'finalizer', 'queueablecontext',
    'finalizercontext', 'schedulablecontext', 'database.allowscallouts'];
const EXCEPTIONS = ['Exception', 'AsyncException', 'CalloutException',
    'DmlException', 'FinalException', 'IllegalArgumentException',
    'JSONException', 'LimitException', 'ListException', 'MathException',
    'NullPointerException', 'QueryException', 'SObjectException',
    'StringException', 'TypeException'];

class Exception extends ApexObject {
	$message = 'Script-thrown exception';
	at = null;

	new$1(message) { this.$message = message; }
}

const lowerKeys = (table) => Object.fromEntries(Object.entries(table)
    .map(([key, entry]) => [lower(key), entry]));

export class Runtime {
	constructor(org) {
		const tables = [library(Object.assign(this,
		    { org, Dec, ApexObject })),
		    org.library(this)];

		this.classes = new Map();
		this.triggers = [];
		this.C = {};
		this.types = [];
		this.byKey = new Map();
		for (const part of ['functions', 'methods', 'constants'])
			this[part] = Object.assign({}, ...tables.map((table) =>
			    lowerKeys(table[part] ?? {})));
		this.known = new Set([...NAMED, ...['functions', 'methods',
		    'constants'].flatMap((part) => Object.keys(this[part])
		    .map((key) => key.replace(/\.\w+(\/\d+)?$/, '')))]);
		this.exceptions = {};
		for (const name of EXCEPTIONS) {
			const cls = name === 'Exception' ? Exception :
			    class extends Exception {};
			cls.info = { name: `System.${name}`, key: lower(name),
			    fields: new Map(), interfaces: [] };
			this.exceptions[lower(name)] = cls;
		}
	}

	/* --- programs --------------------------------------------------- */

	/* All their declarations, then all their texts. */
	load(files) {
		const added = [];

		for (const path of files) {
			const file = path.split('/').pop();
			const ctx = parse(file, readFileSync(path, 'utf8'));
			if (file.endsWith('.trigger')) {
				this.triggers.push({ file, ctx });
				continue;
			}
			const before = new Set(this.classes.keys());
			declare(this.classes, ctx.classDeclaration() ??
			    ctx.enumDeclaration() ?? ctx.interfaceDeclaration(),
			    null, file);
			added.push(...[...this.classes.values()]
			    .filter((cls) => !before.has(cls.key)));
		}
		for (const cls of added)
			this.define(cls);
		for (const trigger of this.triggers)
			this.defineTrigger(trigger);
	}

	/* A parent goes before its children. */
	define(cls) {
		if (this.C[cls.key])
			return;
		const translator = new Translator(this, cls, cls.file);
		const parent = cls.ctx.typeRef?.();
		const parentType = parent && translator.typeOf(parent);
		if (this.classes.has(parentType?.name))
			this.define(this.classes.get(parentType.name));
		cls.interfaces = (cls.ctx.typeList?.()?.typeRef_list() ?? [])
		    .map((one) => translator.typeOf(one).name);
		const made = cls.constants || cls.isInterface ?
		    class extends ApexObject {} : this.evaluate(
		    translator.classBody(), cls.name);
		if (cls.constants)
			made.constants = new Map(cls.constants.map((name, i) =>
			    [lower(name), new EnumValue(cls.key, name, i)]));
		made.info = cls;
		this.C[cls.key] = made;
		this.checkInterfaces(cls, made);
	}

	checkInterfaces(cls, made) {
		const needed = { queueable: ['execute$1'],
		    schedulable: ['execute$1'], finalizer: ['execute$1'] };

		for (const name of cls.interfaces) {
			const methods = needed[name] ??
			    [...this.classes.get(name)?.methods.keys() ?? []];
			for (const key of methods) {
				if (!made.prototype[key])
					throw new NotInSubset(
					    `${cls.name} without ` +
					    `${name}'s ${key}`, cls.file);
			}
		}
	}

	defineTrigger(trigger) {
		if (trigger.run)
			return;
		const { ctx, file } = trigger;
		const translator = new Translator(this, null, file);
		const statements = ctx.triggerBlock().triggerBlockMember_list()
		    .map((member) => member.statement() ??
		    translator.refuse(member));

		translator.scopes = [new Map()];
		trigger.object = lower(ctx.id_list()[1].getText());
		trigger.moments = ctx.triggerCase_list()
		    .map((one) => lower(one.getText()));
		trigger.name = ctx.id_list()[0].getText();
		trigger.run = this.evaluate(`function () { ${statements
		    .map((s) => translator.tr(s)).join('\n')} }`, trigger.name);
	}

	evaluate(source, name) {
		return new Function('rt', 'C',
		    `'use strict'; return (${source});\n` +
		    `//# sourceURL=apex/${name}`)(this, this.C);
	}

	/* --- types ------------------------------------------------------ */

	/* One object per type; undefined when there is no such type. */
	type(name, args) {
		const schema = this.org.schemas.get(name);
		const key = name + (args.length ?
		    `<${args.map((arg) => arg.key)}>` : '');

		if (!this.classes.has(name) && !schema &&
		    !this.known.has(name) &&
		    !this.exceptions[name])
			return undefined;
		if (!this.byKey.has(key)) {
			const type = { name, args, key, schema,
			    index: this.types.length };
			this.types.push(type);
			this.byKey.set(key, type);
		}
		return this.byKey.get(key);
	}

	isInstance(value, type) {
		switch (type.name) {
		case 'object':
			return value !== null;
		case 'id':
			return typeof value === 'string' &&
			    /^[a-z0-9]{15}([a-z0-9]{3})?$/i.test(value);
		case 'double':
			return value instanceof Dec;
		case 'sobject':
			return value instanceof SObject;
		}
		if (type.schema)
			return value instanceof SObject &&
			    value.schema === type.schema;
		if (value instanceof EnumValue)
			return value.type === type.name;
		return value instanceof ApexObject ?
		    this.isClass(value.constructor, type.name) :
		    typeName(value) === type.name;
	}

	isClass(cls, name) {
		for (; cls?.info; cls = Object.getPrototypeOf(cls)) {
			if (cls.info.key === name ||
			    cls.info.interfaces.includes(name))
				return true;
		}
		return false;
	}

	/* The value as one of `type`, as an assignment makes it. */
	fit(value, type, at) {
		if (value === null || value === undefined)
			return null;
		if (type.name === 'long' && typeof value === 'number')
			return BigInt(value);
		if ((type.name === 'decimal' || type.name === 'double') &&
		    /^(number|bigint)$/.test(typeof value))
			return new Dec(value);
		if (type.schema && value.isQuery) {
			if (value.length !== 1)
				this.raise('QueryException', value.length ?
				    'List has more than 1 row for assignment ' +
				    'to SObject' :
				    'List has no rows for assignment to ' +
				    'SObject', at);
			return value[0];
		}
		if (type.name === 'id' && typeof value === 'string' &&
		    !this.isInstance(value, type))
			this.raise('StringException', `Invalid id: ${value}`,
			    at);
		if (!this.isInstance(value, type))
			throw new NotInSubset(`${typeName(value)} where ` +
			    `${type.key} is declared`, at);
		return value;
	}

	cast(value, type, at) {
		if (value !== null && !this.isInstance(value, type))
			this.raise('TypeException',
			    'Invalid conversion from runtime ' +
			    `type ${typeName(value)} to ${type.name}`, at);
		return value;
	}

	/* --- exceptions ------------------------------------------------- */

	raise(name, message, at = this.here) {
		const exception = new this.exceptions[lower(name)]();

		exception.new$1(message);
		throw this.thrown(exception, at);
	}

	refuse(what) {
		throw new NotInSubset(what, this.here);
	}

	thrown(value, at) {
		if (value === null)
			this.raise('NullPointerException', 'throw of null', at);
		value.at ??= at;
		return value;
	}

	/* What is no exception of Apex's ends the whole run. */
	caught(error) {
		if (error instanceof Exception &&
		    error.constructor.info.key !== 'limitexception')
			return error;
		throw error;
	}

	catches(error, type) {
		return this.isClass(error.constructor, type.name);
	}

	present(value, at) {
		return value ?? this.raise('NullPointerException',
		    'Attempt to de-reference a null object', at);
	}

	/* --- members ---------------------------------------------------- */

	/* One set of static values for each transaction. */
	statics(cls) {
		const { statics } = this.org.tx;

		if (!statics.has(cls)) {
			const values = { __proto__: null };
			for (const [key, field] of cls.info.fields)
				if (field.isStatic && !field.get)
					values[`$${key}`] = null;
			statics.set(cls, values);
			cls.makeStatics(values);
		}
		return statics.get(cls);
	}

	make(type, args, at) {
		const cls = this.C[type.name] ?? this.exceptions[type.name];
		const key = `new$${args.length}`;

		if (!cls)
			return this.fn(`${type.name}.new/${args.length}`, args,
			    at);
		const made = new cls();
		if (!made[key])
			throw new NotInSubset(`new ${type.name}, given ` +
			    `${args.length}`, at);
		made[key](...args);
		return made;
	}

	record(type, pairs, at) {
		const record = new SObject(type.schema);

		for (const [name, value] of pairs)
			this.set(record, name, value, at);
		return record;
	}

	collect(type, items) {
		return type.name === 'set' ? ApexSet.of(items) : items;
	}

	mapOf(pairs) {
		return ApexMap.of(pairs);
	}

	fn(key, args, at) {
		this.here = at;
		const known = this.functions[key];
		if (!known)
			throw new NotInSubset(key, at);
		return known(...args) ?? null;
	}

	call(self, name, args, at) {
		const own = `${name}$${args.length}`;

		this.present(self, at);
		if (self instanceof ApexObject && self[own])
			return self[own](...args) ?? null;
		this.here = at;
		const type = self instanceof Exception ? 'exception' :
		    typeName(self);
		const key = `${lower(type)}.${name}/${args.length}`;
		if (!this.methods[key])
			throw new NotInSubset(key, at);
		return this.methods[key](self, ...args) ?? null;
	}

	safe(self, use) {
		return self === null ? null : use(self);
	}

	fieldOf(self, name, at) {
		this.present(self, at);
		if (self instanceof SObject)
			return self.schema.fields.get(name) ??
			    this.noMember(self,
			    name, at);
		for (let cls = self.constructor; cls?.info;
		    cls = Object.getPrototypeOf(cls)) {
			const field = cls.info.fields.get(name);
			if (field && self instanceof ApexObject)
				return field;
		}
		return this.noMember(self, name, at);
	}

	noMember(self, name, at) {
		throw new NotInSubset(`${typeName(self)}.${name}`, at);
	}

	get(self, name, at) {
		this.fieldOf(self, name, at);
		if (!(self instanceof SObject))
			return self[`$${name}`];
		if (self.chosen && !self.chosen.has(name) &&
		    !(name in self.fields))
			this.raise('SObjectException',
			    'SObject row was retrieved via ' +
			    `SOQL without querying the requested field: ` +
			    `${name}`, at);
		return self.fields[name] ?? null;
	}

	set(self, name, value, at) {
		const field = this.fieldOf(self, name, at);

		if (!(self instanceof SObject)) {
			const { cls, type } = field;
			return self[`$${name}`] =
			    this.fit(value, new Translator(this,
			    cls, cls.file).typeOf(type), at);
		}
		if (self.isReadOnly)
			this.raise('FinalException', 'Record is read-only', at);
		return self.fields[name] = this.fit(value,
		    this.type(field.type, []),
		    at);
	}

	at(list, i, at) {
		return this.call(list, 'get', [i], at);
	}

	put(list, i, value, at) {
		this.call(list, 'set', [i, value], at);
		return value;
	}

	each(value, at) {
		return [...this.present(value, at).items?.() ?? value];
	}

	/* --- operators -------------------------------------------------- */

	test(value, at) {
		if (typeof this.present(value, at) !== 'boolean')
			throw new NotInSubset('a condition that is no Boolean',
			    at);
		return value;
	}

	when(value, list) {
		return list.some((one) => value instanceof EnumValue ?
		    lower(value.name) === one : value === one);
	}

	binary(op, left, right, at) {
		if (/^[=!]==?$|^<>$/.test(op)) {
			const isSame = op.length === 3 ?
			    Object.is(left, right) :
			    same(left, right);
			return isSame === (op[0] === '=');
		}
		if (op === '+' && (typeof left === 'string' ||
		    typeof right === 'string'))
			return show(left) + show(right);
		const [a, b] = [left, right].map((side) =>
		    this.plain(side, at));
		switch (op) {
		case '<':
			return a < b;
		case '>':
			return a > b;
		case '<=':
			return a <= b;
		case '>=':
			return a >= b;
		}
		for (const side of [left, right])
			if (typeof side === 'string' ||
			    side instanceof Datetime)
				throw new NotInSubset(`${typeName(side)} ${op}`,
				    at);
		return this.compute(op, left, right, a, b, at);
	}

	plain(value, at) {
		if (value instanceof Dec)
			return value.n;
		if (value instanceof Datetime)
			return value.ms;
		if (!/^(number|bigint|string)$/.test(typeof this.present(value,
		    at)))
			throw new NotInSubset(
			    `${typeName(value)} in an operator`, at);
		return value;
	}

	compute(op, left, right, a, b, at) {
		const sum = { '+': (x, y) => x + y, '-': (x, y) => x - y,
		    '*': (x, y) => x * y, '/': (x, y) => x / y }[op];

		if (!sum)
			throw new NotInSubset(`the operator ${op}`, at);
		if (op === '/' && Number(b) === 0)
			this.raise('MathException', 'Divide by 0', at);
		if (left instanceof Dec || right instanceof Dec)
			return new Dec(sum(Number(a), Number(b)));
		if (typeof a === 'bigint' || typeof b === 'bigint')
			return BigInt.asIntN(64, sum(BigInt(a), BigInt(b)));
		return op === '*' ? Math.imul(a, b) : sum(a, b) | 0;
	}
}

export { Native, SObject, Exception, show };
