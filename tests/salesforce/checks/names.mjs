/*
 * names.mjs - every custom name that is used is one that there is
 *
 * names.mjs DIR: the type checker does not look into SOQL, nor at what list
 * views, permission sets and records of settings name.  Custom names are
 * easily told (__c, __mdt), so all are looked up among the objects and fields
 * of the project.  A permission set may not name a required field either: an
 * org refuses it.  Prints what is wrong; exit 1 if something is.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const dir = process.argv[2];
const paths = readdirSync(dir, { recursive: true })
	.filter((path) => /\.(cls|trigger|xml)$/.test(path)
	    && !path.startsWith('converted'));
const text = new Map(paths.map((path) =>
	[path, readFileSync(join(dir, path), 'utf8')]));
const named = (suffix) => paths.filter((path) => path.endsWith(suffix));
const nameOf = (path) => basename(path).replace(/\..*/, '');

const fields = named('.field-meta.xml');
const known = new Set([...named('.object-meta.xml'), ...fields].map(nameOf));
const required = new Set(fields
	.filter((path) => text.get(path).includes('<required>true</required>'))
	.map(nameOf));
const wrong = [];
let used = 0;

for (const path of paths) {
	for (const [name] of text.get(path).matchAll(/\b\w+?__(?:c|mdt)\b/g)) {
		used++;
		if (!known.has(name))
			wrong.push(`${path}: ${name} does not exist`);
	}
}
for (const path of named('.permissionset-meta.xml')) {
	for (const [, name] of text.get(path).matchAll(/<field>\w+\.(\w+)</g))
		if (required.has(name))
			wrong.push(`${path}: ${name} is required`);
}

console.log([...new Set(wrong), `${known.size} names, used ${used} times`]
	.join('\n'));
process.exit(used > 0 && wrong.length === 0 ? 0 : 1);
