/*
 * apex_translate.mjs - a subset of Apex, as we read it, into JavaScript
 *
 * A class becomes a JavaScript class, a method `name/2` its method `name$2`, a
 * variable or field `x` is `$x`; names are in lower case, since Apex does not
 * tell cases apart.  Knows the language only: values and their methods are
 * apex_library.mjs's, records, limits and jobs apex_org.mjs's.  Both come in
 * as `rt`.  What is not in the subset is a NotInSubset with file and line, and
 * nearly all of it is found here, when a file is loaded as a whole.
 */
import { kind, lookup, lower, parentOf, text } from './apex_declare.mjs';
import { NotInSubset, unquote } from './apex_library.mjs';

const quote = (value) => JSON.stringify(value);
const tokens = (ctx) => ctx.children.filter((child) => child.symbol)
    .map((token) => lower(text(token)));
const listOf = (list) => list?.expression_list() ?? [];

/* The text of one class's or trigger's bodies. */
export class Translator {
	constructor(rt, cls, file) {
		Object.assign(this, { rt, cls, file, scopes: [],
		    isStatic: false });
	}

	at(ctx) {
		return `${this.file}:${ctx.start.line}`;
	}

	here(ctx) {
		return quote(this.at(ctx));
	}

	refuse(ctx, what = `${kind(ctx)} ${text(ctx).slice(0, 60)}`) {
		throw new NotInSubset(what, this.at(ctx));
	}

	/* --- names ------------------------------------------------------ */

	typeOf(ctx) {
		const names = ctx.typeName_list();
		const args = names.at(-1).typeArguments()?.typeList()
		    .typeRef_list() ?? [];
		const name = names.map((n) => text(n.getChild(0))).join('.');
		const type = this.named(name,
		    args.map((a) => this.typeOf(a))) ??
		    this.refuse(ctx, `the type ${text(ctx)}`);

		return text(ctx.arraySubscripts()) ?
		    this.rt.type('list', [type]) : type;
	}

	named(name, args = []) {
		const cls = lookup(this.rt.classes, lower(name), this.cls);

		return cls ? this.rt.type(cls.key, []) :
		    this.rt.type(lower(name).replace(/^(system|schema)\./, ''),
		    args);
	}

	fit(value, type, ctx) {
		return `rt.fit(${value}, rt.types[${type.index}], ` +
		    `${this.here(ctx)})`;
	}

	local(name) {
		return this.scopes.findLast((s) => s.has(name))?.get(name);
	}

	/* A field or method as seen from inside: own, inherited, or outside. */
	member(which, key) {
		for (let cls = this.cls; cls; cls = cls.outer) {
			const found = this.inherited(cls, which, key);
			if (found)
				return found;
		}
	}

	inherited(cls, which, key) {
		for (; cls; cls = parentOf(this.rt.classes, cls)) {
			if (cls[which].has(key))
				return cls[which].get(key);
		}
	}

	classText(cls) {
		return `C[${quote(cls.key)}]`;
	}

	/* Private members are for the same outermost class only. */
	use(member, ctx) {
		const outermost = (cls) => cls.outer ? outermost(cls.outer) :
		    cls;
		const open = ['public', 'global', 'protected', 'webservice'];

		if (!open.some((word) => member.modifiers.has(word)) &&
		    !(this.cls && outermost(this.cls) === outermost(
		    member.cls)))
			this.refuse(ctx,
			    `use of what is private: ${text(ctx)}`);
		return member;
	}

	/* The type that an expression names, if it is no value. */
	asType(ctx) {
		const name = text(ctx);
		const first = lower(name.split('.')[0]);

		if (!/^\w+(\.\w+)*$/.test(name) ||
		    /^(this|super|\d.*)$/.test(first) ||
		    this.local(first) || this.cls &&
		    this.member('fields', first))
			return null;
		return this.named(name);
	}

	/* { type, get } of what may be assigned to; get is JavaScript. */
	place(ctx) {
		if (kind(ctx) === 'PrimaryExpression')
			return this.place(ctx.primary());
		if (kind(ctx) !== 'IdPrimary')
			return kind(ctx) === 'DotExpression' && ctx.anyId() ?
			    this.dotPlace(ctx) : { get: null };
		const name = lower(text(ctx));
		const local = this.local(name);
		if (local)
			return { get: `$${name}`, type: local };
		const field = this.cls && this.member('fields', name);
		if (!field)
			this.refuse(ctx, `the name ${text(ctx)}`);
		return this.fieldPlace(field, 'this');
	}

