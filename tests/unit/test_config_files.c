/*
 * test_config_files.c - the configuration file, and the files of secrets
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config_fixture.h"

/* Secrets. */

static void
config_parse_reads_secrets_from_files(void **state)
{
	static const struct {
		const char *content, *secret;
	} rules[] = {
		{ "plain", "plain" },
		{ "one newline is dropped\n", "one newline is dropped" },
		{ "only one\n\n", "only one\n" },
		{ "of any editor\r\n", "of any editor" },
		{ " blanks ; and \"quotes\" stay ",
		  " blanks ; and \"quotes\" stay " },
		{ FIFTY FIFTY FIFTY FIFTY FIFTY,
		  FIFTY FIFTY FIFTY FIFTY FIFTY }
	};
	char *directory = make_directory(), *path, *text;
	struct config *c;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(rules); i++) {
		path = file_of(directory, "s", rules[i].content);
		text = xasprintf("[output heap]\napp_id = 1\n"
		    "[input sf]\nkey = k\nsecret_file = %s\n"
		    "[identity]\nsecret_file = %s\n", path, path);
		c = parse(text);
		assert_string_equal(c->inputs[0].secret, rules[i].secret);
		assert_string_equal(c->identity_secret, rules[i].secret);
		config_free(c);
		free(text);
		remove_file(path);
	}
	remove_directory(directory);
}

static void
config_parse_refuses_a_secret_file_it_cannot_use(void **state)
{
	char *directory = make_directory();
	char *path = file_of(directory, "s", "\n");
	char *text = xasprintf("[identity]\nsecret_file = %s\n", path);
	char *expected = xasprintf("f:2: secret_file: %s is empty", path);
	(void)state;

	assert_refused(text, expected);
	remove_file(path);
	free(expected);
	expected = xasprintf("f:2: secret_file: cannot read %s/s: "
	    "No such file or directory", directory);
	assert_refused(text, expected);
	free(expected);
	free(text);
	remove_directory(directory);
}

static void
config_parse_finds_secrets_among_the_credentials(void **state)
{
	char *directory = make_directory();
	char *key = file_of(directory, "input.sf.key", "from-credential\n");
	char *secret = file_of(directory, "input.sf.secret", "unused\n");
	char *mint = file_of(directory, "identity.secret", "mint\n");
	struct buf shown = BUF_INIT;
	struct config *c;
	(void)state;

	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", directory, 1), 0);
	c = parse("[output heap]\napp_id = 1\n"
	    "[input sf]\nsecret = from-line\n");
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);

	assert_string_equal(c->inputs[0].key, "from-credential");
	assert_string_equal(c->inputs[0].secret, "from-line");
	assert_string_equal(c->identity_secret, "mint");
	print_settings(c, &shown);
	assert_non_null(strstr(buf_str(&shown),
	    "[input sf]\tkey\t(hidden)\tcredential\n"));
	assert_non_null(strstr(buf_str(&shown),
	    "[input sf]\tsecret\t(hidden)\ttest.conf:4\n"));
	buf_free(&shown);
	config_free(c);
	remove_file(key);
	remove_file(secret);
	remove_file(mint);
	remove_directory(directory);
}

static void
config_parse_refuses_an_empty_credential(void **state)
{
	char *directory = make_directory();
	char *mint = file_of(directory, "identity.secret", "");
	char *expected = xasprintf("f:5: %s is empty", mint);
	(void)state;

	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", directory, 1), 0);
	assert_refused(MINIMAL, expected);
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);

	free(expected);
	remove_file(mint);
	remove_directory(directory);
}

/* The file itself. */

static void
config_read_reads_a_file_and_names_it_in_errors(void **state)
{
	char *directory = make_directory();
	char *good = file_of(directory, "good", MINIMAL);
	char *bad = file_of(directory, "bad", "[agent]\nx = 1\n");
	char *expected = xasprintf("%s:2: unknown key \"x\" in [agent]", bad);
	struct why why = { "" };
	struct config *c = config_read(good, &why);
	(void)state;

	assert_non_null(c);
	assert_string_equal(c->file, good);
	assert_null(config_read(bad, &why));
	assert_string_equal(why.text, expected);
	config_free(c);
	free(expected);
	remove_file(good);
	remove_file(bad);
	remove_directory(directory);
}

