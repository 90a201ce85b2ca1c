/*
 * test_config_show.c - what is said of settings, and which may change
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config_fixture.h"

static void
config_key_is_written_and_explained_throughout(void **state)
{
	const struct config_key *k;
	size_t i, j;
	(void)state;

	for (i = 0; (k = config_key(i)) != NULL; i++) {
		assert_true(k->help[0] != '\0');
		assert_null(strchr(k->help, '\n'));
		if (k->secret)
			assert_string_equal(k->default_text, "");
		for (j = 0; j < i; j++)
			assert_false(
			    strcmp(config_key(j)->section, k->section) == 0 &&
			    strcmp(config_key(j)->key, k->key) == 0);
	}
	assert_true(i > 50);
}

/* One setting as lines of a file, a list as an element a line. */
static void
put_setting(struct buf *out, const char *key, const char *value)
{
	const char *comma;

	for (; (comma = strstr(value, ", ")) != NULL; value = comma + 2)
		buf_printf(out, "%s = %.*s\n", key, (int)(comma - value),
		    value);
	buf_printf(out, "%s = %s\n", key, value);
}

/* Nothing changes from MINIMAL to the text. */
static void
assert_means_minimal(const char *text)
{
	struct config *old = parse(MINIMAL), *new = parse(text);
	struct buf changed = BUF_INIT, refused = BUF_INIT;

	assert_true(config_may_reload(old, new, &changed, &refused));
	assert_string_equal(buf_str(&changed), "");
	buf_free(&changed);
	buf_free(&refused);
	config_free(old);
	config_free(new);
}

static void
config_key_defaults_can_be_written_and_change_nothing(void **state)
{
	const struct config_key *k;
	const char *section = "";
	struct buf text = BUF_INIT;
	size_t i;
	(void)state;

	for (i = 0; (k = config_key(i)) != NULL; i++) {
		if (strcmp(section, k->section) != 0) {
			section = k->section;
			if (strcmp(section, "input") == 0)
				buf_puts(&text, "[input sf]\n"
				    "key = k\nsecret = s\n");
			else if (strcmp(section, "output") == 0)
				buf_puts(&text, "[output heap]\napp_id = 1\n");
			else
				buf_printf(&text, "[%s]\n", section);
		}
		if (k->default_text[0] != '\0')
			put_setting(&text, k->key, k->default_text);
	}
	assert_means_minimal(buf_str(&text));
	buf_free(&text);
}

static void
config_each_shows_values_that_can_be_written_back(void **state)
{
	struct config *c = parse(MINIMAL);
	struct buf shown = BUF_INIT, text = BUF_INIT;
	char *copy, *line, *key, *value, *rest, *section = NULL;
	(void)state;

	print_settings(c, &shown);
	copy = rest = buf_steal(&shown);
	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
		key = strchr(line, '\t');
		*key++ = '\0';
		value = strchr(key, '\t');
		*value++ = '\0';
		*strchr(value, '\t') = '\0';
		if (section == NULL || strcmp(section, line) != 0)
			buf_printf(&text, "%s\n", line);
		section = line;
		if (strcmp(value, "(hidden)") == 0)
			put_setting(&text, key,
			    strcmp(key, "key") == 0 ? "k" : "s");
		else if (*value != '\0')
			put_setting(&text, key, value);
	}
	assert_means_minimal(buf_str(&text));
	free(copy);
	buf_free(&text);
	config_free(c);
}

