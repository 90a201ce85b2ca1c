/*
 * test_config.c - what a configuration file means
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config_fixture.h"
#include "log.h"

static void
config_parse_fills_every_default_of_the_base_sections(void **state)
{
	struct config *c = parse(MINIMAL);
	size_t i;
	(void)state;

	assert_string_equal(c->file, "test.conf");
	assert_string_equal(c->database, "/var/lib/heaprelay/queue.db");
	assert_int_equal(c->database_mode, 0600);
	assert_int_equal(c->log_level, LOG_INFO);
	assert_int_equal(c->log_format, LOG_LOGFMT);
	assert_int_equal(c->stop_grace_ms, 10000);
	assert_null(c->identity_secret);
	assert_int_equal(c->priority_n, mp_default_priority_n);
	for (i = 0; i < mp_default_priority_n; i++)
		assert_int_equal(c->priority[i], mp_default_priority[i]);
	assert_int_equal(c->ingest.listen.n, 1);
	assert_string_equal(c->ingest.listen.s[0], "127.0.0.1:8080");
	assert_null(c->ingest.tls_certificate);
	assert_null(c->ingest.tls_key);
	assert_int_equal(c->max_request_bytes, 262144);
	assert_int_equal(c->max_connections, 1024);
	assert_int_equal(c->request_timeout_ms, 10000);
	assert_int_equal(c->min_free_disk, 64 << 20);
	assert_int_equal(c->max_queue_bytes, 0);
	assert_int_equal(c->admin.listen.n, 1);
	assert_string_equal(c->admin.listen.s[0], "127.0.0.1:8090");
	assert_false(c->allow_remote);
	assert_string_equal(c->token_file, "/var/lib/heaprelay/admin.token");
	assert_int_equal(c->hosts.n, 0);
	assert_null(c->read_token_file);
	assert_int_equal(c->keep_delivered_ms, INT64_C(604800000));
	assert_int_equal(c->keep_skipped_ms, INT64_C(604800000));
	assert_int_equal(c->keep_discarded_ms, INT64_C(604800000));
	assert_int_equal(c->keep_requests_ms, INT64_C(604800000));
	assert_int_equal(c->keep_dedup_ms, INT64_C(2592000000));
	config_free(c);
}

static void
config_parse_fills_every_default_of_inputs_and_outputs(void **state)
{
	struct config *c = parse(MINIMAL);
	const struct config_input *in = config_input(c, "sf");
	const struct config_output *out = config_output(c, "heap");
	size_t i;
	(void)state;

	assert_string_equal(in->key, "k");
	assert_string_equal(in->secret, "s");
	assert_null(in->feed_name);
	assert_int_equal(in->outputs.n, 0);
	assert_int_equal(in->forward_user_attributes, CONFIG_UNSET);
	assert_int_equal(in->forward_web_requests_server_side, CONFIG_UNSET);
	assert_int_equal(in->rate_limit, 0);
	assert_string_equal(out->app_id, "1");
	assert_null(out->development_app_id);
	assert_int_equal(out->external_id, MP_IDENTITIES);
	assert_false(out->forward_user_attributes);
	assert_true(out->forward_web_requests_server_side);
	for (i = 0; i < MP_IDENTITIES; i++)
		assert_false(out->forward_identity[i]);
	assert_false(out->forward_mpid);
	assert_true(out->send_session_id);
	assert_false(out->item_event_names_item);
	assert_string_equal(out->base_url, "https://heapanalytics.com");
	assert_int_equal(out->track_limit.n, 30);
	assert_int_equal(out->track_limit.window_ms, 30000);
	assert_int_equal(out->identity_limit.n, 1000);
	assert_int_equal(out->identity_limit.window_ms, 60000);
	assert_int_equal(out->app_limit.n, 15000);
	assert_int_equal(out->app_limit.window_ms, 60000);
	assert_int_equal(out->properties_limit.n, 30);
	assert_int_equal(out->properties_limit.window_ms, 30000);
	assert_int_equal(out->properties_app_limit.n, 15000);
	assert_int_equal(out->properties_app_limit.window_ms, 60000);
	assert_true(out->rate_share == 1);
	assert_int_equal(out->max_in_flight, 4);
	assert_int_equal(out->backoff_base_ms, 2000);
	assert_int_equal(out->backoff_max_ms, 300000);
	assert_int_equal(out->give_up_after_ms, INT64_C(604800000));
	assert_int_equal(out->connect_timeout_ms, 10000);
	assert_int_equal(out->timeout_ms, 30000);
	assert_null(out->ca_file);
	config_free(c);
}

static void
config_parse_reads_the_base_sections(void **state)
{
	struct config *c = parse(
	    "[agent]\n"
	    "database = /srv/relay/q.db\n"
	    "database_mode = 0640\n"
	    "log_level = debug\n"
	    "log_format = json\n"
	    "stop_grace = 0s\n"
	    "[identity]\n"
	    "secret = test-secret\n"
	    "priority = email,customer_id\n"
	    "priority = ios_idfv\n"
	    "[ingest]\n"
	    "listen = [::]:8443\n"
	    "listen = unix:/run/heaprelay/ingest\n"
	    "tls_certificate = /etc/tls/full.pem\n"
	    "tls_key = /etc/tls/key.pem\n"
	    "max_request_bytes = 1m\n"
	    "max_connections = 7\n"
	    "request_timeout = 250ms\n"
	    "min_free_disk = 4096\n"
	    "max_queue_bytes = 2g\n"
	    "[admin]\n"
	    "listen = 192.0.2.7:8090\n"
	    "allow_remote = true\n"
	    "tls_certificate = a.pem\n"
	    "tls_key = b.pem\n"
	    "token_file = /etc/heaprelay/token\n"
	    "hosts = relay.example, relay\n"
	    "read_token_file = look.token\n"
	    "[retention]\n"
	    "delivered = 1d\n"
	    "skipped = 2h\n"
	    "discarded = 3m\n"
	    "requests = 4s\n"
	    "dedup = 5ms\n"
	    MINIMAL);
	(void)state;

	assert_string_equal(c->database, "/srv/relay/q.db");
	assert_int_equal(c->database_mode, 0640);
	assert_int_equal(c->log_level, LOG_DEBUG);
	assert_int_equal(c->log_format, LOG_JSON);
	assert_int_equal(c->stop_grace_ms, 0);
	assert_string_equal(c->identity_secret, "test-secret");
	assert_int_equal(c->priority_n, 3);
	assert_int_equal(c->priority[0], MP_EMAIL);
	assert_int_equal(c->priority[1], MP_CUSTOMER_ID);
	assert_int_equal(c->priority[2], MP_IOS_IDFV);
	assert_int_equal(c->ingest.listen.n, 2);
	assert_string_equal(c->ingest.listen.s[0], "[::]:8443");
	assert_string_equal(c->ingest.listen.s[1],
	    "unix:/run/heaprelay/ingest");
	assert_string_equal(c->ingest.tls_certificate, "/etc/tls/full.pem");
	assert_string_equal(c->ingest.tls_key, "/etc/tls/key.pem");
	assert_int_equal(c->max_request_bytes, 1 << 20);
	assert_int_equal(c->max_connections, 7);
	assert_int_equal(c->request_timeout_ms, 250);
	assert_int_equal(c->min_free_disk, 4096);
	assert_int_equal(c->max_queue_bytes, INT64_C(2) << 30);
	assert_int_equal(c->admin.listen.n, 1);
	assert_string_equal(c->admin.listen.s[0], "192.0.2.7:8090");
	assert_true(c->allow_remote);
	assert_string_equal(c->token_file, "/etc/heaprelay/token");
	assert_int_equal(c->hosts.n, 2);
	assert_string_equal(c->hosts.s[0], "relay.example");
	assert_string_equal(c->hosts.s[1], "relay");
	assert_string_equal(c->read_token_file, "/srv/relay/look.token");
	assert_int_equal(c->keep_delivered_ms, 86400000);
	assert_int_equal(c->keep_skipped_ms, 7200000);
	assert_int_equal(c->keep_discarded_ms, 180000);
	assert_int_equal(c->keep_requests_ms, 4000);
	assert_int_equal(c->keep_dedup_ms, 5);
	config_free(c);
}

static void
config_parse_reads_inputs_and_outputs_in_the_order_of_the_file(void **state)
{
	struct config *c = parse(
	    "[input web-2]\n"
	    "key = us1-abc\n"
	    "secret = with = and [brackets] and;semicolon\n"
	    "feed_name = Feed #2\n"
	    "outputs = b, a\n"
	    "forward_user_attributes = true\n"
	    "forward_web_requests_server_side = false\n"
	    "rate_limit = 50\n"
	    "[output a]\n"
	    "app_id = 12345678901234567890\n"
	    "[output b]\n"
	    "app_id = 2\n"
	    "development_app_id = 3\n"
	    "external_id = other_id_10\n"
	    "forward_user_attributes = true\n"
	    "forward_web_requests_server_side = false\n"
	    "forward_identities = mpid, email\n"
	    "send_session_id = false\n"
	    "item_event_names = item\n"
	    "region = eu\n"
	    "track_limit = 5/100ms\n"
	    "identity_limit = 1/1s\n"
	    "app_limit = 2/2m\n"
	    "properties_limit = 3/1h\n"
	    "properties_app_limit = 4/1d\n"
	    "rate_share = 0.25\n"
	    "max_in_flight = 64\n"
	    "backoff_base = 1s\n"
	    "backoff_max = 1s\n"
	    "give_up_after = 12h\n"
	    "connect_timeout = 1s\n"
	    "timeout = 2s\n"
	    "ca_file = /etc/ca.pem\n"
	    "[input other_1]\n"
	    "key = second\n"
	    "secret = x\n");
	const struct config_output *b = config_output(c, "b");
	(void)state;

	assert_int_equal(c->inputs_n, 2);
	assert_string_equal(c->inputs[0].name, "web-2");
	assert_string_equal(c->inputs[0].key, "us1-abc");
	assert_string_equal(c->inputs[0].secret,
	    "with = and [brackets] and;semicolon");
	assert_string_equal(c->inputs[0].feed_name, "Feed #2");
	assert_int_equal(c->inputs[0].outputs.n, 2);
	assert_string_equal(c->inputs[0].outputs.s[0], "b");
	assert_string_equal(c->inputs[0].outputs.s[1], "a");
	assert_int_equal(c->inputs[0].forward_user_attributes, CONFIG_TRUE);
	assert_int_equal(c->inputs[0].forward_web_requests_server_side,
	    CONFIG_FALSE);
	assert_int_equal(c->inputs[0].rate_limit, 50);
	assert_string_equal(c->inputs[1].name, "other_1");
	assert_int_equal(c->outputs_n, 2);
	assert_string_equal(c->outputs[0].app_id, "12345678901234567890");
	assert_ptr_equal(b, &c->outputs[1]);
	assert_string_equal(b->development_app_id, "3");
	assert_int_equal(b->external_id, MP_OTHER_ID_10);
	assert_true(b->forward_user_attributes);
	assert_false(b->forward_web_requests_server_side);
	assert_true(b->forward_mpid);
	assert_true(b->forward_identity[MP_EMAIL]);
	assert_false(b->forward_identity[MP_CUSTOMER_ID]);
	assert_false(b->send_session_id);
	assert_true(b->item_event_names_item);
	assert_string_equal(b->base_url, "https://c.eu.heap-api.com");
	assert_int_equal(b->track_limit.n, 5);
	assert_int_equal(b->track_limit.window_ms, 100);
	assert_int_equal(b->identity_limit.window_ms, 1000);
	assert_int_equal(b->app_limit.window_ms, 120000);
	assert_int_equal(b->properties_limit.window_ms, 3600000);
	assert_int_equal(b->properties_app_limit.window_ms, 86400000);
	assert_true(b->rate_share == 0.25);
	assert_int_equal(b->max_in_flight, 64);
	assert_int_equal(b->backoff_base_ms, 1000);
	assert_int_equal(b->backoff_max_ms, 1000);
	assert_int_equal(b->give_up_after_ms, 43200000);
	assert_int_equal(b->connect_timeout_ms, 1000);
	assert_int_equal(b->timeout_ms, 2000);
	assert_string_equal(b->ca_file, "/etc/ca.pem");
	config_free(c);
}

static void
config_parse_reads_every_external_id(void **state)
{
	static const struct {
		const char *name;
		enum mp_identity_type type;
	} rules[] = {
		{ "mpid", MP_IDENTITIES }, { "customer_id", MP_CUSTOMER_ID },
		{ "email", MP_EMAIL }, { "other", MP_OTHER },
		{ "other_id_2", MP_OTHER_ID_2 },
		{ "other_id_3", MP_OTHER_ID_3 },
		{ "other_id_4", MP_OTHER_ID_4 },
		{ "other_id_5", MP_OTHER_ID_5 },
		{ "other_id_6", MP_OTHER_ID_6 },
		{ "other_id_7", MP_OTHER_ID_7 },
		{ "other_id_8", MP_OTHER_ID_8 },
		{ "other_id_9", MP_OTHER_ID_9 },
		{ "other_id_10", MP_OTHER_ID_10 }
	};
	struct config *c;
	char *text;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(rules); i++) {
		text = xasprintf("[output x]\napp_id = 9\nexternal_id = %s\n",
		    rules[i].name);
		c = parse_with(text);
		assert_int_equal(config_output(c, "x")->external_id,
		    rules[i].type);
		config_free(c);
		free(text);
	}
}

static void
config_parse_forwards_the_seventeen_identities_for_all(void **state)
{
	static const enum mp_identity_type never[] = {
		MP_FACEBOOK, MP_TWITTER, MP_GOOGLE, MP_MICROSOFT, MP_YAHOO,
		MP_ALIAS, MP_FACEBOOK_CUSTOM_AUDIENCE_ID, MP_MOBILE_NUMBER,
		MP_PHONE_NUMBER_2, MP_PHONE_NUMBER_3, MP_ROKU_ADVERTISING_ID,
		MP_ROKU_PUBLISHER_ID, MP_MICROSOFT_PUBLISHER_ID,
		MP_MICROSOFT_ADVERTISING_ID, MP_FIRE_ADVERTISING_ID,
		MP_AMP_ID, MP_MP_DEVICEID
	};
	struct config *c = parse_with("[output x]\napp_id = 9\n"
	    "forward_identities = all\n");
	const struct config_output *x = config_output(c, "x");
	size_t i, n = 0;
	(void)state;

	for (i = 0; i < MP_IDENTITIES; i++)
		n += x->forward_identity[i];
	assert_int_equal(n, 16);
	assert_true(x->forward_mpid);
	for (i = 0; i < HR_COUNT(never); i++)
		assert_false(x->forward_identity[never[i]]);
	config_free(c);
}

static void
config_parse_forwards_no_identity_for_an_empty_list(void **state)
{
	struct config *c = parse_with("[output x]\napp_id = 9\n"
	    "forward_identities =\n");
	const struct config_output *x = config_output(c, "x");
	size_t i;
	(void)state;

	assert_false(x->forward_mpid);
	for (i = 0; i < MP_IDENTITIES; i++)
		assert_false(x->forward_identity[i]);
	config_free(c);
}

static void
config_parse_writes_a_base_url_in_one_spelling(void **state)
{
	static const struct {
		const char *given, *kept;
	} rules[] = {
		{ "https://heap.example", "https://heap.example" },
		{ "https://heap.example/", "https://heap.example" },
		{ "HTTPS://Heap.Example:443/Api/v1/",
		  "https://heap.example/Api/v1" },
		{ "https://heap.example:8443", "https://heap.example:8443" },
		/* With the dot of the root it is the same name. */
		{ "https://heap.example.", "https://heap.example" },
		{ "https://heap.example.:443/v1", "https://heap.example/v1" },
		{ "http://LOCALHOST.:9000", "http://localhost:9000" },
		{ "https://[2001:DB8::1]:4", "https://[2001:db8::1]:4" },
		{ "http://localhost:80", "http://localhost" },
		{ "http://127.1.2.3:9000/x", "http://127.1.2.3:9000/x" },
		{ "http://[::1]:9000", "http://[::1]:9000" },
		{ "http://localhost:443", "http://localhost:443" }
	};
	struct config *c;
	char *text;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(rules); i++) {
		text = xasprintf("[output x]\napp_id = 9\nbase_url = %s\n",
		    rules[i].given);
		c = parse_with(text);
		assert_string_equal(config_output(c, "x")->base_url,
		    rules[i].kept);
		config_free(c);
		free(text);
	}
}

