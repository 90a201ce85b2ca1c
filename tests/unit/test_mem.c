/*
 * test_mem.c - memory that never runs out, growing text, arenas, reasons
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"
#include "mem.h"

/* The address sanitizer's own answer to a request too large is to end the
 * program; here malloc(3) must say that there is none. */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

/* Runs `act` in a process of its own, without its stderr; its wait status. */
static int
status_of(void (*act)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		close(STDERR_FILENO);
		/* cmocka would take an abort for a failed test. */
		signal(SIGABRT, SIG_DFL);
		act();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
ask_for_too_much(void)
{
	volatile size_t n = SIZE_MAX / 4;

	free(xmalloc(n));
}

static void
xmalloc_ends_the_program_when_there_is_none(void **state)
{
	int status = status_of(ask_for_too_much);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_INTERNAL);
}

/* The linker puts these before what the program means. */
static bool exhausted;
void	*__real_malloc(size_t);
void	*__wrap_malloc(size_t);
void	*__real_realloc(void *, size_t);
void	*__wrap_realloc(void *, size_t);

void *
__wrap_malloc(size_t n)
{
	return exhausted ? NULL : __real_malloc(n);
}

void *
__wrap_realloc(void *old, size_t n)
{
	return exhausted ? NULL : __real_realloc(old, n);
}

/* What a program without any memory says as it ends by itself, into `said`. */
static void
end_exhausted(enum log_format format, char *said, size_t room)
{
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDERR_FILENO);
		signal(SIGSEGV, SIG_DFL);
		log_open("tester", LOG_ERROR, format);
		exhausted = true;
		free(xmalloc(77));
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	n = read(ends[0], said, room - 1);
	close(ends[0]);
	said[n > 0 ? n : 0] = '\0';
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_INTERNAL);
}

static void
xmalloc_says_that_there_is_none_without_any(void **state)
{
	char said[512];
	(void)state;

	end_exhausted(LOG_LOGFMT, said, sizeof(said));
	assert_non_null(strstr(said,
	    "Z error tester: mem: out of memory bytes=77\n"));

	end_exhausted(LOG_JSON, said, sizeof(said));
	assert_non_null(strstr(said, "Z\",\"level\":\"error\","
	    "\"program\":\"tester\","
	    "\"message\":\"mem: out of memory bytes=77\"}\n"));
}

static void
ask_for_a_product_that_overflows(void)
{
	volatile size_t n = SIZE_MAX / 2;

	free(xreallocarray(NULL, n, 4));
}

static void
xreallocarray_aborts_on_overflow(void **state)
{
	int status = status_of(ask_for_a_product_that_overflows);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void
allocations_of_nothing_are_memory_too(void **state)
{
	void *p[] = { xmalloc(0), xcalloc(0, 8), xcalloc(8, 0),
	    xrealloc(NULL, 0), xreallocarray(NULL, 0, 8) };
	size_t i;

	(void)state;
	for (i = 0; i < HR_COUNT(p); i++) {
		assert_non_null(p[i]);
		free(p[i]);
	}
}

static void
xcalloc_zeroes(void **state)
{
	static const char zeroes[48];
	char *p = xcalloc(6, 8);

	(void)state;
	assert_memory_equal(p, zeroes, sizeof(zeroes));
	free(p);
}

static void
texts_are_copied(void **state)
{
	char *whole = xstrdup("abc"), *part = xstrndup("abcdef", 2);
	char *made = xasprintf("%s-%d", "n", 7);

	(void)state;
	assert_string_equal(whole, "abc");
	assert_string_equal(part, "ab");
	assert_string_equal(made, "n-7");
	free(whole);
	free(part);
	free(made);
}

static void
buf_put_keeps_every_byte_as_it_grows(void **state)
{
	struct buf b = BUF_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < 5000; i++)
		buf_putc(&b, (char)(i % 251));
	buf_put(&b, "a\0b", 3);
	buf_puts(&b, "tail");

	assert_int_equal(b.len, 5007);
	for (i = 0; i < 5000; i++)
		assert_int_equal((unsigned char)b.p[i], i % 251);
	assert_memory_equal(b.p + 5000, "a\0btail", 7);
	assert_int_equal(buf_str(&b)[b.len], '\0');
	buf_free(&b);
}

static void
buf_str_of_an_empty_buffer_is_the_empty_text(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_string_equal(buf_str(&b), "");
	buf_puts(&b, "x");
	assert_string_equal(buf_str(&b), "x");
	buf_free(&b);
}

static void
buf_printf_appends_texts_of_any_length(void **state)
{
	struct buf b = BUF_INIT;
	char wide[700];

	(void)state;
	memset(wide, 'w', sizeof(wide) - 1);
	wide[sizeof(wide) - 1] = '\0';

	buf_puts(&b, "<");
	buf_printf(&b, "%s|%d>", wide, -5);

	assert_int_equal(b.len, 1 + 699 + 4);
	assert_string_equal(buf_str(&b) + 700, "|-5>");
	buf_free(&b);
}

static void
buf_takes_exactly_its_maximum(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	b.max = 5;
	buf_puts(&b, "abc");
	buf_puts(&b, "de");

	assert_false(b.over);
	assert_string_equal(buf_str(&b), "abcde");
	buf_free(&b);
}

