/*
 * accept_fixture.h - the whole way of a body into the queue
 */
#ifndef HR_ACCEPT_FIXTURE_H
#define HR_ACCEPT_FIXTURE_H

#include "accept.h"
#include "queue_fixture.h"

/* Two outputs, of which one has a development app, and two inputs. */
#define ACCEPT_CONFIG							\
	"[output heap]\napp_id = 77\ndevelopment_app_id = 78\n"		\
	"[output second]\napp_id = 79\n"				\
	"[input shop]\nkey = key-1\nsecret = s-1\noutputs = heap\n"	\
	"[input feed]\nkey = key-2\nsecret = s-2\n"

struct accept_fixture {
	struct queue_fixture *queue;
	struct config	*config;
	struct outputs	 outputs;
	struct profile_store *profiles;
	struct acceptor	*acceptor;
	/* What the hooks were told, a line each. */
	struct buf	 told;
	struct buf	 errors;	/* of the last accept_text */
};

/* For cmocka: on a queue in memory, or in a file. */
int	accept_fixture_setup(void **state);
int	accept_fixture_setup_file(void **state);
int	accept_fixture_teardown(void **state);

#define ACCEPT_TEST(t) \
	cmocka_unit_test_setup_teardown(t, accept_fixture_setup, \
	    accept_fixture_teardown)

/* Other settings from now on, as after a reload. */
void	accept_configure(struct accept_fixture *, const char *text);

/* A body of an input (by name), now; how many batches were accepted.  Its
 * errors are in `errors`, what the hooks were told is in `told`. */
size_t	accept_text(struct accept_fixture *, const char *input, enum mp_path,
	    const char *body);

#endif
