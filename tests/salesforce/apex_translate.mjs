/*
 * apex_translate.mjs - a subset of Apex, as we read it, into JavaScript
 *
 * The subset is what the programs that run.mjs runs use, and no more; what
 * else there is ends the run, with its file and line, when it is loaded or
 * reached.  Types are not looked at: gates.sh has apex-ls do that.
 *
 * A class becomes a JavaScript class, its method `name` with two parameters
 * the async method `name$2`, a variable or field `$name`; names are in lower
 * case, since Apex does not tell cases apart.  `rt` is apex.mjs's Runtime.
 */
import { ApexParserFactory, ThrowingErrorListener }
    from '@apexdevtools/apex-parser';

/* These are in JavaScript what they are in Apex, once their parts are. */
const ALIKE = new Set(`Statement Block IfStatement ParExpression ForStatement
    ForControl ForInit ForUpdate ExpressionList ReturnStatement BreakStatement
    ContinueStatement TryStatement ExpressionStatement VariableDeclarators
    LocalVariableDeclarationStatement PrimaryExpression ThisPrimary Value
    LiteralPrimary Literal SubExpression CondExpression LogAndExpression
    LogOrExpression NegExpression PreOpExpression PostOpExpression
    TriggerBlock TriggerBlockMember WhereLogicalExpression
    WhereConditionalExpression WhereFieldExpression`.split(/\s+/));
const MODIFIERS = new RegExp('^(public|private|static|final|@testvisible' +
    '|@suppresswarnings\\(.*\\)|@future\\(callout=true\\))$');
const CLAUSES = new RegExp('^Token SelectList Token FromNameList WhereClause ' +
    'WithClause( OrderByClause)?( LimitClause)? ForClauses$');

const text = (ctx) => ctx.getText().toLowerCase();
const kind = (ctx) => ctx.symbol ? 'Token' :
    ctx.constructor.name.replace(/Context$/, '');
const operator = (ctx) => ctx.children.filter((child) => child.symbol)
    .map(text).join('');
const isName = (ctx) => kind(ctx) === 'PrimaryExpression' &&
    kind(ctx.primary()) === 'IdPrimary';

export class NotInSubset extends Error {
	constructor(what, at) { super(`not in this subset: ${what}, ${at}`); }
}

/* The JavaScript that adds what a file declares to `rt`. */
export function translate(file, source) {
	const { parser } = ApexParserFactory.createLexerAndParser(source,
	    ThrowingErrorListener.INSTANCE);

	return new Translator(file, '').tr(file.endsWith('.trigger') ?
	    parser.triggerUnit() :
	    parser.compilationUnit().typeDeclaration());
}

/* Of one class, whose key is `outer.inner`, or one trigger. */
class Translator {
	constructor(file, key) {
		Object.assign(this, { file, key, fields: new Map(),
		    methods: new Set(), names: new Set() });
	}

	at(ctx) { return `${this.file}:${(ctx.start ?? ctx.symbol).line}`; }
	refuse(ctx, what = `${kind(ctx)} ${ctx.getText()}`) {
		throw new NotInSubset(what.slice(0, 70), this.at(ctx));
	}

	/* By the method that is named like the rule of the grammar. */
	tr(ctx, ...more) {
		if (this[kind(ctx)])
			return this[kind(ctx)](ctx, ...more);
		if (/^(Arth\d|Cmp|Equality)Expression$/.test(kind(ctx)))
			return this.binary(ctx);
		return ALIKE.has(kind(ctx)) ? ctx.children.map((child) =>
		    this.tr(child)).join(' ') : this.refuse(ctx);
	}
	Token(ctx) {
		const word = ctx.getText();
		const codes = { n: '\n', '\\': '\\', '\'': '\'' };

		if (word.startsWith('\''))
			return JSON.stringify(word.slice(1, -1).replace(
			    /\\(.)/g, (all, code) => codes[code] ??
			    this.refuse(ctx)));
		return { and: '&&', or: '||' }[text(ctx)] ?? text(ctx);
	}
	args(ctx) {
		return (ctx?.expression_list() ?? []).map((e) => this.tr(e));
	}

