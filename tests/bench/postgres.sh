# postgres.sh - a PostgreSQL cluster of the benchmark's own
#
# Sourced by peers.sh, after lib.sh.  The server does not work as root; then
# it is run as nobody.

postgres_bin=$(ls -d /usr/lib/postgresql/*/bin 2> /dev/null | sort -V |
    tail -n 1)
postgres_dir=$work/postgres	# a socket's path may not be much longer

postgres_is_there() {
	[ "${BENCH_POSTGRES:-1}" = 1 ] && [ -n "$postgres_bin" ] &&
	    [ -x "$postgres_bin/postgres" ] && command -v pgbench > /dev/null &&
	    { [ "$(id -u)" != 0 ] || command -v setpriv > /dev/null; }
}

# What precedes its commands.
postgres_as=
[ "$(id -u)" != 0 ] ||
    postgres_as='setpriv --reuid=nobody --regid=nogroup --clear-groups'

postgres_make() {
	rm -rf "$postgres_dir"
	mkdir "$postgres_dir"
	cp "$build/tests/bench/slowsync.so" "$postgres_dir"
	if [ "$(id -u)" = 0 ]; then
		chmod 711 "$work"
		chown -R nobody:nogroup "$postgres_dir"
	fi
	$postgres_as "$postgres_bin/initdb" -D "$postgres_dir/data" -U bench \
	    --auth=trust --no-locale -E UTF8 > "$work/postgres.log" 2>&1 ||
	    fail "initdb: $(tail -n 3 "$work/postgres.log")"
}

postgres_sql() {
	psql -q -h "$postgres_dir" -U bench postgres -c "$1"
}

postgres_start() {
	(
		slow_object=$postgres_dir/slowsync.so
		become $postgres_as "$postgres_bin/postgres" \
		    -D "$postgres_dir/data" -c listen_addresses= \
		    -c unix_socket_directories="$postgres_dir" \
		    -c fsync=on -c synchronous_commit=on
	) >> "$work/postgres.log" 2>&1 &
	other_pid=$!
	wait_for 60 postgres_sql 'SELECT 1' ||
	    fail "PostgreSQL: $(tail -n 3 "$work/postgres.log")"
}

# pgbench counts whole seconds, and sends a variable as a parameter: so the
# row's bytes travel with every insert, as they do to the agent.
measure_postgres() {
	postgres_make
	postgres_start
	postgres_sql 'CREATE TABLE queue (id bigserial PRIMARY KEY,
	    received_at timestamptz NOT NULL DEFAULT now(),
	    body text NOT NULL)'
	echo 'INSERT INTO queue (body) VALUES (:body);' \
	    > "$postgres_dir/insert.sql"
	pgbench -h "$postgres_dir" -U bench -n -M prepared -c 64 \
	    -j 2 -T "$(calc "$seconds + 0.99" %d)" \
	    -D "body=$(printf '%0600d' 0)" -f "$postgres_dir/insert.sql" \
	    postgres > "$work/pgbench" 2>&1 ||
	    fail "pgbench: $(tail -n 3 "$work/pgbench")"
	end "$other_pid"
	other_pid=
	sed -n 's/^tps = \([0-9]*\).*/\1/p' "$work/pgbench"
}