static void
buf_past_its_maximum_takes_nothing_until_it_is_reset(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	b.max = 5;
	buf_puts(&b, "abc");
	buf_printf(&b, "%s", "def");
	assert_true(b.over);
	assert_string_equal(buf_str(&b), "abc");

	/* There would be room for this one. */
	buf_putc(&b, 'd');
	assert_string_equal(buf_str(&b), "abc");
	assert_true(b.over);

	buf_reset(&b);
	buf_puts(&b, "12345");
	assert_false(b.over);
	assert_string_equal(buf_str(&b), "12345");
	buf_free(&b);
}

static void
buf_cut_shortens(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_puts(&b, "abcdef");
	buf_cut(&b, 2);
	buf_puts(&b, "X");

	assert_string_equal(buf_str(&b), "abX");
	buf_free(&b);
}

static void
buf_steal_gives_the_text_and_leaves_an_empty_buffer(void **state)
{
	struct buf b = BUF_INIT;
	char *first, *nothing;

	(void)state;
	buf_puts(&b, "abc");
	first = buf_steal(&b);
	nothing = buf_steal(&b);
	buf_puts(&b, "later");

	assert_string_equal(first, "abc");
	assert_string_equal(nothing, "");
	assert_string_equal(buf_str(&b), "later");
	free(first);
	free(nothing);
	buf_free(&b);
	assert_null(b.p);
	assert_int_equal(b.len, 0);
}

static void
arena_alloc_aligns_and_keeps_blocks_apart(void **state)
{
	static const size_t sizes[] = { 1, 0, 3, 16, 17, 100, 4096, 16384,
	    100000, 5, 16383 };
	struct arena *a = arena_new();
	unsigned char *p[HR_COUNT(sizes)];
	size_t i, k;

	(void)state;
	for (i = 0; i < HR_COUNT(sizes); i++) {
		p[i] = arena_alloc(a, sizes[i]);
		assert_int_equal((uintptr_t)p[i] % _Alignof(max_align_t), 0);
		memset(p[i], (int)i, sizes[i]);
	}

	for (i = 0; i < HR_COUNT(sizes); i++)
		for (k = 0; k < sizes[i]; k++)
			assert_int_equal(p[i][k], i);
	arena_free(a);
}

static void
arena_calloc_zeroes_what_was_used_before(void **state)
{
	static const char zeroes[64];
	struct arena *a = arena_new();

	(void)state;
	memset(arena_alloc(a, 64), 0xff, 64);
	arena_reset(a);

	assert_memory_equal(arena_calloc(a, 8, 8), zeroes, 64);
	arena_free(a);
}

static void
arena_reset_gives_the_same_memory_again(void **state)
{
	struct arena *a = arena_new();
	void *first = arena_alloc(a, 10), *again;

	(void)state;
	(void)arena_alloc(a, 200000);
	arena_reset(a);
	again = arena_alloc(a, 10);

	assert_ptr_equal(first, again);
	arena_free(a);
	arena_free(NULL);
}

static void
arena_texts_are_copied(void **state)
{
	struct arena *a = arena_new();

	(void)state;
	assert_string_equal(arena_strndup(a, "abcdef", 3), "abc");
	assert_string_equal(arena_strndup(a, "", 0), "");
	assert_string_equal(arena_printf(a, "%05d %s", 42, "x"), "00042 x");
	arena_free(a);
}

static void
why_set_cuts_a_reason_that_is_too_long(void **state)
{
	struct why why;
	char text[2000];

	(void)state;
	memset(text, 'r', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';

	why_set(&why, "%d: %s", 12, "because");
	assert_string_equal(why.text, "12: because");
	why_set(&why, "%s", text);
	assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
	why_set(NULL, "nobody %s", "asks");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(xmalloc_ends_the_program_when_there_is_none),
	    cmocka_unit_test(xmalloc_says_that_there_is_none_without_any),
	    cmocka_unit_test(xreallocarray_aborts_on_overflow),
	    cmocka_unit_test(allocations_of_nothing_are_memory_too),
	    cmocka_unit_test(xcalloc_zeroes),
	    cmocka_unit_test(texts_are_copied),
	    cmocka_unit_test(buf_put_keeps_every_byte_as_it_grows),
	    cmocka_unit_test(buf_str_of_an_empty_buffer_is_the_empty_text),
	    cmocka_unit_test(buf_printf_appends_texts_of_any_length),
	    cmocka_unit_test(buf_takes_exactly_its_maximum),
	    cmocka_unit_test(
		buf_past_its_maximum_takes_nothing_until_it_is_reset),
	    cmocka_unit_test(buf_cut_shortens),
	    cmocka_unit_test(
		buf_steal_gives_the_text_and_leaves_an_empty_buffer),
	    cmocka_unit_test(arena_alloc_aligns_and_keeps_blocks_apart),
	    cmocka_unit_test(arena_calloc_zeroes_what_was_used_before),
	    cmocka_unit_test(arena_reset_gives_the_same_memory_again),
	    cmocka_unit_test(arena_texts_are_copied),
	    cmocka_unit_test(why_set_cuts_a_reason_that_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
