#!/bin/sh
# tls.sh - with the full chain the agent's own TLS is trusted by whoever knows
# the root; without the intermediate by nobody
. "${srcdir:-.}/tests/clients/lib.sh"
. "$clients/authority.sh"
certificate agent localhost 2
. "$clients/front.sh"

start_sink
make_config < /dev/null
sed -i "s|^\[admin\]|tls_certificate = $work/agent.chain.pem\\
tls_key = $work/agent.key\\
[admin]|" "$work/agent.conf"
start_agent
front_port=$ingest_port
front_trusted 'own TLS'
front_old 'own TLS'
stop_agent

sed -i "s|agent.chain.pem|agent.pem|" "$work/agent.conf"
start_agent
before=$(sql 'SELECT count(*) FROM batch')
front_untrusted 'own TLS'
sql_is 'SELECT count(*) FROM batch' "$before" || fail 'something came through'
stop_agent
front_tried 'own TLS'