	fieldPlace(field, self) {
		const of = field.isStatic ?
		    `rt.statics(${this.classText(field.cls)})` : self;

		return { get: `${of}.$${lower(field.name)}`,
		    type: new Translator(this.rt, field.cls, field.cls.file)
		    .typeOf(field.type) };
	}

	dotPlace(ctx) {
		const name = lower(text(ctx.anyId()));
		const type = this.asType(ctx.expression());
		const cls = type && this.rt.classes.get(type.name);

		if (!type && lower(text(ctx.expression())) === 'this')
			return this.fieldPlace(this.inherited(this.cls,
			    'fields',
			    name) ?? this.refuse(ctx), 'this');
		if (!type)
			return { get: null };
		const field = cls && this.inherited(cls, 'fields', name);
		if (field?.isStatic)
			return this.fieldPlace(this.use(field, ctx));
		if (cls?.constants?.some((c) => lower(c) === name))
			return { get: `${this.classText(cls)}.constants.get(` +
			    `${quote(name)})` };
		const key = `${type.name}.${name}`;
		return { get: this.rt.constants[key] ?
		    `rt.constants[${quote(key)}]()` : this.refuse(ctx) };
	}

	/* --- declarations ----------------------------------------------- */

	parameters(list, ctx) {
		return list.map((p) => {
			const name = lower(text(p.id()));
			const type = this.typeOf(p.typeRef());
			this.scopes.at(-1).set(name, type);
			return { name: `$${name}`, check: `$${name} = ` +
			    `${this.fit(`$${name}`, type, ctx)};` };
		});
	}

	body(list, returns, block, ctx) {
		this.returns = returns;
		this.scopes = [new Map()];
		const given = this.parameters(list, ctx);
		const rest = block ? this.tr(block) : '{}';
		this.scopes = [];
		return { names: given.map((p) => p.name).join(', '),
		    code: `{ ${given.map((p) => p.check).join(' ')} ${rest} ` +
		    `}` };
	}

