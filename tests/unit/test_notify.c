/*
 * test_notify.c - what a service manager hears, through a socket of our own
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "notify.h"
#include "scratch_fixture.h"

/* Listens as systemd does; '@' begins an abstract name.  A descriptor. */
static int
manager(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd != -1);
	assert_true(strlen(path) < sizeof(at.sun_path));
	memcpy(at.sun_path, path, strlen(path));
	if (path[0] == '@')
		at.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&at,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
	    strlen(path))), 0);
	setenv("NOTIFY_SOCKET", path, 1);
	return fd;
}

static void
assert_heard(int fd, const char *expected)
{
	char text[64] = "";

	assert_int_equal(recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT),
	    strlen(expected));
	assert_string_equal(text, expected);
}

static void
notify_sends_a_datagram_to_a_path(void **state)
{
	char *directory = scratch_make();
	char *path = scratch_path(directory, "notify");
	int fd = manager(path);

	(void)state;
	notify("READY=1");
	notify("WATCHDOG=1");

	assert_heard(fd, "READY=1");
	assert_heard(fd, "WATCHDOG=1");
	close(fd);
	free(path);
	scratch_remove(directory);
}

static void
notify_sends_to_an_abstract_name(void **state)
{
	char name[64];
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "@heaprelay-test-%ld", (long)getpid());
	fd = manager(name);

	notify("STOPPING=1");

	assert_heard(fd, "STOPPING=1");
	close(fd);
}

/* Nobody listens, nobody is named, or nobody can be: it returns. */
static void
notify_does_not_mind_that_nobody_hears(void **state)
{
	char name[200];

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	notify("READY=1");
	setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
	notify("READY=1");
	setenv("NOTIFY_SOCKET", "relative", 1);
	notify("READY=1");
	memset(name, 'a', sizeof(name) - 1);
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	setenv("NOTIFY_SOCKET", name, 1);
	notify("READY=1");
}

/* A manager that has stopped reading must not stop the agent. */
static void
notify_does_not_wait_for_who_does_not_read(void **state)
{
	char name[64];
	int fd, i;

	(void)state;
	snprintf(name, sizeof(name), "@heaprelay-full-%ld", (long)getpid());
	fd = manager(name);

	for (i = 0; i < 10000; i++)
		notify("WATCHDOG=1");

	assert_heard(fd, "WATCHDOG=1");
	close(fd);
}

static void
notify_watchdog_ms_is_half_of_what_the_manager_allows(void **state)
{
	char pid[32];

	(void)state;
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	assert_int_equal(notify_watchdog_ms(), 0);

	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(notify_watchdog_ms(), 15000);
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_watchdog_ms(), 15000);
	snprintf(pid, sizeof(pid), "%ld", (long)getpid() + 1);
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_watchdog_ms(), 0);

	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "soon", 1);
	assert_int_equal(notify_watchdog_ms(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notify_sends_a_datagram_to_a_path),
		cmocka_unit_test(notify_sends_to_an_abstract_name),
		cmocka_unit_test(notify_does_not_mind_that_nobody_hears),
		cmocka_unit_test(notify_does_not_wait_for_who_does_not_read),
		cmocka_unit_test(
		    notify_watchdog_ms_is_half_of_what_the_manager_allows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
