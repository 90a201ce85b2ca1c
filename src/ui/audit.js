/*
 * audit.js - what operators did
 */

/* What was done something to, as a link where there is a view of it. */
function subjectLink(subject) {
	const [, kind, name] = /^(event|job|output) (\S+)$/.exec(subject ??
	    '') ?? [];

	return kind === undefined ? orDash(subject) : el('a', { href: '#/' +
	    kind + 's/' + encodeURIComponent(name) }, subject);
}

function showAudit({ main, signal }) {
	main.append(el('p', { class: 'buttons' }, el('button', {
	    type: 'button', on: { click: render } }, 'Refresh')),
	    pagedList({ path: '/v1/audit', params: {}, signal,
		caption: 'Audit', columns: [
		{ label: 'When', cell: (a) => when(a.at) },
		{ label: 'Action', cell: (a) => a.action },
		{ label: 'Of', class: 'main', cell: (a) =>
		    subjectLink(a.subject) },
		{ label: 'Detail', cell: (a) => orDash(a.detail),
		    class: 'wide' },
	    ], nothing: () => empty('Nobody has done anything yet.') }));
}
