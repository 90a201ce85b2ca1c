/*
 * apex_http.mjs - HTTP for a program that waits: a thread asks, the caller
 * sleeps until there is an answer
 */
import http from 'node:http';
import { MessageChannel, Worker, isMainThread, receiveMessageOnPort,
    workerData } from 'node:worker_threads';

/* { url, method, headers, body, timeout } -> an answer or { error }. */
function ask(wanted, agent) {
	return new Promise((done) => {
		const { url, method, headers, timeout } = wanted;
		const request = http.request(url, { agent, method, headers });
		const timer = setTimeout(() => request.destroy(
		    new Error('Read timed out')), timeout);
		const end = (result) => {
			clearTimeout(timer);
			done(result);
		};

		request.on('error', (error) => end({ error: error.message }));
		request.on('response', (response) => {
			const parts = [];
			response.on('data', (part) => parts.push(part));
			response.on('error', (error) =>
			    end({ error: error.message }));
			response.on('end', () =>
			    end({ status: response.statusCode,
			    reason: response.statusMessage,
			    headers: response.headers,
			    body: Buffer.concat(parts).toString() }));
		});
		request.end(wanted.body);
	});
}

if (!isMainThread && workerData?.apexHttp) {
	const { port, signal } = workerData.apexHttp;
	const agent = new http.Agent({ keepAlive: true });

	port.on('message', async (wanted) => {
		port.postMessage(await ask(wanted, agent));
		Atomics.store(signal, 0, 1);
		Atomics.notify(signal, 0);
	});
}

export class WaitingHttp {
	constructor() {
		const { port1, port2 } = new MessageChannel();

		this.signal = new Int32Array(new SharedArrayBuffer(4));
		this.port = port1;
		this.worker = new Worker(new URL(import.meta.url),
		    { workerData: {
		    apexHttp: { port: port2, signal: this.signal } },
		    transferList: [port2] });
	}

	send(wanted) {
		Atomics.store(this.signal, 0, 0);
		this.port.postMessage(wanted);
		Atomics.wait(this.signal, 0, 0);
		return receiveMessageOnPort(this.port).message;
	}

	sleep(ms) {
		Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0,
		    ms);
	}

	close() {
		this.port.close();
		return this.worker.terminate();
	}
}
