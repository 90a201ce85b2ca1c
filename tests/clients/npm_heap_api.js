/*
 * npm_heap_api.js - Heap's client for Node, and what it is made to send
 *
 * usage: node npm_heap_api.js calls | errors | mapped < BODIES
 *
 * calls and mapped print a line of JSON for each call that succeeded: what the
 * caller gave it.  errors prints what the caller is told.
 */
const heap = require('heap-api');

const client = new heap.Client('1234567890');

async function track(event, identity, properties) {
	await client.track(event, identity, properties);
	console.log(JSON.stringify([identity, event, properties ?? {}]));
}

async function addUserProperties(identity, properties) {
	await client.addUserProperties(identity, properties);
	console.log(JSON.stringify([identity, properties]));
}

async function calls() {
	await track('Plain', 'ada');
	await track('Empty', 'ada', {});
	await track('Values', 'ada',
	    { text: 'x', none: '', integer: 42, fraction: 0.25, minus: -1 });
	await track('Ünïcode \u{1f600} 漢字', 'Ада', { 'ключ': '\u2028\\"' });
	await track('n'.repeat(1024), 'i'.repeat(255),
	    { ['k'.repeat(1024)]: 'v'.repeat(1024) });
	await addUserProperties('ada', { email: 'ada@example.com', age: 36 });
	await addUserProperties('bob', { plan: 'free' });
}

async function failing(what, call) {
	await call.then(() => console.log(what + ': succeeded'),
	    (error) => console.log(what + ': ' + (error.code ??
		error.message)));
}

async function errors() {
	await failing('app id', new heap.Client('not-a-number').track('E', 'i'));
	for (let i = 0; i < 30; i++)
		await client.addUserProperties('cyd', { n: i });
	await failing('window', client.addUserProperties('cyd', { n: 30 }));
	await failing('away', client.track('Away', 'i'));
	await failing('cut', client.track('Cut', 'i'));
}

/* Bodies as the agent sends them, one a line, in either form. */
async function mapped() {
	const lines = require('fs').readFileSync(0, 'utf8').split('\n');

	for (const line of lines.filter((text) => text !== '')) {
		const body = JSON.parse(line);

		for (const o of body.events ?? body.users ?? [body])
			await (o.event === undefined ?
			    addUserProperties(o.identity, o.properties) :
			    track(o.event, o.identity, o.properties));
	}
}

const jobs = { calls, errors, mapped };

jobs[process.argv[2]]().catch((error) => {
	console.error(error.stack);
	process.exit(1);
});