static void
config_parse_prefers_a_base_url_to_the_region(void **state)
{
	struct config *c = parse_with("[output x]\napp_id = 9\n"
	    "region = eu\nbase_url = https://heap.example\n");
	(void)state;

	assert_string_equal(config_output(c, "x")->base_url,
	    "https://heap.example");
	config_free(c);
}

static void
config_parse_takes_admin_listeners_that_stay_on_the_host(void **state)
{
	static const char *const local[] = {
		"127.0.0.1:1", "127.255.0.9:0", "[::1]:65535", "localhost:80",
		"LocalHost:80", "unix:/run/admin.sock"
	};
	struct config *c;
	char *text;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(local); i++) {
		text = xasprintf("[admin]\nlisten = %s\n", local[i]);
		c = parse_with(text);
		assert_string_equal(c->admin.listen.s[0], local[i]);
		config_free(c);
		free(text);
	}
}

static void
config_parse_ignores_comments_blank_lines_and_line_ends(void **state)
{
	struct config *c = parse("\xef\xbb\xbf# of any length "
	    FIFTY FIFTY FIFTY FIFTY FIFTY " = x\r\n"
	    "\r\n"
	    " \t\n"
	    "  ; indented\n"
	    "[ output  heap ]  \r\n"
	    "app_id=1  \r\n"
	    "[input sf]\n"
	    "key\t=\tk k\n"
	    "secret = s");
	(void)state;

	assert_string_equal(c->outputs[0].app_id, "1");
	assert_string_equal(c->inputs[0].key, "k k");
	assert_string_equal(c->inputs[0].secret, "s");
	config_free(c);
}