	TypeDeclaration(ctx) {
		return `(class { ${this.tr(ctx.classDeclaration() ??
		    this.refuse(ctx))} });`;
	}
	TriggerUnit(ctx) {
		const moments = ctx.triggerCase_list().map(text);

		if (moments.some((one) => one.startsWith('before')))
			this.refuse(ctx, 'a trigger before');
		return `rt.triggers.push({ object: "${text(ctx.id_list()[1])}",
			moments: ${JSON.stringify(moments)},
			run: async () => ${this.tr(ctx.triggerBlock())} });`;
	}
	EnumDeclaration(ctx) {
		const list = ctx.enumConstants().id_list().map((id) =>
		    `$${text(id)}: Symbol()`);

		return `static { rt.C["${this.key}.${text(ctx.id())}"] =
			Object.assign(new rt.ApexObject(), {${list}}); }`;
	}
	ClassDeclaration(ctx) {
		const key = (this.key && `${this.key}.`) + text(ctx.id());
		const own = new Translator(this.file, key);
		const list = ctx.classBody().classBodyDeclaration_list();

		if (ctx.typeRef())
			this.refuse(ctx, 'a class that extends another');
		return `static { rt.C["${key}"] = class extends rt.ApexObject {
			static interfaces = "${ctx.typeList()?.getText()}";
			static fields = [];
			static statics = [];
			${list.map((one) => own.tr(one)).join('\n')} }; }`;
	}
	ClassBodyDeclaration(ctx) {
		this.names = new Set();
		const modifiers = ctx.modifier_list().map(text);
		const odd = modifiers.find((word) => !MODIFIERS.test(word));

		if (odd || !ctx.memberDeclaration())
			this.refuse(ctx, odd && `the modifier ${odd}`);
		return this.tr(ctx.memberDeclaration().getChild(0),
		    modifiers.includes('static'),
		    modifiers.includes('@future(callout=true)'));
	}
	/* Fields come before the methods that use them. */
	FieldDeclaration(ctx, isStatic) {
		const values = this.tr(ctx.variableDeclarators());
		const list = isStatic ? 'statics' : 'fields';

		for (const name of this.names)
			this.fields.set(name, isStatic);
		return `static { this.${list}.push(async function () {
			this.${values}; }); }`;
	}
	ConstructorDeclaration(ctx) { return this.MethodDeclaration(ctx); }
	MethodDeclaration(ctx, isStatic, isFuture) {
		const list = ctx.formalParameters().formalParameterList();
		const args = (list?.formalParameter_list() ?? []).map((one) =>
		    this.named(one));
		const key = `${ctx.id ? text(ctx.id()) : 'new'}$${args.length}`;
		const how = isStatic ? 'static async' : 'async';

		if (this.methods.has(key))
			this.refuse(ctx, `a second method ${key}`);
		this.methods.add(key);
		const body = `(${args}) ${this.tr(ctx.block())}`;
		return isFuture ? `${how} ${key}(${args}) { rt.org.future(() =>
			this.later$${key}(${args})); }
			${how} later$${key}${body}` : `${how} ${key}${body}`;
	}
	/* A variable, which is known to the rest of the method. */
	named(ctx) {
		this.names.add(text(ctx.id()));
		return `$${text(ctx.id())}`;
	}
	LocalVariableDeclaration(ctx) {
		return `let ${this.tr(ctx.variableDeclarators())}`;
	}
	VariableDeclarator(ctx) {
		const value = ctx.expression();

		return `${this.named(ctx)} = ${value ? this.tr(value) : null}`;
	}
	EnhancedForControl(ctx) {
		return `let ${this.named(ctx)} of ${this.tr(ctx.expression())}`;
	}
	CatchClause(ctx) {
		if (text(ctx.qualifiedName()) !== 'exception')
			this.refuse(ctx);
		return `catch (error) { let ${this.named(ctx)} =
			rt.caught(error); ${this.tr(ctx.block())} }`;
	}