static void
config_each_tells_values_and_their_origin_but_no_secret(void **state)
{
	static const char *const lines[] = {
		"[admin]\ttoken_file\t/var/lib/heaprelay/admin.token\t"
		    "default\n",
		"[identity]\tsecret\t\tdefault\n",
		"[input sf]\tkey\t(hidden)\ttest.conf:4\n",
		"[input sf]\tsecret\t(hidden)\ttest.conf:5\n",
		"[input sf]\tforward_user_attributes\t\tdefault\n",
		"[output heap]\tapp_id\t1\ttest.conf:2\n",
		"[output heap]\tbase_url\thttps://heapanalytics.com\t"
		    "default\n",
		"[output x]\tforward_identities\temail, mpid\t"
		    "test.conf:8\n",
		"[output x]\tidentity_limit\t5/90s\ttest.conf:9\n",
		"[ingest]\tlisten\ta:1, b:2\ttest.conf:11\n",
		"[ingest]\tmin_free_disk\t1537\ttest.conf:13\n",
		"[retention]\tdedup\t0s\ttest.conf:15\n"
	};
	struct config *c = parse_with("[output x]\napp_id = 2\n"
	    "forward_identities = mpid, email\nidentity_limit = 5/90000ms\n"
	    "[ingest]\nlisten = a:1\nlisten = b:2\nmin_free_disk = 1537\n"
	    "[retention]\ndedup = 0d\n");
	struct buf shown = BUF_INIT;
	size_t i;
	(void)state;

	print_settings(c, &shown);
	for (i = 0; i < HR_COUNT(lines); i++)
		if (strstr(buf_str(&shown), lines[i]) == NULL)
			fail_msg("not shown: %s", lines[i]);
	buf_free(&shown);
	config_free(c);
}

static void
assert_reload(const char *before, const char *after, const char *changed,
    const char *refused)
{
	struct config *old = parse(before), *new = parse(after);
	struct buf lines = BUF_INIT, wrong = BUF_INIT;

	assert_int_equal(config_may_reload(old, new, &lines, &wrong),
	    refused[0] == '\0');
	assert_string_equal(buf_str(&wrong), refused);
	assert_string_equal(buf_str(&lines), changed);
	buf_free(&lines);
	buf_free(&wrong);
	config_free(old);
	config_free(new);
}

static void
config_may_reload_tells_every_change(void **state)
{
	(void)state;

	assert_reload(MINIMAL, MINIMAL, "", "");
	assert_reload(MINIMAL, MINIMAL "[ingest]\nrequest_timeout = 10000ms\n",
	    "", "");
	assert_reload(MINIMAL, MINIMAL "[agent]\nlog_level = debug\n",
	    "[agent] log_level: info -> debug\n", "");
	assert_reload(MINIMAL "feed_name = Salesforce\n",
	    "[output heap]\napp_id = 1\nrate_share = 0.5\nregion = eu\n"
	    "[input sf]\nkey = k\nsecret = other\n",
	    "[input sf] secret: changed\n"
	    "[input sf] feed_name: Salesforce -> none\n"
	    "[output heap] region: us -> eu\n"
	    "[output heap] base_url: https://heapanalytics.com -> "
	    "https://c.eu.heap-api.com\n"
	    "[output heap] rate_share: 1 -> 0.5\n", "");
}

static void
config_may_reload_matches_inputs_and_outputs_by_name(void **state)
{
	(void)state;

	assert_reload(
	    "[output a]\napp_id = 1\n[output b]\napp_id = 2\n"
	    "[input x]\nkey = k\nsecret = s\n",
	    "[output c]\napp_id = 3\n[output a]\napp_id = 1\n"
	    "[input y]\nkey = k\nsecret = s\n",
	    "[input x] removed\n[input y] added\n"
	    "[output b] removed\n[output c] added\n", "");
}

static void
config_may_reload_refuses_what_needs_a_restart(void **state)
{
	(void)state;

	assert_reload(MINIMAL, MINIMAL "[agent]\ndatabase = q.db\n"
	    "log_level = warn\n",
	    "[agent] database: /var/lib/heaprelay/queue.db -> q.db\n"
	    "[agent] log_level: info -> warn\n"
	    "[admin] token_file: /var/lib/heaprelay/admin.token -> "
	    "admin.token\n",
	    "test.conf:7: [agent] database cannot change while the agent "
	    "runs: restart it\n"
	    "test.conf: [admin] token_file cannot change while the agent "
	    "runs: restart it\n");
	assert_reload(MINIMAL "[identity]\nsecret = hunter2\n", MINIMAL,
	    "[identity] secret: changed\n",
	    "test.conf: [identity] secret cannot change while the agent "
	    "runs: restart it\n");
	assert_reload(MINIMAL, MINIMAL "[ingest]\nlisten = localhost:1\n",
	    "[ingest] listen: 127.0.0.1:8080 -> localhost:1\n",
	    "test.conf:7: [ingest] listen cannot change while the agent "
	    "runs: restart it\n");
}

