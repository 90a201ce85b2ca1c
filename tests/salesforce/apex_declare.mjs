/*
 * apex_declare.mjs - what Apex files declare: types, their fields and methods
 *
 * Looks at no text of a method; all files are declared before any is
 * translated, since each may name what another has.
 */
import { ApexParserFactory, ThrowingErrorListener }
    from '@apexdevtools/apex-parser';
import { NotInSubset } from './apex_library.mjs';

export const lower = (word) => word.toLowerCase();
export const text = (ctx) => ctx.getText();
export const kind = (ctx) => ctx.constructor.name.replace(/Context$/, '');

/* A file's declarations, and its text once all files are known. */
export function parse(file, source) {
	const { parser } = ApexParserFactory.createLexerAndParser(source,
	    ThrowingErrorListener.INSTANCE);

	try {
		return file.endsWith('.trigger') ? parser.triggerUnit() :
		    parser.compilationUnit().typeDeclaration();
	} catch (error) {
		throw new NotInSubset('what does not parse',
		    `${file}:${error.line}`);
	}
}

function modifiersOf(list) {
	return new Set(list.map((modifier) => lower(text(modifier))));
}

/*
 * declare - what a class, interface or enum has, by name
 *
 * A field: { type, isStatic, init, get, set }; methods by `name$n`.  Adds
 * itself and its inner types to `classes`.
 */
export function declare(classes, ctx, outer, file) {
	const name = text(ctx.id());
	const cls = { name: outer ? `${outer.name}.${name}` : name, outer, file,
	    ctx, fields: new Map(), methods: new Map(), inner: new Map(),
	    constants: null,
	    isInterface: kind(ctx) === 'InterfaceDeclaration' };

	cls.key = lower(cls.name);
	if (classes.has(cls.key))
		throw new NotInSubset(`two types ${cls.name}`, file);
	classes.set(cls.key, cls);
	outer?.inner.set(lower(name), cls);
	if (kind(ctx) === 'EnumDeclaration')
		cls.constants = ctx.enumConstants().id_list().map(text);
	for (const method of ctx.interfaceBody?.()
	    .interfaceMethodDeclaration_list() ?? [])
		addMethod(cls, method, new Set(['public']));
	for (const one of ctx.classBody?.().classBodyDeclaration_list() ?? [])
		declareMember(classes, cls, one);
	return cls;
}

function declareMember(classes, cls, ctx) {
	const modifiers = modifiersOf(ctx.modifier_list());
	const isStatic = modifiers.has('static');
	const member = ctx.memberDeclaration()?.getChild(0);
	const add = (id, type, rest) => cls.fields.set(lower(text(id)),
	    { name: text(id), cls, type, isStatic, modifiers, ...rest });

	if (!member) {
		if (ctx.block())
			throw new NotInSubset('a block among the members',
			    `${cls.file}:${ctx.start.line}`);
		return;
	}
	switch (kind(member)) {
	case 'FieldDeclaration':
		for (const one of member.variableDeclarators()
		    .variableDeclarator_list())
			add(one.id(), member.typeRef(),
			    { init: one.expression() });
		break;
	case 'PropertyDeclaration': {
		const parts = member.propertyBlock_list();
		const part = (name) => parts.find((p) => p[name]())?.[name]();
		add(member.id(), member.typeRef(),
		    { get: part('getter')?.block(),
		    set: part('setter')?.block() });
		break;
	}
	case 'MethodDeclaration':
	case 'ConstructorDeclaration':
		addMethod(cls, member, modifiers);
		break;
	default:
		declare(classes, member, cls, cls.file);
	}
}

function addMethod(cls, ctx, modifiers) {
	const parameters = ctx.formalParameters().formalParameterList()
	    ?.formalParameter_list() ?? [];
	const name = ctx.id ? lower(text(ctx.id())) : 'new';
	const key = `${name}$${parameters.length}`;

	if (cls.methods.has(key))
		throw new NotInSubset(
		    `two methods ${name} of as many parameters`,
		    `${cls.file}:${ctx.start.line}`);
	cls.methods.set(key, { cls, key, ctx, parameters, modifiers,
	    isStatic: modifiers.has('static'),
	    future: [...modifiers].find((m) => m.startsWith('@future')) });
}

export const parentOf = (classes, cls) => {
	const name = cls.ctx.typeRef?.();

	return name && lookup(classes, lower(text(name)), cls.outer ?? cls);
};

/* A class by its name as seen from inside `from`. */
export function lookup(classes, name, from) {
	for (let cls = from; cls; cls = cls.outer) {
		if (name === lower(cls.name.split('.').pop()))
			return cls;
		for (let c = cls; c; c = parentOf(classes, c)) {
			if (c.inner.has(name))
				return c.inner.get(name);
		}
	}
	return classes.get(name);
}