	/* What is before a dot: a type by its name, or a value. */
	owner(ctx) {
		const [first] = text(ctx).split('.');

		return /^[a-z]\w*(\.\w+)*$/.test(text(ctx)) &&
		    first !== 'this' && !this.names.has(first) &&
		    !this.fields.has(first) ?
		    `rt.type("${text(ctx)}", "${this.key}")` : this.tr(ctx);
	}
	IdPrimary(ctx) {
		const name = text(ctx);
		const isStatic = this.fields.get(name);

		if (this.names.has(name))
			return `$${name}`;
		if (isStatic === undefined)
			this.refuse(ctx, `the name ${name}`);
		return `${isStatic ? `rt.C["${this.key}"]` : 'this'}.$${name}`;
	}
	DotExpression(ctx) {
		const call = ctx.dotMethodCall();
		const owner = this.owner(ctx.expression());
		const name = text((call ?? ctx).anyId());

		if (ctx.QUESTIONDOT())
			this.refuse(ctx);
		return call ? this.call(ctx, owner, name,
		    this.args(call.expressionList())) :
		    `rt.get(${owner}, "${name}", "${this.at(ctx)}")`;
	}
	MethodCallExpression(ctx) {
		const call = ctx.methodCall();

		return this.call(ctx, 'this', text(call.id()),
		    this.args(call.expressionList()));
	}
	ArrayExpression(ctx) {
		const [list, i] = this.args(ctx);

		return this.call(ctx, list, 'get', [i]);
	}
	call(ctx, owner, name, args) {
		return `(await rt.call(${owner}, "${name}", [${args}], ` +
		    `"${this.at(ctx)}"))`;
	}
	NewExpression(ctx) {
		const rest = ctx.creator().getChild(1);
		const name = text(ctx.creator().createdName())
		    .replace(/<.*/, '');
		const given = rest.arguments?.().expressionList();

		if (kind(rest) === 'MapCreatorRest')
			return `new Map([${rest.mapCreatorRestPair_list().map(
			    (pair) => `[${this.args(pair)}]`)}])`;
		if (kind(rest) === 'SetCreatorRest' && name === 'list')
			return `[${this.args(rest)}]`;
		if (kind(rest) !== 'ClassCreatorRest')
			this.refuse(ctx);
		if (given && kind(given.expression(0)) === 'AssignExpression')
			return `new rt.SObject("${name}", {${given
			    .expression_list().map((one) =>
			    `${text(one.expression(0))}: ` +
			    this.tr(one.expression(1)))}})`;
		return `(await rt.make("${name}", "${this.key}", ` +
		    `[${this.args(given)}], "${this.at(ctx)}"))`;
	}

	/* An Integer, a Long and a Decimal are one kind here. */
	InstanceOfExpression(ctx) {
		const type = text(ctx.typeRef())
		    .replace(/^(integer|long|double|decimal)$/, 'number');

		return /^(string|boolean|number)$/.test(type) ? `(typeof ` +
		    `${this.tr(ctx.expression())} === "${type}")` :
		    this.refuse(ctx);
	}
	/* Integers are divided, unless by a Decimal that is written out. */
	binary(ctx, op = operator(ctx)) {
		const isDecimal = op === '/' && /\/\d+\.\d+$/.test(text(ctx));

		return `rt.binary("${op}${isDecimal ? 'decimal' : ''}", ` +
		    `${this.args(ctx)}, "${this.at(ctx)}")`;
	}
	AssignExpression(ctx) {
		const [target, source] = ctx.expression_list();
		const op = operator(ctx);
		const value = op === '=' ? this.tr(source) :
		    this.binary(ctx, op.slice(0, -1));

		if (isName(target))
			return `${this.tr(target)} = ${value}`;
		if (op !== '=' || kind(target) !== 'DotExpression')
			this.refuse(ctx);
		return `rt.set(${this.tr(target.expression())}, ` +
		    `"${text(target.anyId())}", ${value}, "${this.at(ctx)}")`;
	}
	/* Rows are in the order of their names in any case. */
	SoqlPrimary(ctx) {
		const { children } = ctx.soqlLiteral().query();
		const [, columns, , from, where, , ...rest] = children;
		const limit = rest.find((one) => kind(one) === 'LimitClause');
		const most = limit ? this.tr(limit.getChild(1)) : Infinity;

		if (!CLAUSES.test(children.map(kind).join(' ')) ||
		    from.start !== from.stop || /[^\w,]/.test(text(columns)) ||
		    !/^(orderbyname)?(limit|$)/.test(rest.map(text).join('')))
			this.refuse(ctx);
		return `rt.org.select("${text(from)}", "${text(columns)}",
			(r) => ${this.tr(where.getChild(1))}, ${most})`;
	}
	/* A variable's name only, so that nothing has to be awaited. */
	BoundExpression(ctx) {
		return isName(ctx.expression()) ? this.tr(ctx.expression()) :
		    this.refuse(ctx);
	}
	ValueList(ctx) {
		return `[${ctx.value_list().map((one) => this.tr(one))}]`;
	}
	FieldExpression(ctx) {
		return `rt.org.meets(r.${text(ctx.fieldName())}, ` +
		    `"${text(ctx.comparisonOperator())}", ` +
		    `${this.tr(ctx.value())})`;
	}
}
