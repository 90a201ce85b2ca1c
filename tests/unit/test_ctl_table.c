/*
 * test_ctl_table.c - columns that fit a terminal and cannot steer it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ctl_table.h"

#define ELLIPSIS	"\xe2\x80\xa6"
#define REPLACEMENT	"\xef\xbf\xbd"

static const struct ctl_column columns[] = {
	{ "ID", true, 0, 0 },
	{ "NAME", false, 4, 0 },
	{ "WHO", false, 5, 1 },
};

/* Two rows in that width. */
static void
assert_table(const char *name, size_t width, const char *expected)
{
	struct ctl_table *t = ctl_table_new(columns, HR_COUNT(columns));
	struct buf out = BUF_INIT;

	ctl_table_cell(t, "7", CTL_PLAIN);
	ctl_table_cell(t, name, CTL_PLAIN);
	ctl_table_cell(t, NULL, CTL_PLAIN);
	ctl_table_cell(t, "123", CTL_PLAIN);
	ctl_table_cell(t, "B", CTL_PLAIN);
	ctl_table_cell(t, "pat@example.com", CTL_PLAIN);

	ctl_table_put(t, width, false, &out);

	assert_string_equal(buf_str(&out), expected);
	buf_free(&out);
	ctl_table_free(t);
}

static void
ctl_table_put_aligns_what_fits(void **state)
{
	(void)state;

	assert_table("Booked", 28,
	    " ID  NAME    WHO\n"
	    "  7  Booked  -\n"
	    "123  B       pat@example.com\n");
}

static void
ctl_table_put_cuts_the_widest_column_first(void **state)
{
	(void)state;

	assert_table("Booked", 27,
	    " ID  NAME    WHO\n"
	    "  7  Booked  -\n"
	    "123  B       pat@example.c" ELLIPSIS "\n");
	assert_table("Booked", 18,
	    " ID  NAME   WHO\n"
	    "  7  Book" ELLIPSIS "  -\n"
	    "123  B      pat@e" ELLIPSIS "\n");
}

static void
ctl_table_put_leaves_out_a_column_before_it_cuts_too_much(void **state)
{
	(void)state;

	assert_table("Booked", 15,
	    " ID  NAME\n"
	    "  7  Booked\n"
	    "123  B\n");
}

static void
ctl_table_put_is_wider_when_nothing_more_can_go(void **state)
{
	(void)state;

	assert_table("Booked", 1,
	    " ID  NAME\n"
	    "  7  Boo" ELLIPSIS "\n"
	    "123  B\n");
}

static void
ctl_table_put_counts_cells_not_bytes(void **state)
{
	(void)state;

	/* Each of these takes two cells; a third does not fit beside the
	 * ellipsis, so one cell stays empty. */
	assert_table("\xe5\x90\x8d\xe5\x89\x8d\xe5\x90\x8d\xe5\x89\x8d", 11,
	    " ID  NAME\n"
	    "  7  \xe5\x90\x8d\xe5\x89\x8d" ELLIPSIS "\n"
	    "123  B\n");
	assert_table("Z\xc3\xbcrich", 28,
	    " ID  NAME    WHO\n"
	    "  7  Z\xc3\xbcrich  -\n"
	    "123  B       pat@example.com\n");
}

static void
ctl_table_put_colours_only_what_is_shown(void **state)
{
	static const struct ctl_column column[] = { { "S", false, 0, 0 } };
	struct ctl_table *t = ctl_table_new(column, 1);
	struct buf out = BUF_INIT;
	(void)state;

	ctl_table_cell(t, "stuck", CTL_BAD);
	ctl_table_put(t, 80, true, &out);

	assert_string_equal(buf_str(&out),
	    "\033[1mS\033[0m\n\033[31mstuck\033[0m\n");
	buf_free(&out);
	ctl_table_free(t);
}

static void
ctl_put_clean_replaces_what_steers_a_terminal(void **state)
{
	static const struct {
		const char *text, *clean;
	} rows[] = {
		{ "plain", "plain" },
		{ "\033[31m", REPLACEMENT "[31m" },
		{ "a\nb\tc\x7f", "a" REPLACEMENT "b" REPLACEMENT "c"
		    REPLACEMENT },
		{ "\xc2\x9b" "2J", REPLACEMENT "2J" },	/* CSI in one */
		{ "\xe2\x80\xae" "x", REPLACEMENT "x" }, /* from the right */
		{ "\xe2\x81\xa6", REPLACEMENT },
		{ "\xff\xfe", REPLACEMENT REPLACEMENT },	/* no UTF-8 */
		{ "\xe2\x82", REPLACEMENT REPLACEMENT },	/* cut */
		{ "\xf0\x9f\x8e\xab", "\xf0\x9f\x8e\xab" },
	};
	struct buf out = BUF_INIT;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(rows); i++) {
		buf_reset(&out);
		ctl_put_clean(&out, rows[i].text);
		assert_string_equal(buf_str(&out), rows[i].clean);
	}
	buf_free(&out);
}

static void
ctl_cells_counts_wide_and_combining_characters(void **state)
{
	(void)state;

	assert_int_equal(ctl_cells(""), 0);
	assert_int_equal(ctl_cells("abc"), 3);
	assert_int_equal(ctl_cells("\xe5\x90\x8d"), 2);
	assert_int_equal(ctl_cells("e\xcc\x81"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ctl_table_put_aligns_what_fits),
		cmocka_unit_test(ctl_table_put_cuts_the_widest_column_first),
		cmocka_unit_test(
		    ctl_table_put_leaves_out_a_column_before_it_cuts_too_much),
		cmocka_unit_test(
		    ctl_table_put_is_wider_when_nothing_more_can_go),
		cmocka_unit_test(ctl_table_put_counts_cells_not_bytes),
		cmocka_unit_test(ctl_table_put_colours_only_what_is_shown),
		cmocka_unit_test(
		    ctl_put_clean_replaces_what_steers_a_terminal),
		cmocka_unit_test(
		    ctl_cells_counts_wide_and_combining_characters),
	};

	ctl_table_locale();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
