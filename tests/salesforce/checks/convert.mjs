/*
 * convert.mjs - what Salesforce's own library makes of a project
 *
 * convert.mjs DIR OUT: every file of its packages belongs to a component, and
 * all are converted into the form that is deployed, in OUT.  A file whose
 * name says no known type would be left behind in silence: exit 1.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import sdr from '@salesforce/source-deploy-retrieve';

const [dir, out] = process.argv.slice(2);
const project = JSON.parse(readFileSync(join(dir, 'sfdx-project.json')));
const roots = project.packageDirectories.map(({ path }) => join(dir, path));
const found = sdr.ComponentSet.fromSource(roots);
const components = found.getSourceComponents().toArray();
const known = new Set(components.flatMap((component) =>
	[component, ...component.getChildren()].flatMap((each) =>
		[each.xml, ...each.walkContent()])));
const files = roots.flatMap((root) => readdirSync(root, { recursive: true })
	.map((name) => join(root, name))
	.filter((path) => statSync(path).isFile()));
const strange = files.filter((path) => !known.has(path));

for (const path of strange)
	console.log(`${relative(dir, path)}: of no known type`);
found.sourceApiVersion = project.sourceApiVersion;
const { converted } = await new sdr.MetadataConverter().convert(found,
	'metadata', { type: 'directory', outputDirectory: out });
if (converted.length !== components.length)
	console.log(`${components.length} components, but `
	    + `${converted.length} are converted`);
console.log(`${files.length} files, ${components.length} components`);
process.exit(files.length > 0 && strange.length === 0 &&
	converted.length === components.length ? 0 : 1);