static void
config_may_reload_takes_certificates_but_does_not_drop_tls(void **state)
{
	static const char first[] = MINIMAL
	    "[ingest]\ntls_certificate = a\ntls_key = b\n";
	static const char second[] = MINIMAL
	    "[ingest]\ntls_certificate = c\ntls_key = b\n";
	(void)state;

	assert_reload(first, second, "[ingest] tls_certificate: a -> c\n", "");
	assert_reload(first, MINIMAL "[ingest]\n",
	    "[ingest] tls_certificate: a -> none\n"
	    "[ingest] tls_key: b -> none\n",
	    "test.conf:6: [ingest] tls_certificate cannot go away while the "
	    "agent runs: restart it\n");
}

/* Each (R) of the table, one at a time, and each that lacks it. */
static void
config_may_reload_follows_the_table(void **state)
{
	static const struct {
		const char *key, *text;
	} rules[] = {
		{ "database", "[agent]\ndatabase = /var/lib/heaprelay/b\n" },
		{ "database_mode", "[agent]\ndatabase_mode = 0640\n" },
		{ "log_level", "[agent]\nlog_level = warn\n" },
		{ "log_format", "[agent]\nlog_format = json\n" },
		{ "stop_grace", "[agent]\nstop_grace = 1s\n" },
		{ "priority", "[identity]\npriority = email\n" },
		{ "max_request_bytes", "[ingest]\nmax_request_bytes = 1m\n" },
		{ "max_connections", "[ingest]\nmax_connections = 1\n" },
		{ "request_timeout", "[ingest]\nrequest_timeout = 1s\n" },
		{ "min_free_disk", "[ingest]\nmin_free_disk = 1\n" },
		{ "max_queue_bytes", "[ingest]\nmax_queue_bytes = 1g\n" },
		{ "allow_remote", "[admin]\nallow_remote = true\n" },
		{ "token_file", "[admin]\ntoken_file = x\n" },
		{ "hosts", "[admin]\nhosts = x\n" },
		{ "read_token_file", "[admin]\nread_token_file = x\n" },
		{ "delivered", "[retention]\ndelivered = 1d\n" },
		{ "skipped", "[retention]\nskipped = 1d\n" },
		{ "discarded", "[retention]\ndiscarded = 1d\n" },
		{ "requests", "[retention]\nrequests = 1d\n" },
		{ "dedup", "[retention]\ndedup = 1d\n" }
	};
	struct buf lines = BUF_INIT, wrong = BUF_INIT;
	struct config *old = parse(MINIMAL), *new;
	const struct config_key *k;
	size_t i, j;
	(void)state;

	for (i = 0; i < HR_COUNT(rules); i++) {
		new = parse_with(rules[i].text);
		for (j = 0; (k = config_key(j)) != NULL; j++)
			if (strcmp(k->key, rules[i].key) == 0)
				break;
		assert_non_null(k);
		buf_reset(&lines);
		assert_int_equal(config_may_reload(old, new, &lines, &wrong),
		    k->reload);
		assert_non_null(strstr(buf_str(&lines), rules[i].key));
		config_free(new);
	}
	buf_free(&lines);
	buf_free(&wrong);
	config_free(old);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    config_key_is_written_and_explained_throughout),
		cmocka_unit_test(
		    config_key_defaults_can_be_written_and_change_nothing),
		cmocka_unit_test(
		    config_each_shows_values_that_can_be_written_back),
		cmocka_unit_test(
		    config_each_tells_values_and_their_origin_but_no_secret),
		cmocka_unit_test(config_may_reload_tells_every_change),
		cmocka_unit_test(
		    config_may_reload_matches_inputs_and_outputs_by_name),
		cmocka_unit_test(
		    config_may_reload_refuses_what_needs_a_restart),
		cmocka_unit_test(
		    config_may_reload_takes_certificates_but_does_not_drop_tls),
		cmocka_unit_test(config_may_reload_follows_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