	method(method) {
		const { ctx, parameters, key } = method;
		const isNew = key.startsWith('new$');
		const returns = ctx.typeRef?.() && this.typeOf(ctx.typeRef());
		const block = ctx.block?.();
		const { names, code } = this.body(parameters, returns, block,
		    ctx);
		const first = block?.statement_list()[0];
		const chained = isNew && first &&
		    /^(this|super)\(/i.test(text(first));

		if (!block)
			return '';
		if (method.future)
			return `static ${key}(${names}) { rt.org.future(this` +
			    `, ` +
			    `${quote(key)}, [${names}], ${/callout=true/
			    .test(method.future)}); } static later$${key}` +
			    `(${names}) ${code}`;
		return `${method.isStatic ? 'static ' : ''}${key}(${names}) ` +
		    (isNew && !chained ? `{ super.new$0(); ${code} }` : code);
	}

	field(field) {
		const name = `$${lower(field.name)}`;
		const type = this.typeOf(field.type);
		const { get, set } = field;

		if (!get && !set)
			return { name, value: field.init ? this.fit(
			    this.tr(field.init), type, field.init) : 'null' };
		const setter = () => {
			this.scopes = [new Map([['value', type]])];
			return this.tr(set);
		};
		return { accessors: [`get ${name}() ` + (get ?
		    this.body([], type, get, field.type).code : '{}'),
		    `set ${name}($value) ${set ? setter() : '{}'}`] };
	}

	/* `C[key] = ...`, one expression. */
	classBody() {
		const { cls } = this;
		const parent = parentOf(this.rt.classes, cls);
		const base = cls.ctx.typeRef?.() ? parent ?
		    this.classText(parent) :
		    `rt.exceptions[${quote(lower(text(cls.ctx.typeRef()))
		    .replace(/^system\./, ''))}]` : 'rt.ApexObject';
		const fields = [...cls.fields.values()].map((f) =>
		    ({ isStatic: f.isStatic, ...this.field(f) }));
		const own = fields.filter((f) => !f.isStatic);
		const methods = [...cls.methods.values()].map((m) =>
		    this.method(m));

		return `class extends ${base} {\n` +
		    own.map((f) => f.accessors?.join('\n') ??
		    `${f.name} = ${f.value};`).join('\n') +
		    `\n${methods.join('\n')}\n` +
		    'static makeStatics(s) {\n' +
		    fields.filter((f) => f.isStatic).map((f) => f.accessors ?
		    `Object.defineProperties(s, Object` +
		    `.getOwnPropertyDescriptors({` +
		    `${f.accessors}}));` : `s.${f.name} = ${f.value};`).join(
		    '\n') +
		    '\n} }';
	}

	/* --- statements ------------------------------------------------- */

	tr(ctx) {
		const rule = this[kind(ctx)];

		return rule ? rule.call(this, ctx) : this.refuse(ctx);
	}

	scoped(make) {
		this.scopes.push(new Map());
		const made = make();
		this.scopes.pop();
		return made;
	}

	/* A condition: null in it is an exception in Apex. */
	test(ctx) {
		return `rt.test(${this.tr(ctx)}, ${this.here(ctx)})`;
	}

	Statement(ctx) { return this.tr(ctx.getChild(0)); }
	Block(ctx) {
		return this.scoped(() => `{\n${ctx.statement_list()
		    .map((s) => this.tr(s)).join('\n')}\n}`);
	}
	inner(ctx) {
		return this.scoped(() => ctx ? `{ ${this.tr(ctx)} }` : ';');
	}
	IfStatement(ctx) {
		const [yes, no] = ctx.statement_list().map((s) =>
		    this.inner(s));

		return `if (${this.test(ctx.parExpression().expression())}) ` +
		    `${yes}` +
		    (no ? ` else ${no}` : '');
	}
	WhileStatement(ctx) {
		return `while (${this.test(ctx.parExpression().expression())}` +
		    `) ` +
		    this.inner(ctx.statement());
	}
	DoWhileStatement(ctx) {
		return `do ${this.tr(ctx.block())} while (` +
		    `${this.test(ctx.parExpression().expression())});`;
	}
	ForStatement(ctx) {
		const control = ctx.forControl();
		const each = control.enhancedForControl();

		return this.scoped(() => each ?
		    this.each(each, ctx.statement()) :
		    `for (${this.forInit(control.forInit())}; ` +
		    (control.expression() ?
		    this.test(control.expression()) : '') +
		    `; ${this.all(control.forUpdate()?.expressionList())}) ` +
		    this.inner(ctx.statement()));
	}
	each(ctx, body) {
		const name = lower(text(ctx.id()));
		const type = this.typeOf(ctx.typeRef());
		const over = this.tr(ctx.expression());

		this.scopes.at(-1).set(name, type);
		return `for (let $${name} of rt.each(${over}, ` +
		    `${this.here(ctx)})) { ` +
		    `$${name} = ${this.fit(`$${name}`, type, ctx)}; ` +
		    `${this.inner(body)} }`;
	}
	forInit(ctx) {
		return ctx?.localVariableDeclaration() ?
		    this.LocalVariableDeclaration(
		    ctx.localVariableDeclaration()) :
		    this.all(ctx?.expressionList());
	}
	LocalVariableDeclarationStatement(ctx) {
		return this.tr(ctx.localVariableDeclaration()) + ';';
	}
	LocalVariableDeclaration(ctx) {
		const type = this.typeOf(ctx.typeRef());

		return 'let ' +
		    ctx.variableDeclarators().variableDeclarator_list()
		    .map((one) => {
			const value = one.expression() ? this.fit(
			    this.tr(one.expression()), type, one) : 'null';
			const name = lower(text(one.id()));
			if (this.local(name))
				this.refuse(one, `a second variable ${name}`);
			this.scopes.at(-1).set(name, type);
			return `$${name} = ${value}`;
		}).join(', ');
	}
	SwitchStatement(ctx) {
		const arms = ctx.whenControl_list().map((when) => {
			const value = when.whenValue();
			if (value.typeRef())
				this.refuse(value, 'when TYPE name');
			const list = value.whenLiteral_list().map((one) =>
			    one.qualifiedName() ?
			    quote(lower(text(one)).split('.')
			    .pop()) : this.literalText(one));
			const test = list.length ? `rt.when(s, [${list}])` :
			    'true';
			return `if (${test}) ${this.tr(when.block())}`;
		});

		return `{ const s = ${this.tr(ctx.expression())};\n` +
		    `${arms.join(' else ')} }`;
	}
	TryStatement(ctx) {
		const last = ctx.finallyBlock();
		const clauses = ctx.catchClause_list().map((c) =>
		    this.scoped(() => {
			const name = lower(text(c.id()));
			const type = this.named(text(c.qualifiedName())) ??
			    this.refuse(c);
			this.scopes.at(-1).set(name, type);
			return `if (rt.catches(error, rt.types[${type.index}]` +
			    `)) ` +
			    `{ let $${name} = error; ${this.tr(c.block())} }`;
		}));

		return `try ${this.tr(ctx.block())}` +
		    (clauses.length === 0 ? '' :
		    ' catch (e) { const error = rt.caught(e); ' +
		    `${clauses.join(' else ')} else throw error; }`) +
		    (last ? ` finally ${this.tr(last.block())}` : '');
	}
	ReturnStatement(ctx) {
		if (!ctx.expression())
			return 'return;';
		return `return ${this.fit(this.tr(ctx.expression()),
		    this.returns ?? this.refuse(ctx), ctx)};`;
	}
	ThrowStatement(ctx) {
		return `throw rt.thrown(${this.tr(ctx.expression())}, ` +
		    `${this.here(ctx)});`;
	}
	BreakStatement() { return 'break;'; }
	ContinueStatement() { return 'continue;'; }
	ExpressionStatement(ctx) { return this.tr(ctx.expression()) + ';'; }
	dml(ctx, op) {
		return `rt.org.dml(${quote(op)}, ${this.tr(ctx.expression())}` +
		    `, true, ` +
		    `${this.here(ctx)});`;
	}
	InsertStatement(ctx) { return this.dml(ctx, 'insert'); }
	UpdateStatement(ctx) { return this.dml(ctx, 'update'); }
	DeleteStatement(ctx) { return this.dml(ctx, 'delete'); }

	/* --- expressions ------------------------------------------------ */

	all(list) { return listOf(list).map((e) => this.tr(e)).join(', '); }
	parts(ctx) {
		return ctx.expression_list().map((e) => this.tr(e));
	}
	PrimaryExpression(ctx) { return this.tr(ctx.primary()); }
	SubExpression(ctx) { return `(${this.tr(ctx.expression())})`; }
	ThisPrimary() { return 'this'; }
	LiteralPrimary(ctx) { return this.literalText(ctx.literal()); }
	literalText(ctx) {
		const word = text(ctx);

		if (ctx.StringLiteral())
			return quote(unquote(word));
		if (ctx.LongLiteral?.())
			return `${word.slice(0, -1)}n`;
		if (ctx.NumberLiteral?.())
			return `new rt.Dec(${word.replace(/d$/i, '')})`;
		return ctx.IntegerLiteral() ||
		    /^(true|false|null)$/i.test(word) ?
		    lower(word) : this.refuse(ctx);
	}
	IdPrimary(ctx) { return this.place(ctx).get; }
	DotExpression(ctx) {
		const call = ctx.dotMethodCall();
		const known = call ? null : this.dotPlace(ctx).get;

		if (known)
			return known;
		if (/\?\./.test(text(ctx.expression())))
			this.refuse(ctx, 'more after ?.');
		const name = lower(text((call ?? ctx).anyId()));
		const args = listOf(call?.expressionList()).map((e) =>
		    this.tr(e));
		const base = lower(text(ctx.expression()));
		const type = call && base !== 'super' &&
		    this.asType(ctx.expression());
		if (type)
			return this.staticCall(type, name, args, ctx);
		if (base === 'super')
			return `super.${name}$${args.length}(${args})`;
		const rest = (self) => call ?
		    `rt.call(${self}, ${quote(name)}, ` +
		    `[${args}], ${this.here(ctx)})` :
		    `rt.get(${self}, ${quote(name)}, ${this.here(ctx)})`;
		const self = this.tr(ctx.expression());
		return ctx.QUESTIONDOT() ?
		    `rt.safe(${self}, (self) => ${rest('self')})` : rest(self);
	}
	staticCall(type, name, args, ctx) {
		const cls = this.rt.classes.get(type.name);
		const method = cls &&
		    this.inherited(cls, 'methods', `${name}$${args.length}`);
		const key = `${type.name}.${name}/${args.length}`;

		if (method?.isStatic)
			return `${this.classText(this.use(method, ctx).cls)}` +
			    `.${method.key}(${args})`;
		if (cls?.constants && name === 'values')
			return `[...${this.classText(cls)}.constants.values()]`;
		if (!this.rt.functions[key])
			this.refuse(ctx, key);
		return `rt.fn(${quote(key)}, [${args}], ${this.here(ctx)})`;
	}
	MethodCallExpression(ctx) {
		const call = ctx.methodCall();
		const args = listOf(call.expressionList()).map((e) =>
		    this.tr(e));

		if (call.SUPER() || call.THIS())
			return `${call.SUPER() ? 'super' : 'this'}` +
			    `.new$${args.length}` +
			    `(${args})`;
		const method = this.cls && this.member('methods',
		    `${lower(text(call.id()))}$${args.length}`);
		if (!method)
			this.refuse(ctx, `the method ${text(call.id())}`);
		const self = method.isStatic ? this.classText(method.cls) : 'this';
		return `${self}.${method.key}(${args})`;
	}
	ArrayExpression(ctx) {
		return `rt.at(${this.parts(ctx)}` +
		    `, ` +
		    `${this.here(ctx)})`;
	}
	NewExpression(ctx) {
		const rest = ctx.creator().getChild(1);
		const parts =
		    ctx.creator().createdName().idCreatedNamePair_list();
		const args = parts.at(-1).typeList()?.typeRef_list() ?? [];
		const type = this.named(parts.map((p) =>
		    text(p.anyId())).join('.'),
		    args.map((a) => this.typeOf(a))) ?? this.refuse(ctx);
		const of = `rt.types[${type.index}]`;
		const item = (e) => this.fit(this.tr(e), type.args[0] ?? type,
		    e);

		switch (kind(rest)) {
		case 'ArrayCreatorRest':
			return `[${(rest.arrayInitializer() ??
			    this.refuse(ctx)).expression_list().map(item)}]`;
		case 'SetCreatorRest':
			return `rt.collect(${of}, ` +
			    `[${rest.expression_list().map(item)}])`;
		case 'MapCreatorRest':
			return `rt.mapOf([${rest.mapCreatorRestPair_list().map((p) =>
			    `[${this.parts(p)}]`)}])`;
		}
		const given = listOf(rest.arguments().expressionList());
		return type.schema ? `rt.record(${of}, [${given.map((e) =>
		    this.fieldValue(e))}], ${this.here(ctx)})` :
		    `rt.make(${of}, [${given.map((e) => this.tr(e))}], ` +
		    `${this.here(ctx)})`;
	}
	fieldValue(ctx) {
		if (kind(ctx) !== 'AssignExpression')
			this.refuse(ctx);
		const [name, value] = ctx.expression_list();
		return `[${quote(lower(text(name)))}, ${this.tr(value)}]`;
	}
	CastExpression(ctx) {
		return `rt.cast(${this.tr(ctx.expression())}, ` +
		    `rt.types[${this.typeOf(ctx.typeRef()).index}], ` +
		    `${this.here(ctx)})`;
	}
	InstanceOfExpression(ctx) {
		return `rt.isInstance(${this.tr(ctx.expression())}, ` +
		    `rt.types[${this.typeOf(ctx.typeRef()).index}])`;
	}
	NegExpression(ctx) {
		return tokens(ctx)[0] === '!' ?
		    `!${this.test(ctx.expression())}` :
		    this.refuse(ctx);
	}
	binary(ctx) {
		const [left, right] = ctx.expression_list().map((e) =>
		    this.tr(e));

		return `rt.binary(${quote(tokens(ctx).join(''))}, ${left}, ` +
		    `${right}, ` +
		    `${this.here(ctx)})`;
	}
	Arth1Expression(ctx) { return this.binary(ctx); }
	Arth2Expression(ctx) { return this.binary(ctx); }
	CmpExpression(ctx) { return this.binary(ctx); }
	EqualityExpression(ctx) { return this.binary(ctx); }
	LogAndExpression(ctx) { return this.logic(ctx, '&&'); }
	LogOrExpression(ctx) { return this.logic(ctx, '||'); }
	logic(ctx, op) {
		const tests = ctx.expression_list().map((e) => this.test(e));

		return `(${tests.join(op)})`;
	}
	CoalExpression(ctx) {
		return `(${this.parts(ctx).join('??')})`;
	}
	CondExpression(ctx) {
		const [test, yes, no] = ctx.expression_list();

		return `(${this.test(test)} ? ${this.tr(yes)} : ` +
		    `${this.tr(no)})`;
	}
	step(ctx) {
		const target = ctx.expression();
		const sum = `rt.binary(${quote(tokens(ctx)[0][0])}, ` +
		    `${this.tr(target)}, 1, ${this.here(ctx)})`;

		return this.assign(target, sum, ctx);
	}
	PreOpExpression(ctx) {
		if (tokens(ctx)[0].length === 2)
			return this.step(ctx);
		return `rt.binary(${quote(tokens(ctx)[0])}, 0, ` +
		    `${this.tr(ctx.expression())}, ${this.here(ctx)})`;
	}
	PostOpExpression(ctx) {
		const back = tokens(ctx)[0] === '++' ? '-' : '+';

		return `rt.binary("${back}", ${this.step(ctx)}, 1, ` +
		    `${this.here(ctx)})`;
	}
	AssignExpression(ctx) {
		const [target, source] = ctx.expression_list();
		const op = tokens(ctx)[0].slice(0, -1);
		const value = this.tr(source);

		if (op && /[([]/.test(text(target)))
			this.refuse(ctx, `${op}= to ${text(target)}`);
		return this.assign(target, op === '' ? value :
		    `rt.binary(${quote(op)}, ${this.tr(target)}, ${value}, ` +
		    `${this.here(ctx)})`, ctx);
	}
	assign(target, value, ctx) {
		const { get, type } = this.place(target);

		if (get && type)
			return `(${get} = ${this.fit(value, type, ctx)})`;
		if (kind(target) === 'ArrayExpression')
			return `rt.put(${this.parts(target)}, ${value}, ${this.here(ctx)})`;
		if (kind(target) !== 'DotExpression' || !target.anyId())
			this.refuse(ctx);
		return `rt.set(${this.tr(target.expression())}, ` +
		    `${quote(lower(text(target.anyId())))}, ${value}, ` +
		    `${this.here(ctx)})`;
	}

	/* --- SOQL ------------------------------------------------------- */

	/* Bound values are computed before any record is looked at. */
	SoqlPrimary(ctx) {
		const query = ctx.soqlLiteral().query();
		const from = query.fromNameList();
		const type = this.named(text(from));
		const entries = query.selectList().selectEntry_list().map(text);
		const limit = query.limitClause();
		const order = query.orderByClause()?.fieldOrderList()
		    .fieldOrder_list() ?? [];
		const withMode = query.withClause();

		if (!type?.schema || query.groupByClause() ||
		    query.offsetClause() ||
		    query.usingScope() || query.allRowsClause() || withMode &&
		    !/^with(user|system)_mode$/i.test(text(withMode)))
			this.refuse(query);
		this.binds = [];
		const where = query.whereClause() ?
		    this.soql(query.whereClause().whereLogicalExpression()) :
		    'true';
		const count = limit ? limit.boundExpression() ?
		    this.tr(limit.boundExpression().expression()) :
		    text(limit.IntegerLiteral()) : 'Infinity';
		const wanted = `{ type: rt.types[${type.index}], ` +
		    `fields: ${quote(entries.map(lower))}, where: (r) => ` +
		    `${where}, ` +
		    `order: ${quote(order.map((o) => this.order(o)))}, ` +
		    `limit: ${count} }`;
		return `((bind) => rt.org.select(${wanted}, ${this.here(ctx)}` +
		    `))` +
		    `([${this.binds}])`;
	}
	order(ctx) {
		if (!ctx.fieldName() || ctx.NULLS())
			this.refuse(ctx);
		return { name: lower(text(ctx.fieldName())),
		    sign: ctx.DESC() ? -1 : 1 };
	}
	soql(ctx) {
		const parts = ctx.whereConditionalExpression_list().map(
		    (part) =>
		    part.whereLogicalExpression() ?
		    this.soql(part.whereLogicalExpression()) :
		    this.soqlField(
		    part.whereFieldExpression().fieldExpression() ??
		    this.refuse(part)));

		return `${ctx.NOT() ? '!' : ''}(` +
		    parts.join(ctx.SOQLOR_list().length ? ' || ' : ' && ') + ')';
	}
	soqlField(ctx) {
		const value = ctx.value();
		const list = value.valueList();
		const bound = value.boundExpression();
		const given = bound ? this.tr(bound.expression()) : list ?
		    `[${list.value_list().map((one) => this.soqlValue(one))}]` :
		    this.soqlValue(value);
		const op = lower(text(ctx.comparisonOperator()));

		if (!ctx.fieldName() || !/^([<>!]?=|[<>]|in|notin|like)$/.test(
		    op))
			this.refuse(ctx);
		this.binds.push(given);
		const name = quote(lower(text(ctx.fieldName())));
		return `rt.org.meets(r, ${name}, ` +
		    `${quote(op)}, bind[${this.binds.length - 1}], ` +
		    `${this.here(ctx)})`;
	}
	soqlValue(ctx) {
		if (ctx.StringLiteral())
			return quote(unquote(text(ctx)));
		return ctx.signedNumber() || /^(true|false|null)$/i.test(
		    text(ctx)) ?
		    lower(text(ctx)) : this.refuse(ctx);
	}
}
