/*
 * pulse.js - the agent's status, asked for again and again
 *
 * One poll serves every view: the counts in the menu, the overview, the
 * outputs.  The last few minutes of rates are kept for the charts.
 */

const PULSE_MS = 2000;
const PULSE_SAMPLES = 150;

const pulse = new EventTarget();
pulse.status = null;		/* the last good answer */
pulse.problem = null;		/* why the last one was not good */
pulse.samples = [];		/* { at, in, out }, oldest first */

/* Beats out of turn, as after a click, are no samples. */
function sample(rates) {
	const now = Date.now();

	if (now - (pulse.samples.at(-1)?.at ?? 0) < PULSE_MS / 2)
		return;
	pulse.samples.push({ at: now, in: rates.batches_in_per_second,
	    out: rates.events_out_per_second });
	if (pulse.samples.length > PULSE_SAMPLES)
		pulse.samples.shift();
}

async function beat() {
	if (token() === null)
		return;
	try {
		pulse.status = await get('/v1/status');
		pulse.problem = null;
		sample(pulse.status.rates);
	} catch (problem) {
		pulse.problem = problem;
	}
	pulse.dispatchEvent(new Event('beat'));
}

/* Calls `work` at each beat, and now if there was one. */
function onBeat(signal, work) {
	pulse.addEventListener('beat', work, { signal });
	if (pulse.status !== null || pulse.problem !== null)
		work();
}

function outputNames() {
	return pulse.status === null ? [] :
	    pulse.status.outputs.map((output) => output.name);
}
