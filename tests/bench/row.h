/*
 * row.h - the table that the bare prototypes fill
 */
#ifndef HR_BENCH_ROW_H
#define HR_BENCH_ROW_H

#include <stddef.h>

#include <sqlite3.h>

/* What it takes to add rows.  A failure ends the program. */
struct row_table {
	sqlite3		*db;
	sqlite3_stmt	*begin;
	sqlite3_stmt	*insert;
	sqlite3_stmt	*commit;
};

/* Makes the file, as durable as the agent's: WAL, synchronous=FULL. */
void	row_open(struct row_table *, const char *path);
void	row_close(struct row_table *);
void	row_begin(struct row_table *);
void	row_insert(struct row_table *, const char *body, size_t);
void	row_commit(struct row_table *);

#endif
