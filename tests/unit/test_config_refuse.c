/*
 * test_config_refuse.c - what a configuration file may not say: one rule a row
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config_fixture.h"

struct refusal {
	const char *text;
	const char *why;
};

static void
assert_all_refused(const struct refusal *rules, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		assert_refused(rules[i].text, rules[i].why);
}

static void
config_parse_refuses_malformed_lines(void **state)
{
	static const struct refusal rules[] = {
		{ "", "f: no output: add a section [output NAME] with the "
		  "app_id of a Heap environment" },
		{ "database = x\n", "f:1: a key before the first [section]" },
		{ "[agent]\n\ndatabase\nlog_level = x\n",
		  "f:3: neither [section] nor KEY = VALUE" },
		{ "[agent]\ndatabase",
		  "f:2: neither [section] nor KEY = VALUE" },
		{ "[agent]\ndatabase = q.db ; the queue\n",
		  "f:2: \" ;\" would begin a comment, which stands on a line "
		  "of its own (a secret that holds it may lie in a file: "
		  "KEY_file = PATH)" },
		{ "[agent]\ndatabase = ;q.db\n",
		  "f:2: \" ;\" would begin a comment, which stands on a line "
		  "of its own (a secret that holds it may lie in a file: "
		  "KEY_file = PATH)" },
		{ "[agent]\ndatabase = q.db\n  more\n",
		  "f:3: a line that begins with a blank: a setting begins at "
		  "the margin and ends with its line" },
		{ "[agent]\n\tdatabase = q.db\n",
		  "f:2: a line that begins with a blank: a setting begins at "
		  "the margin and ends with its line" },
		{ "[agent\n", "f:1: a section is [WORD] or [WORD NAME], on a "
		  "line of its own" },
		{ "[agent] # x\n", "f:1: a section is [WORD] or [WORD NAME], "
		  "on a line of its own" },
		{ "[input a b]\n", "f:1: a section is [WORD] or [WORD NAME], "
		  "on a line of its own" },
		{ "[agent]\ndatabase = q\x01\n",
		  "f:2: control characters, or not UTF-8" },
		{ "[agent]\ndatabase = \xff\n",
		  "f:2: control characters, or not UTF-8" },
		{ "[agent]\ndatabase = \xc0\x80\n",
		  "f:2: control characters, or not UTF-8" },
		{ "[agent]\ndatabase = \xed\xa0\x80\n",
		  "f:2: control characters, or not UTF-8" },
		{ "[agent]\ndatabase = \xf0\x9f\x98\n",
		  "f:2: control characters, or not UTF-8" },
		{ "[agent]\ndatabase =\n", "f:2: [agent] database: has no "
		  "value" },
		{ "[identity]\nsecret_file =\n",
		  "f:2: secret_file has no value" }
	};
	static const char nul[] = "[agent]\ndatabase = a\0b\n";
	(void)state;

	assert_all_refused(rules, HR_COUNT(rules));
	assert_refused_text(nul, sizeof(nul) - 1,
	    "f:2: control characters, or not UTF-8");
}

static void
config_parse_refuses_lines_that_would_be_cut(void **state)
{
	static const struct refusal rules[] = {
		{ "[input a]\nsecret = " FIFTY FIFTY FIFTY TEN TEN TEN TEN
		  "x\n", "f:2: line of 200 bytes, at most 199 are read: put "
		  "the value into a file and write \"secret_file = PATH\"" },
		{ "[input a]\nkey = " FIFTY FIFTY FIFTY FIFTY "\n",
		  "f:2: line of 206 bytes, at most 199 are read: put the "
		  "value into a file and write \"key_file = PATH\"" },
		{ "[identity]\npriority = " FIFTY FIFTY FIFTY FIFTY "\n",
		  "f:2: line of 211 bytes, at most 199 are read: go on in "
		  "another line \"priority = ...\"" },
		{ "[agent]\ndatabase = " FIFTY FIFTY FIFTY FIFTY "\n",
		  "f:2: line of 211 bytes, at most 199 are read (a secret "
		  "may lie in a file: KEY_file = PATH)" }
	};
	(void)state;

	assert_all_refused(rules, HR_COUNT(rules));
}

static void
config_parse_refuses_unknown_and_repeated_names(void **state)
{
	static const struct refusal rules[] = {
		{ "[agnet]\n",
		  "f:1: unknown section [agnet]; did you mean \"agent\"?" },
		{ "[outputs heap]\n",
		  "f:1: unknown section [outputs]; did you mean \"output\"?" },
		{ "[wholly_different]\n",
		  "f:1: unknown section [wholly_different]" },
		{ "[]\n", "f:1: unknown section []" },
		{ "[agent relay]\n", "f:1: [agent] takes no name" },
		{ "[input]\n", "f:1: [input NAME] needs a name of a-z, 0-9, _ "
		  "and - that begins with a letter" },
		{ "[input Salesforce]\n", "f:1: [input NAME] needs a name of "
		  "a-z, 0-9, _ and - that begins with a letter" },
		{ "[output 1st]\n", "f:1: [output NAME] needs a name of a-z, "
		  "0-9, _ and - that begins with a letter" },
		{ "[output heap.development]\n", "f:1: [output NAME] needs a "
		  "name of a-z, 0-9, _ and - that begins with a letter" },
		{ "[agent]\n[admin]\n[agent]\n",
		  "f:3: section [agent] again, first in line 1" },
		{ MINIMAL "[output heap]\n",
		  "f:6: section [output heap] again, first in line 1" },
		{ "[agent]\nlgo_level = debug\n",
		  "f:2: unknown key \"lgo_level\" in [agent]; did you mean "
		  "\"log_level\"?" },
		{ "[input sf]\nrate = 1\n",
		  "f:2: unknown key \"rate\" in [input sf]" },
		{ "[agent]\ntls_key = x\n",
		  "f:2: unknown key \"tls_key\" in [agent]" },
		{ "[agent]\nsecret = x\n",
		  "f:2: unknown key \"secret\" in [agent]" },
		{ "[agent]\ndatabase_file = x\n",
		  "f:2: unknown key \"database_file\" in [agent]; did you "
		  "mean \"database_mode\"?" },
		{ "[agent]\nLog_Level = debug\n", "f:2: unknown key in "
		  "[agent]; did you mean \"log_level\"?" },
		{ "[input sf]\nsecret = a\nU2VjcmV0IQ==\n",
		  "f:3: unknown key in [input sf]" },
		{ "[agent]\ndatabase = a\ndatabase = a\n",
		  "f:3: key \"database\" again, first in line 2" },
		{ "[input sf]\nsecret = a\nsecret_file = /dev/null\n",
		  "f:3: secret_file: /dev/null is empty" },
		{ "[output a]\ntrack_limit = 1/1s\ntrack_limit = 1/1s\n",
		  "f:3: key \"track_limit\" again, first in line 2" }
	};
	(void)state;

	assert_all_refused(rules, HR_COUNT(rules));
}

static void
config_parse_refuses_a_secret_given_twice(void **state)
{
	char *directory = make_directory();
	char *path = file_of(directory, "s", "x");
	char *text = xasprintf("[input sf]\nsecret = a\nsecret_file = %s\n",
	    path);
	(void)state;

	assert_refused(text,
	    "f:3: key \"secret_file\" again, first in line 2");
	free(text);
	remove_file(path);
	remove_directory(directory);
}

static void
config_parse_refuses_bad_numbers(void **state)
{
	static const struct refusal rules[] = {
		{ "[agent]\nstop_grace = 30\n", "f:2: [agent] stop_grace: "
		  "\"30\" lacks a unit: write 30s for seconds (or ms, m, h, "
		  "d)" },
		{ "[agent]\nstop_grace = 30 s\n", "f:2: [agent] stop_grace: "
		  "\"30 s\" is not a duration such as 250ms, 30s, 5m, 12h or "
		  "7d" },
		{ "[agent]\nstop_grace = 1.5s\n", "f:2: [agent] stop_grace: "
		  "\"1.5s\" is not a duration such as 250ms, 30s, 5m, 12h or "
		  "7d" },
		{ "[agent]\nstop_grace = -1s\n", "f:2: [agent] stop_grace: "
		  "\"-1s\" is not a duration such as 250ms, 30s, 5m, 12h or "
		  "7d" },
		{ "[agent]\nstop_grace = 9223372036854775807d\n",
		  "f:2: [agent] stop_grace: \"9223372036854775807d\" is not "
		  "a duration such as 250ms, 30s, 5m, 12h or 7d" },
		{ "[agent]\nstop_grace = 61m\n", "f:2: [agent] stop_grace: "
		  "must be between 0s and 1h" },
		{ "[ingest]\nrequest_timeout = 99ms\n", "f:2: [ingest] "
		  "request_timeout: must be between 100ms and 1h" },
		{ "[ingest]\nmax_request_bytes = 256K\n", "f:2: [ingest] "
		  "max_request_bytes: \"256K\" is not a size such as 4096, "
		  "256k, 64m or 1g" },
		{ "[ingest]\nmax_request_bytes = 1023\n", "f:2: [ingest] "
		  "max_request_bytes: must be between 1k and 64m" },
		{ "[ingest]\nmax_queue_bytes = 9007199254740992g\n",
		  "f:2: [ingest] max_queue_bytes: \"9007199254740992g\" is "
		  "not a size such as 4096, 256k, 64m or 1g" },
		{ "[ingest]\nmax_connections = 0\n", "f:2: [ingest] "
		  "max_connections: must be between 1 and 1000000" },
		{ "[ingest]\nmax_connections = 1k\n", "f:2: [ingest] "
		  "max_connections: \"1k\" is not a whole number" },
		{ "[input a]\nrate_limit = 99999999999999999999\n",
		  "f:2: [input a] rate_limit: \"99999999999999999999\" is "
		  "not a whole number" },
		{ "[output a]\nmax_in_flight = 65\n", "f:2: [output a] "
		  "max_in_flight: must be between 1 and 64" },
		{ "[output a]\nrate_share = 0\n", "f:2: [output a] "
		  "rate_share: \"0\" is not a number above 0 and up to 1, "
		  "such as 0.5" },
		{ "[output a]\nrate_share = 1.01\n", "f:2: [output a] "
		  "rate_share: \"1.01\" is not a number above 0 and up to 1, "
		  "such as 0.5" },
		{ "[output a]\nrate_share = 0x1p-1\n", "f:2: [output a] "
		  "rate_share: \"0x1p-1\" is not a number above 0 and up to "
		  "1, such as 0.5" },
		{ "[output a]\nrate_share = 0.5.0\n", "f:2: [output a] "
		  "rate_share: \"0.5.0\" is not a number above 0 and up to "
		  "1, such as 0.5" },
		{ "[output a]\ntrack_limit = 30\n", "f:2: [output a] "
		  "track_limit: \"30\" is not N/DURATION, such as 30/30s" },
		{ "[output a]\ntrack_limit = 30/\n", "f:2: [output a] "
		  "track_limit: \"\" is not a duration such as 250ms, 30s, "
		  "5m, 12h or 7d" },
		{ "[output a]\ntrack_limit = 30/30\n", "f:2: [output a] "
		  "track_limit: \"30\" lacks a unit: write 30s for seconds "
		  "(or ms, m, h, d)" },
		{ "[output a]\ntrack_limit = 0/30s\n", "f:2: [output a] "
		  "track_limit: the number of \"0/30s\" must be between 1 "
		  "and 1000000000" },
		{ "[output a]\ntrack_limit = 1/99ms\n", "f:2: [output a] "
		  "track_limit: the window of \"1/99ms\" must be between "
		  "100ms and 1d" },
		{ "[output a]\ntrack_limit = 1/25h\n", "f:2: [output a] "
		  "track_limit: the window of \"1/25h\" must be between "
		  "100ms and 1d" }
	};
	(void)state;

	assert_all_refused(rules, HR_COUNT(rules));
}

static void
config_parse_refuses_words_it_does_not_know(void **state)
{
	static const struct refusal rules[] = {
		{ "[agent]\nlog_level = debgu\n", "f:2: [agent] log_level: "
		  "\"debgu\" is none of error, warn, info, debug; did you "
		  "mean \"debug\"?" },
		{ "[agent]\nlog_format = xml\n", "f:2: [agent] log_format: "
		  "\"xml\" is none of logfmt, json" },
		{ "[agent]\ndatabase_mode = 640\n", "f:2: [agent] "
		  "database_mode: \"640\" is none of 0600, 0640; did you "
		  "mean \"0640\"?" },
		{ "[admin]\nallow_remote = yes\n", "f:2: [admin] "
		  "allow_remote: \"yes\" is neither true nor false" },
		{ "[input a]\nforward_user_attributes = 1\n", "f:2: [input a] "
		  "forward_user_attributes: \"1\" is neither true nor "
		  "false" },
		{ "[output a]\nregion = uk\n", "f:2: [output a] region: "
		  "\"uk\" is none of us, eu; did you mean \"us\"?" },
		{ "[output a]\nexternal_id = other_id_11\n", "f:2: [output a] "
		  "external_id: \"other_id_11\" is none of mpid, "
		  "customer_id, email, other, other_id_2, other_id_3, "
		  "other_id_4, other_id_5, other_id_6, other_id_7, "
		  "other_id_8, other_id_9, other_id_10; did you mean "
		  "\"other_id_10\"?" },
		{ "[output a]\nitem_event_names = Item\n", "f:2: [output a] "
		  "item_event_names: \"Item\" is none of descriptive, item; "
		  "did you mean \"item\"?" },
		{ "[output a]\nforward_identities = email, facebook\n",
		  "f:2: [output a] forward_identities: \"facebook\" is none "
		  "of email, customer_id, mpid, other, other_id_2, "
		  "other_id_3, other_id_4, other_id_5, other_id_6, "
		  "other_id_7, other_id_8, other_id_9, other_id_10, "
		  "android_uuid, android_advertising_id, ios_advertising_id, "
		  "ios_idfv" },
		{ "[output a]\nforward_identities = email, email\n",
		  "f:2: [output a] forward_identities: \"email\" twice" },
		{ "[identity]\npriority = emial\n", "f:2: [identity] "
		  "priority: \"emial\" is no identity type; did you mean "
		  "\"email\"?" },
		{ "[identity]\npriority = mpid\n", "f:2: [identity] "
		  "priority: \"mpid\" is no identity type; did you mean "
		  "\"amp_id\"?" },
		{ "[identity]\npriority = email\npriority = email\n",
		  "f:3: [identity] priority: \"email\" twice" },
		{ "[identity]\npriority = email,,other\n", "f:2: [identity] "
		  "priority: \"email,,other\" has an empty place" },
		{ "[identity]\npriority = email,\n", "f:2: [identity] "
		  "priority: \"email,\" has an empty place" },
		{ "[identity]\npriority = email other\n", "f:2: [identity] "
		  "priority: \"email other\": separate names with commas" },
		{ "[input a]\noutputs = x, x\n",
		  "f:2: [input a] outputs: \"x\" twice" }
	};
	(void)state;

	assert_all_refused(rules, HR_COUNT(rules));
}

static void
config_parse_refuses_bad_addresses(void **state)
{
	static const char *const listeners[] = {
		"8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
		"127.0.0.1:x", ":8080", "::1:8080", "[::1]", "[::1]8080",
		"[127.0.0.1]:80", "*:80", "a b:80", "http://localhost:80"
	};
	static const char *const urls[] = {
		"https://", "https:///x", "https://a?x=1", "https://a#x",
		"https://user:pw@a", "https://a//", "https://a:0",
		"https://a:65536", "https://a b", "https://[::1",
		"https://[a]", "https://a/\"x\"", "https://.", "https://a..",
		"https://.:8443"
	};
	static const char *const remote[] = {
		"http://heap.example", "http://128.0.0.1", "http://[::2]",
		"http://127.0.0.1.example", "http://localhost.example"
	};
	char *text, *expected;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(listeners); i++) {
		text = xasprintf("[ingest]\nlisten = %s\n", listeners[i]);
		expected = xasprintf("f:2: [ingest] listen: \"%s\" is not "
		    "HOST:PORT, [HOST]:PORT or unix:PATH", listeners[i]);
		assert_refused(text, expected);
		free(text);
		free(expected);
	}
	for (i = 0; i < HR_COUNT(urls); i++) {
		text = xasprintf("[output a]\nbase_url = %s\n", urls[i]);
		assert_refused(text, "f:2: [output a] base_url: is not of the "
		    "form https://HOST[:PORT][/PATH] (no user, query or "
		    "fragment)");
		free(text);
	}
	for (i = 0; i < HR_COUNT(remote); i++) {
		text = xasprintf("[output a]\nbase_url = %s\n", remote[i]);
		assert_refused(text, "f:2: [output a] base_url: plain http is "
		    "only for loopback; use https");
		free(text);
	}
}

static void
config_parse_refuses_other_bad_addresses(void **state)
{
	static const struct refusal rules[] = {
		{ "[ingest]\nlisten = unix:\n", "f:2: [ingest] listen: "
		  "\"unix:\" must name a socket of 1 to 107 bytes" },
		{ "[ingest]\nlisten = unix:/a, unix:/b\n", "f:2: [ingest] "
		  "listen: \"unix:/a, unix:/b\" has a comma; each listener "
		  "has a line of its own" },
		{ "[ingest]\nlisten = unix:" FIFTY FIFTY "12345678\n",
		  "f:2: [ingest] listen: \"unix:" FIFTY FIFTY "12345678\" "
		  "must name a socket of 1 to 107 bytes" },
		{ "[ingest]\nlisten = a:1\nlisten = a:1\n",
		  "f:3: [ingest] listen: \"a:1\" twice" },
		{ "[output a]\nbase_url = heap.example\n", "f:2: [output a] "
		  "base_url: does not begin with https://" },
		{ "[output a]\napp_id = 12a\n", "f:2: [output a] app_id: "
		  "\"12a\" is not an app id: 1 to 20 digits" },
		{ "[output a]\ndevelopment_app_id = 123456789012345678901\n",
		  "f:2: [output a] development_app_id: "
		  "\"123456789012345678901\" is not an app id: 1 to 20 "
		  "digits" }
	};
	(void)state;

	assert_all_refused(rules, HR_COUNT(rules));
}

static void
config_parse_refuses_what_is_incomplete(void **state)
{
	static const struct refusal rules[] = {
		{ "[input sf]\nkey = k\nsecret = s\n", "f:3: no output: add a "
		  "section [output NAME] with the app_id of a Heap "
		  "environment" },
		{ "[output heap]\napp_id = 1\n", "f:2: no input: add a "
		  "section [input NAME] with the key and secret of a "
		  "sender" },
		{ "\n[output heap]\n", "f:2: [output heap] has no app_id: add "
		  "\"app_id = ...\"" },
		{ "[input sf]\nsecret = s\n", "f:1: [input sf] has no key: "
		  "add \"key = ...\" or \"key_file = PATH\"" },
		{ "[input sf]\nkey = k\n", "f:1: [input sf] has no secret: "
		  "add \"secret = ...\" or \"secret_file = PATH\"" },
		{ MINIMAL "[ingest]\ntls_key = x\n",
		  "f:7: [ingest] tls_key needs tls_certificate" },
		{ MINIMAL "[admin]\ntls_certificate = x\n",
		  "f:7: [admin] tls_certificate needs tls_key" }
	};
	(void)state;

	assert_all_refused(rules, HR_COUNT(rules));
}

static void
config_parse_refuses_an_unguarded_remote_admin_listener(void **state)
{
	static const struct refusal rules[] = {
		{ MINIMAL "[admin]\nlisten = 0.0.0.0:8090\n", "f:7: [admin] "
		  "listen: 0.0.0.0:8090 is neither loopback nor a socket "
		  "file and needs allow_remote = true, tls_certificate and "
		  "tls_key" },
		{ MINIMAL "[admin]\nlisten = [::]:8090\nallow_remote = true\n",
		  "f:7: [admin] listen: [::]:8090 is neither loopback nor a "
		  "socket file and needs tls_certificate and tls_key" },
		{ MINIMAL "[admin]\nlisten = 127.0.0.1:1\n"
		  "listen = localhost.example:8090\n"
		  "tls_certificate = a\ntls_key = b\n",
		  "f:7: [admin] listen: localhost.example:8090 is neither "
		  "loopback nor a socket file and needs allow_remote = "
		  "true" }
	};
	(void)state;

	assert_all_refused(rules, HR_COUNT(rules));
}

static void
config_parse_refuses_settings_that_contradict_each_other(void **state)
{
	static const struct refusal rules[] = {
		{ MINIMAL "[input b]\nsecret = t\nkey = k\n",
		  "f:8: [input b] key: [input sf] has the same" },
		{ MINIMAL "[input b]\nsecret = t\nkey = a:b\n",
		  "f:8: [input b] key: a colon ends the user name of Basic "
		  "credentials" },
		{ MINIMAL "outputs = haep\n", "f:6: [input sf] outputs: there "
		  "is no [output haep]; did you mean \"heap\"?" },
		{ MINIMAL "[output b]\napp_id = 2\ndevelopment_app_id = 2\n",
		  "f:8: [output b] development_app_id is its app_id: test "
		  "data would mix with the real" },
		{ MINIMAL "[output b]\napp_id = 2\nbackoff_max = 1s\n",
		  "f:8: [output b] backoff_max is less than backoff_base" },
		{ MINIMAL "[output b]\napp_id = 1\ntrack_limit = 29/30s\n",
		  "f:8: [output b] track_limit differs from that of [output "
		  "heap], which shares the app 1" },
		{ MINIMAL "[output b]\ndevelopment_app_id = 1\napp_id = 2\n"
		  "identity_limit = 1/1s\n",
		  "f:9: [output b] identity_limit differs from that of "
		  "[output heap], which shares the app 1" },
		{ MINIMAL "[output b]\napp_id = 1\napp_limit = 1/1s\n",
		  "f:8: [output b] app_limit differs from that of [output "
		  "heap], which shares the app 1" },
		{ MINIMAL "[output b]\napp_id = 1\nproperties_limit = 1/1s\n",
		  "f:8: [output b] properties_limit differs from that of "
		  "[output heap], which shares the app 1" },
		{ MINIMAL "[output b]\napp_id = 1\n"
		  "properties_app_limit = 1/1s\n",
		  "f:8: [output b] properties_app_limit differs from that of "
		  "[output heap], which shares the app 1" },
		{ MINIMAL "[output b]\napp_id = 1\nrate_share = 0.5\n",
		  "f:8: [output b] rate_share differs from that of [output "
		  "heap], which shares the app 1" }
	};
	(void)state;

	assert_all_refused(rules, HR_COUNT(rules));
}

static void
config_parse_never_tells_a_secret(void **state)
{
	static const char *const texts[] = {
		"[input sf]\nsecret = hunter2 ; x\n",
		"[input sf]\nsecret = hunter2\nsecret = hunter2\n",
		"[input sf]\nkey = hunter2\n",
		"[input sf]\nhunter2HUNTER2 = \n",
		"[input sf]\nsecret = hunter2\n hunter2\n",
		"[input sf]\nsecret hunter2\n",
		"[output a]\nbase_url = https://me:hunter2@heap.example\n",
		"[output a]\nbase_url = ftp://me:hunter2@heap.example\n",
		MINIMAL "[input b]\nsecret = x\nkey = hunter2:x\n"
	};
	struct why why;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(texts); i++) {
		why.text[0] = '\0';
		assert_null(config_parse(texts[i], strlen(texts[i]), "f",
		    &why));
		assert_true(why.text[0] != '\0');
		assert_null(strstr(why.text, "hunter2"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config_parse_refuses_malformed_lines),
		cmocka_unit_test(config_parse_refuses_lines_that_would_be_cut),
		cmocka_unit_test(
		    config_parse_refuses_unknown_and_repeated_names),
		cmocka_unit_test(config_parse_refuses_a_secret_given_twice),
		cmocka_unit_test(config_parse_refuses_bad_numbers),
		cmocka_unit_test(config_parse_refuses_words_it_does_not_know),
		cmocka_unit_test(config_parse_refuses_bad_addresses),
		cmocka_unit_test(config_parse_refuses_other_bad_addresses),
		cmocka_unit_test(config_parse_refuses_what_is_incomplete),
		cmocka_unit_test(
		    config_parse_refuses_an_unguarded_remote_admin_listener),
		cmocka_unit_test(
		    config_parse_refuses_settings_that_contradict_each_other),
		cmocka_unit_test(config_parse_never_tells_a_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
