/*
 * proxy.js - takes connections that are meant for one host to a port here
 *
 * usage: node proxy.js HOST:PORT LOCAL-PORT
 *
 * An HTTP proxy that knows CONNECT alone, and nothing of what goes through.
 * Anything that is meant for another host is refused, so that no test can
 * reach the real one.
 */
const http = require('http');
const net = require('net');

const [wanted, local] = process.argv.slice(2);
const proxy = http.createServer((request, response) => {
	response.writeHead(403).end();
});

proxy.on('connect', (request, client, head) => {
	if (request.url !== wanted) {
		client.end('HTTP/1.1 403 Forbidden\r\n\r\n');
		return;
	}

	const server = net.connect(Number(local), '127.0.0.1', () => {
		client.write('HTTP/1.1 200 OK\r\n\r\n');
		server.write(head);
		server.pipe(client);
		client.pipe(server);
	});

	server.on('error', () => client.destroy());
	client.on('error', () => server.destroy());
});
proxy.listen(0, '127.0.0.1', () =>
    console.log('listening on ' + proxy.address().port));
