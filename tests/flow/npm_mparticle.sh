#!/bin/sh
# npm_mparticle.sh - the unmodified npm package `mparticle` delivers single and
# bulk batches
. "${srcdir:-.}/tests/flow/lib.sh"

command -v npm > /dev/null || skip "no npm here"
(cd "$work" && npm install --no-audit --no-fund --silent mparticle@1.0.8) \
    > "$work/npm.out" 2>&1 || skip "no npm registry: $(tail -n 1 "$work/npm.out")"

cat > "$work/send.js" <<'EOT'
const mParticle = require('mparticle');
const api = new mParticle.EventsApi(
    new mParticle.Configuration('key', 'secret'));
api.apiClient.basePath = process.argv[2] + '/v2';

function batch(person, name) {
    const b = new mParticle.Batch(mParticle.Batch.Environment.production);
    b.user_identities = new mParticle.UserIdentities();
    b.user_identities.customerid = person;
    b.user_attributes = { 'hair color': 'brown' };
    const e = new mParticle.AppEvent(
        mParticle.AppEvent.CustomEventType.navigation, name);
    e.custom_attributes = { nested: 'no', n: 1.5 };
    b.addEvent(e);
    b.addEvent(new mParticle.ScreenViewEvent(name + ' screen'));
    return b;
}

function done(what) {
    return (error, data, response) => {
        if (error || response.statusCode !== 202) {
            console.error(what, error || response.statusCode);
            process.exit(1);
        }
    };
}

api.uploadEvents(batch('c-1', 'Single'), done('single'));
api.bulkUploadEvents([batch('c-1', 'Bulk one'), batch('c-2', 'Bulk two')],
    done('bulk'));
EOT

start_sink
make_config <<'EOT'
external_id = customer_id
forward_user_attributes = true
EOT
start_agent
(cd "$work" && node send.js "$ingest") || fail "the package saw an error"
wait_for 20 sink_is .objects 6 || fail "not all arrived: $(sink_stat .)"
curl -s "$sink/events" | jq -r '.events[].object
    | "\(.identity) \(.event)"' | sort > "$work/arrived"
cat > "$work/expected" <<'EOT'
c-1 Bulk one
c-1 Single
c-1 Viewed: Bulk one screen
c-1 Viewed: Single screen
c-2 Bulk two
c-2 Viewed: Bulk two screen
EOT
diff "$work/expected" "$work/arrived" >&2 || fail "something else arrived"
wait_for 20 sql_is 'SELECT queued + inflight + stuck FROM v_conservation' 0 ||
    fail "left: $(sql 'SELECT * FROM v_queue')"
check_conserved
stop_agent
