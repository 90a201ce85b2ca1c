/*
 * npm_web_sdk.js - mParticle's Web SDK in a page, and the batches it uploads
 *
 * usage: node npm_web_sdk.js > BATCHES
 *
 * jsdom stands for the browser, with its own XMLHttpRequest.  A server on
 * loopback stands for the hosts that the SDK talks to; each batch that comes
 * is printed as it came, one a line.
 */
const fs = require('fs');
const http = require('http');
const { JSDOM, VirtualConsole } = require('jsdom');

const mpid = '-7483920174839201748';
const patience = 20000;		/* ms, for all of it */

const allowed = {
	'Access-Control-Allow-Origin': '*',
	'Access-Control-Allow-Headers': '*',
	'Content-Type': 'application/json',
};

/* The identity service and the one that batches are uploaded to. */
function serve(onBatch) {
	return http.createServer(async (request, response) => {
		let body = '';

		for await (const piece of request.setEncoding('utf8'))
			body += piece;
		if (request.method === 'OPTIONS')
			response.writeHead(200, allowed).end();
		else if (/\/v3\/JS\/web-key\/events$/.test(request.url)) {
			response.writeHead(202, allowed).end();
			onBatch(body);
		} else if (/\/identify$/.test(request.url))
			response.writeHead(200, allowed).end(JSON.stringify({
			    mpid, context: 'c', is_logged_in: false,
			    is_ephemeral: false }));
		else
			response.writeHead(200, allowed).end('{}');
	});
}

function config(host) {
	return {
		forceHttps: false, requestConfig: false, logLevel: 'none',
		v1SecureServiceUrl: host + '/v1/JS/',
		v2SecureServiceUrl: host + '/v2/JS/',
		v3SecureServiceUrl: host + '/v3/JS/',
		identityUrl: host + '/identity/v1/',
		aliasUrl: host + '/v1/identity/',
		configUrl: host + '/tags/',
		flags: { eventsV3: '100', eventBatchingIntervalMillis: 0 },
		identifyRequest: { userIdentities: {
		    customerid: 'c-42', email: 'ada@example.com' } },
	};
}

/* What a visit to a shop calls. */
function visit(mParticle) {
	const shop = mParticle.eCommerce;
	const book = shop.createProduct('Widget', 'sku-1', 9.99, 2);

	mParticle.Identity.getCurrentUser().setUserAttribute('plan', 'gold');
	mParticle.logEvent('Add to list', mParticle.EventType.Other,
	    { item: 'book', rating: 1.5, gift: true });
	mParticle.logPageView('Home', { section: 'front' });
	shop.logProductAction(mParticle.ProductActionType.Purchase, [book],
	    { note: 'thanks' }, {}, { Id: 'o-1', Revenue: 19.98 });
	shop.logPromotion(mParticle.PromotionType.PromotionClick,
	    { Id: 'p-1', Name: 'Sale', Creative: 'banner', Position: 1 });
	shop.logImpression({ Name: 'Suggested', Product: book });
	mParticle.endSession();
}

/* session_end is the last that a visit causes. */
function isLast(body) {
	return JSON.parse(body).events.some(
	    (event) => event.event_type === 'session_end');
}

const server = serve((body) => {
	console.log(body);
	if (isLast(body))
		setImmediate(() => process.exit(0));
});

server.listen(0, '127.0.0.1', () => {
	const host = '127.0.0.1:' + server.address().port;
	const page = new JSDOM('<!doctype html><title>Shop</title>', {
	    url: 'http://shop.example/', runScripts: 'outside-only',
	    virtualConsole: new VirtualConsole() }).window;

	page.mParticle = { config: config(host) };
	page.eval(fs.readFileSync(require.resolve('@mparticle/web-sdk')
	    .replace(/[^/]*$/, 'mparticle.js'), 'utf8'));
	page.mParticle.ready(() => visit(page.mParticle));
	page.mParticle.init('web-key', page.mParticle.config);
});

setTimeout(() => {
	console.error('the session did not end');
	process.exit(1);
}, patience);