static void
config_parse_reads_the_longest_line_in_full(void **state)
{
	/* "secret = " and 190 digits make 199 bytes. */
	static const char digits[] = FIFTY FIFTY FIFTY TEN TEN TEN TEN;
	char *text = xasprintf("[output heap]\napp_id = 1\n"
	    "[input sf]\nsecret = %s\nkey = k\n", digits);
	struct config *c = parse(text);
	(void)state;

	assert_string_equal(c->inputs[0].secret, digits);
	assert_string_equal(c->inputs[0].key, "k");
	config_free(c);
	free(text);
}

static void
config_parse_lets_a_bare_token_name_lie_beside_the_database(void **state)
{
	static const struct {
		const char *database, *token_file, *resolved;
	} rules[] = {
		{ "/a/b/q.db", "t", "/a/b/t" },
		{ "/q.db", "t", "/t" },
		{ "q.db", "t", "t" },
		{ "/a/q.db", "./t", "./t" },
		{ "/a/q.db", "/b/t", "/b/t" }
	};
	struct config *c;
	char *text;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(rules); i++) {
		text = xasprintf("[admin]\ntoken_file = %s\n"
		    "[agent]\ndatabase = %s\n", rules[i].token_file,
		    rules[i].database);
		c = parse_with(text);
		assert_string_equal(c->token_file, rules[i].resolved);
		config_free(c);
		free(text);
	}
}

