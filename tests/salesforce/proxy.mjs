/*
 * proxy.mjs - stands between an org and the agent, and misbehaves when told
 *
 * POST /faults [FAULT...]: what becomes of the next requests, one fault each:
 * "429" and "503" are answered here, "silent" reaches nobody, "swallow"
 * reaches the agent and the answer nobody.  Both of these keep quiet for as
 * many ms as the command line says, and close then.
 */
import http from 'node:http';

const [agent, quietMs] = [process.argv[2], Number(process.argv[3])];
const faults = [];

function forward(request, body, done) {
	const onward = http.request(agent + request.url,
	    { method: request.method, headers: request.headers }, (answer) => {
		const parts = [];
		answer.on('data', (part) => parts.push(part));
		answer.on('end', () => done(answer, Buffer.concat(parts)));
	});

	onward.on('error', () => request.socket.destroy());
	onward.end(body);
}

function serve(request, response, body) {
	const fault = request.url === '/faults' ? 'learn' : faults.shift();
	const quiet = () => setTimeout(() => request.socket.destroy(), quietMs);

	switch (fault) {
	case 'learn':
		faults.push(...JSON.parse(body));
		response.end();
		break;
	case '429':
	case '503':
		response.writeHead(Number(fault), { 'Retry-After': '90' });
		response.end(
		    '{"errors":[{"code":"BAD_REQUEST","message":"later"}]}');
		break;
	case 'silent':
		quiet();
		break;
	case 'swallow':
		forward(request, body, quiet);
		break;
	default:
		forward(request, body, (answer, text) => {
			response.writeHead(answer.statusCode, answer.headers);
			response.end(text);
		});
	}
}

const server = http.createServer((request, response) => {
	const parts = [];

	request.on('data', (part) => parts.push(part));
	request.on('end', () => serve(request, response, Buffer.concat(parts)));
});
/* An org that computes for long does not see a connection end. */
server.keepAliveTimeout = 0;
server.listen(0, '127.0.0.1', () => console.log('listening on ' +
    `http://127.0.0.1:${server.address().port}`));
