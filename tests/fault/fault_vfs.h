/*
 * fault_vfs.h - a disk that fails where it is told, and what a crash leaves
 *
 * An SQLite VFS over the usual one.  It counts the calls of the chosen kinds
 * and lets the nth fail; and it remembers what was written and not yet synced,
 * so that it can tell what may be on a disk whose power went.
 *
 * One process, one thread, files of one directory.
 */
#ifndef HR_FAULT_VFS_H
#define HR_FAULT_VFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_op {
	FAULT_OPEN, FAULT_READ, FAULT_WRITE, FAULT_SYNC, FAULT_LOCK,
	FAULT_TRUNCATE, FAULT_SHM,
	FAULT_MEMORY,		/* SQLite asks for more */
	FAULT_OPS
};
/* "open" ...; lent for ever. */
const char *fault_op_name(enum fault_op);

enum fault_kind {
	FAULT_EIO,		/* the call's own I/O error */
	FAULT_ENOSPC,		/* the disk is full */
	FAULT_SHORT,		/* a part is written, then the disk is full */
	FAULT_CRASH		/* the program is no more: fault_crashed */
};

struct fault_plan {
	unsigned	 ops;		/* 1 << op: these count */
	int64_t		 nth;		/* fails; 1 is the first; 0: none */
	bool		 for_ever;	/* so do all that follow */
	enum fault_kind	 kind;
};

/* Makes it the default VFS of the process, before SQLite is used at all, and
 * puts a hand between SQLite and malloc(3).  `crashed` is called, and must not
 * return, from the call that FAULT_CRASH means, before it has any effect. */
void	fault_install(void (*crashed)(void));

/* Counts from 0 again. */
void	fault_arm(const struct fault_plan *);
void	fault_disarm(void);
int64_t	fault_count(void);		/* calls that counted since */
int64_t	fault_hits(void);		/* those that failed */
enum fault_op fault_hit_op(void);	/* the first of them */

/* The directory that the files are in was synced. */
void	fault_directory_synced(void);
/* A call outside of SQLite that counts as this kind: 0, or it is to fail. */
int	fault_other(enum fault_op);

/* What is left of the files. */
enum fault_loss {
	FAULT_PROCESS,		/* the program died: all that was written */
	FAULT_POWER		/* and so did the machine: all that was synced,
				 * and of the rest what `random` draws, sector
				 * by sector */
};

/*
 * Writes what is left of the files into another directory, under their names
 * there; they are the ones that are looked after from now on.  Files that are
 * open stay open and are not looked after any more.
 */
void	fault_move(const char *directory, enum fault_loss, uint64_t *random);

#endif
