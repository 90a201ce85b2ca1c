/*
 * pmd.mjs - PMD's rules for Apex on a directory, by the runner that comes
 * with Salesforce's code analyzer
 *
 * pmd.mjs JARS RULES DIR SCRATCH: prints each violation; exit 1 if there is
 * one, or if a file could not be read.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const [jars, rules, dir, scratch] = process.argv.slice(2);
const files = readdirSync(dir, { recursive: true })
	.filter((name) => /\.(cls|trigger)$/.test(name))
	.map((name) => join(dir, name));
const order = join(scratch, 'pmd-order.json');
const report = join(scratch, 'pmd-report.json');

if (files.length === 0) {
	console.error(`no Apex in ${dir}`);
	process.exit(1);
}
writeFileSync(order, JSON.stringify({
	ruleSetInputFile: rules,
	runDataPerLanguage: { apex: { filesToScan: files } },
}));
execFileSync('java', ['-cp', join(jars, '*'),
	'com.salesforce.sfca.pmdwrapper.PmdWrapper', 'run', order, report]);

const { violations, processingErrors } = JSON.parse(readFileSync(report));
for (const { rule, message, codeLocation } of violations)
	console.log(`${relative(dir, codeLocation.file)}:`
	    + `${codeLocation.startLine}: ${rule}: ${message}`);
for (const error of processingErrors)
	console.log(JSON.stringify(error));
console.log(`${files.length} files, ${violations.length} violations`);
process.exit(violations.length + processingErrors.length === 0 ? 0 : 1);
