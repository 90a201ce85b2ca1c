/*
 * requests.js - what went to Heap, newest first
 */

function showRequests({ main, signal }) {
	main.append(el('p', { class: 'buttons' }, el('button', {
	    type: 'button', on: { click: render } }, 'Refresh')),
	    pagedList({ path: '/v1/requests', params: {}, signal,
		caption: 'Requests', columns: [
		{ label: 'Started', cell: (r) => when(r.started_at) },
		{ label: 'Verdict', cell: (r) => chip(r.ended_at === null ?
		    'inflight' : r.verdict ?? 'ended') },
		{ label: 'Status', class: 'n', cell: (r) => orDash(r.status) },
		{ label: 'Answer', class: 'wide', cell: (r) => orDash(r.error ??
		    r.answer) },
		{ label: 'Output', cell: (r) => r.output },
		{ label: 'Lane', cell: (r) => r.lane.replace('_', ' ') },
		{ label: 'Form', cell: (r) => r.form },
		{ label: 'Events', class: 'n', cell: (r) => number(r.events) },
		{ label: 'Size', class: 'n', cell: (r) => bytes(r.bytes) },
		{ label: 'Took', class: 'n', cell: (r) => r.duration_ms ===
		    null ? orDash(null) : milliseconds(r.duration_ms) },
		{ label: 'Id', class: 'n', cell: (r) => String(r.id) +
		    (r.parent_id === null ? '' : ' ← ' + r.parent_id) },
	    ], nothing: () => empty('No request has been made.') }));
}