static void
config_read_says_why_a_file_cannot_be_read(void **state)
{
	struct why why = { "" };
	(void)state;

	assert_null(config_read("/nonexistent/x.conf", &why));
	assert_string_equal(why.text,
	    "/nonexistent/x.conf: No such file or directory");
	assert_null(config_read("/", &why));
	assert_string_equal(why.text, "/: Is a directory");
	assert_null(config_read("/dev/zero", &why));
	assert_string_equal(why.text, "/dev/zero: File too large");
	assert_null(config_read("/nonexistent/x.conf", NULL));
}

/* Whoever asks the agent may not read its secrets. */
static void
config_read_lenient_misses_no_secrets_and_no_required_keys(void **state)
{
	static const char text[] =
	    "[agent]\ndatabase = /d/q.db\n"
	    "[admin]\nlisten = 127.0.0.1:1\n"
	    "[input a]\n"
	    "[input b]\nkey = k\nsecret_file = /nonexistent/secret\n"
	    "[output heap]\nca_file = /nonexistent/ca\n";
	char *directory = make_directory();
	char *file = file_of(directory, "file", text);
	struct why why = { "" };
	struct config *c = config_read_lenient(file, &why);
	(void)state;

	assert_non_null(c);
	assert_string_equal(c->token_file, "/d/admin.token");
	assert_string_equal(c->admin.listen.s[0], "127.0.0.1:1");
	assert_null(c->inputs[0].key);
	assert_null(c->inputs[1].secret);
	assert_null(config_read(file, &why));
	config_free(c);
	remove_file(file);
	remove_directory(directory);
}

/* Of several outputs it is told which one has the file that is missing. */
static void
config_read_names_the_section_of_a_file_that_is_missing(void **state)
{
	static const char input[] = "[input a]\nkey = k\nsecret = s\n"
	    "[output one]\napp_id = 1\n[output two]\napp_id = 2\n";
	static const struct {
		const char *text, *line;
	} rules[] = {
		{ "ca_file = /nonexistent/ca\n", "8: [output two] ca_file" },
		{ "[ingest]\ntls_certificate = /nonexistent/ca\n"
		    "tls_key = /nonexistent/key\n",
		    "9: [ingest] tls_certificate" },
	};
	char *directory = make_directory(), *text, *file, *expected;
	struct why why;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(rules); i++) {
		text = xasprintf("%s%s", input, rules[i].text);
		file = file_of(directory, "file", text);
		expected = xasprintf("%s:%s: /nonexistent/ca: No such file or "
		    "directory", file, rules[i].line);

		assert_null(config_read(file, &why));
		assert_string_equal(why.text, expected);
		free(expected);
		free(text);
		remove_file(file);
	}
	remove_directory(directory);
}

static void
config_read_lenient_refuses_what_is_written_wrongly(void **state)
{
	char *directory = make_directory();
	char *bad = file_of(directory, "bad", "[agent]\nx = 1\n");
	char *expected = xasprintf("%s:2: unknown key \"x\" in [agent]", bad);
	struct why why = { "" };
	(void)state;

	assert_null(config_read_lenient(bad, &why));
	assert_string_equal(why.text, expected);
	free(expected);
	remove_file(bad);
	remove_directory(directory);
}

static void
config_free_takes_nothing(void **state)
{
	(void)state;

	config_free(NULL);
}

static void
config_output_and_input_are_null_when_unknown(void **state)
{
	struct config *c = parse(MINIMAL);
	(void)state;

	assert_null(config_output(c, "sf"));
	assert_null(config_input(c, "heap"));
	assert_non_null(config_output(c, "heap"));
	assert_non_null(config_input(c, "sf"));
	config_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config_parse_reads_secrets_from_files),
		cmocka_unit_test(
		    config_parse_refuses_a_secret_file_it_cannot_use),
		cmocka_unit_test(
		    config_parse_finds_secrets_among_the_credentials),
		cmocka_unit_test(config_parse_refuses_an_empty_credential),
		cmocka_unit_test(
		    config_read_reads_a_file_and_names_it_in_errors),
		cmocka_unit_test(config_read_says_why_a_file_cannot_be_read),
		cmocka_unit_test(
		    config_read_lenient_misses_no_secrets_and_no_required_keys),
		cmocka_unit_test(
		    config_read_names_the_section_of_a_file_that_is_missing),
		cmocka_unit_test(
		    config_read_lenient_refuses_what_is_written_wrongly),
		cmocka_unit_test(config_free_takes_nothing),
		cmocka_unit_test(config_output_and_input_are_null_when_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
