/*
 * ctl_private.h - what the parts of heaprelayctl tell one another
 *
 * ctl.c reads the command line and has the small offline commands, ctl_map.c
 * maps a body without an agent, ctl_verify.c proves a database, ctl_online.c
 * has the commands that ask the agent, ctl_operate.c those that steer it,
 * ctl_many.c those that do something to many events, ctl_tail.c and ctl_top.c
 * those that look on, ctl_agent.c asks it, ctl_show.c makes answers readable,
 * ctl_table.c lays out columns.
 */
#ifndef HR_CTL_PRIVATE_H
#define HR_CTL_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config.h"
#include "json.h"
#include "mem.h"

/* Exit status: the agent said no, or there is no such thing. */
#define CTL_REFUSED	1

/* What a list of events is narrowed by. */
enum ctl_filter {
	CTL_STATE, CTL_OUTPUT, CTL_IDENTITY, CTL_NAME, CTL_REASON, CTL_STATUS,
	CTL_INPUT, CTL_SINCE, CTL_UNTIL, CTL_KIND, CTL_FILTERS
};

/* The command line. */
struct ctl {
	const char	*config_file;
	const char	*url;		/* NULL: the configuration's listener */
	const char	*token_file;	/* NULL: the configuration's */
	const char	*ca_file;	/* NULL: the system's */
	bool		 json;		/* lines of JSON, no tables */
	const char	*filter[CTL_FILTERS];	/* NULL: any */
	int64_t		 limit;		/* items of a list */
	bool		 limit_given;
	bool		 all;		/* a filter that filters nothing */
	bool		 dry_run;
	bool		 yes;		/* do not ask */
	bool		 keep_going;	/* of import: over bad lines */
	bool		 remap;
	bool		 force;
	const char	*path;		/* of map */
	int64_t		 received_at;	/* of map; -1: now */
	char		**operand;
	size_t		 operands;
};

/* The name of an option and of the query parameter; lent for ever. */
const char *ctl_filter_name(enum ctl_filter);

/* Runs a command; its exit status. */
typedef int ctl_command(const struct ctl *);

ctl_command ctl_map;
ctl_command ctl_status, ctl_events, ctl_event, ctl_why, ctl_replay,
	    ctl_discard, ctl_jobs, ctl_requests, ctl_outputs, ctl_forecast,
	    ctl_audit, ctl_pause, ctl_probe, ctl_reload, ctl_resume,
	    ctl_identities, ctl_verify, ctl_tail, ctl_top, ctl_backup,
	    ctl_erase, ctl_import;

/* "heaprelayctl: ..." on standard error. */
void	ctl_say(const char *fmt, ...) HR_PRINTF(1, 2);
/* The same, and exit. */
void	ctl_fail(int status, const char *fmt, ...) HR_PRINTF(2, 3) HR_NORETURN;
/* A mistake on the command line; exits. */
void	ctl_usage(const char *fmt, ...) HR_PRINTF(1, 2) HR_NORETURN;
/* On standard output; main looks for errors once, at the end. */
void	ctl_print(struct buf *);
/* The configuration, or the end of the program.  Given (config_free). */
struct config *ctl_config(const struct ctl *);
/* The same for what needs no more of it than where the agent and its database
 * are: secrets may lie where only the agent can read them. */
struct config *ctl_config_lenient(const struct ctl *);
/* The input that --input names, or the first; or the end of the program.
 * Lent. */
const struct config_input *ctl_input(const struct ctl *,
	    const struct config *);

#endif