static void
config_parse_lets_outputs_share_an_app_with_equal_windows(void **state)
{
	struct config *c = parse_with(
	    "[output again]\napp_id = 1\ntrack_limit = 30/30000ms\n"
	    "base_url = https://HEAPANALYTICS.com/\n");
	(void)state;

	assert_int_equal(c->outputs_n, 2);
	config_free(c);
}

static void
config_parse_lets_one_app_id_differ_by_region(void **state)
{
	struct config *c = parse_with("[output eu]\napp_id = 1\n"
	    "region = eu\ntrack_limit = 1/1s\n");
	(void)state;

	assert_int_equal(c->outputs_n, 2);
	config_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    config_parse_fills_every_default_of_the_base_sections),
		cmocka_unit_test(
		    config_parse_fills_every_default_of_inputs_and_outputs),
		cmocka_unit_test(config_parse_reads_the_base_sections),
		cmocka_unit_test(
	    config_parse_reads_inputs_and_outputs_in_the_order_of_the_file),
		cmocka_unit_test(config_parse_reads_every_external_id),
		cmocka_unit_test(
		    config_parse_forwards_the_seventeen_identities_for_all),
		cmocka_unit_test(
		    config_parse_forwards_no_identity_for_an_empty_list),
		cmocka_unit_test(
		    config_parse_writes_a_base_url_in_one_spelling),
		cmocka_unit_test(config_parse_prefers_a_base_url_to_the_region),
		cmocka_unit_test(
		    config_parse_takes_admin_listeners_that_stay_on_the_host),
		cmocka_unit_test(
		    config_parse_ignores_comments_blank_lines_and_line_ends),
		cmocka_unit_test(config_parse_reads_the_longest_line_in_full),
		cmocka_unit_test(
	    config_parse_lets_a_bare_token_name_lie_beside_the_database),
		cmocka_unit_test(
		    config_parse_lets_outputs_share_an_app_with_equal_windows),
		cmocka_unit_test(config_parse_lets_one_app_id_differ_by_region),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
