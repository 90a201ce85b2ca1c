/*
 * npm_mparticle.js - mParticle's SDK for Node, in the cases of sdk_judge
 *
 * usage: node npm_mparticle.js BASE-URL NOT-GUID
 */
const mParticle = require('mparticle');

function client(key, secret) {
	const api = new mParticle.EventsApi(
	    new mParticle.Configuration(key, secret));

	api.apiClient.basePath = process.argv[2] + '/v2';
	return api;
}

function batch(person, name, adId) {
	const b = new mParticle.Batch(mParticle.Batch.Environment.production);
	const event = new mParticle.AppEvent(
	    mParticle.AppEvent.CustomEventType.navigation, name);

	b.user_identities = new mParticle.UserIdentities();
	b.user_identities.customerid = person;
	event.custom_attributes = { n: 1.5 };
	if (adId) {
		b.device_info = new mParticle.DeviceInformation();
		b.device_info.ios_advertising_id = adId;
	}
	b.addEvent(event);
	return b;
}

function batches(count, person, name) {
	return Array.from({ length: count }, (_, i) =>
	    batch(person + i, name + ' ' + i));
}

/* One call of the SDK, and what its callback is told. */
function call(api, method, body) {
	return new Promise((resolve) => api[method](body,
	    (error, data, response) => resolve(error?.response ?? response)));
}

function say(what, response, ...more) {
	const message = response.statusCode < 300 ? undefined :
	    response.body?.errors?.[0].message;

	console.log([what, response.statusCode, message, ...more]
	    .filter((word) => word !== undefined).join(' '));
}

async function main() {
	const api = client('key', 'secret');
	const single = batch('s-1', 'Single');
	const notGuid = process.argv[3];
	let limited;

	single.user_attributes = { 'hair color': 'brown' };
	single.addEvent(new mParticle.ScreenViewEvent('Single screen'));
	say('single', await call(api, 'uploadEvents', single));
	say('bulk-100', await call(api, 'bulkUploadEvents',
	    batches(100, 'b-', 'Bulk')));
	say('bulk-101', await call(api, 'bulkUploadEvents',
	    batches(101, 'x-', 'Never')));
	say('partial', await call(api, 'bulkUploadEvents',
	    [batch('p-0', 'Partial 0', notGuid), batch('p-1', 'Partial 1')]));
	say('not-guid', await call(api, 'uploadEvents',
	    batch('p-0', 'Never', notGuid)));
	say('wrong-secret', await call(client('key', 'wrong'), 'uploadEvents',
	    batch('x-0', 'Never')));

	do
		limited = await call(client('slow', 'secret'), 'uploadEvents',
		    batch('l-0', 'Limited'));
	while (limited.statusCode === 202);
	console.log('limited', limited.statusCode, 'Retry-After',
	    limited.headers['retry-after']);
}

main();
