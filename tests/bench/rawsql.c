/*
 * rawsql.c - the rows alone: how fast SQLite takes them on this disk
 *
 * usage: rawsql DATABASE SECONDS
 *
 * No HTTP, no parsing: rows of the size that is posted to the others, as many
 * in a commit as there are connections there.  Prints rows a second.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "load_batch.h"
#include "row.h"

#define ROWS_A_COMMIT	64
#define PADDING		177	/* lib.sh has the same */

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
	const struct load_shape shape = { .events = 1, .identities = 1000,
	    .padding = PADDING };
	struct row_table table;
	struct buf body = BUF_INIT;
	double began, seconds;
	int64_t rows = 0;
	int i;

	if (argc != 3 || (seconds = strtod(argv[2], NULL)) <= 0) {
		fprintf(stderr, "usage: rawsql DATABASE SECONDS\n");
		return 64;
	}
	row_open(&table, argv[1]);
	load_batch_put(&body, &shape, "load-1000000000-1000", 0,
	    INT64_C(1700000000000));
	began = now();
	do {
		row_begin(&table);
		for (i = 0; i < ROWS_A_COMMIT; i++)
			row_insert(&table, buf_str(&body), body.len);
		row_commit(&table);
		rows += ROWS_A_COMMIT;
	} while (now() - began < seconds);
	printf("%.0f\n", (double)rows / (now() - began));
	row_close(&table);
	buf_free(&body);
	return 0;
}
