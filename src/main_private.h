/*
 * main_private.h - what the files of the agent's main share
 *
 * main.c has options, wiring and signals, main_loop.c the turn, main_reload.c
 * the reload.
 */
#ifndef HR_MAIN_PRIVATE_H
#define HR_MAIN_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "accept.h"
#include "admin.h"
#include "backup.h"
#include "config.h"
#include "dispatch.h"
#include "erase.h"
#include "gather.h"
#include "histogram.h"
#include "http.h"
#include "inspect.h"
#include "intake.h"
#include "jobs.h"
#include "live.h"
#include "output.h"
#include "profile.h"
#include "queue.h"

struct event;
struct event_base;

struct agent {
	const char		*file;
	struct config		*config;
	struct event_base	*base;
	struct event		*alarm;
	struct event		*signals[4];
	struct http		*http;
	struct http_front	*ingest_front;
	struct http_front	*admin_front;
	struct queue		*queue;
	struct inspect		*inspect;
	struct profile_store	*profiles;
	struct outputs		 outputs;
	struct acceptor		*acceptor;
	struct intake		*intake;
	struct admin		*admin;
	struct dispatch		*dispatch;
	struct jobs		*jobs;
	struct backup		*backup;
	struct erase		*erase;
	struct live		*live;
	struct histogram	 ingest_latency;
	struct histogram	 commit_duration;
	struct gather		 gather;
	struct histogram	 turn_duration;	/* without the commits */
	int64_t			 commit_us;	/* of this turn so far, with the
						 * wait before it */
	int64_t			 started_at;	/* wall ms */
	int64_t			 started_boot;	/* boot ms */
	int64_t			 retain_at;	/* boot ms */
	int64_t			 stop_at;	/* boot ms; 0: not stopping */
	bool			 reload;	/* HUP came */
	bool			 failing;	/* the last commit failed */
	int64_t			 said_at;	/* boot ms; that it fails */
	uint64_t		 commits;	/* STAT_commits, seen last */
	int64_t			 watchdog_ms;	/* 0: nobody watches */
	int64_t			 watchdog_at;	/* boot ms; when it was fed */
};

/* The certificate of a front, if it has one, is given; false: it cannot be
 * read, and `why`. */
bool	agent_certificate(const struct config_front *,
	    struct http_certificate **out, struct why *);
/* What the admin API works on, as it is now. */
struct admin_parts agent_admin_parts(struct agent *);
/* Ends a transaction: counts, and says what people should know.  true: it is
 * on disk.  What waited for it is the caller's. */
bool	agent_commit(struct agent *);
/* Turn after turn, until it was told to stop and has. */
void	agent_loop(struct agent *);
/* Takes the file's settings over, all or nothing. */
void	agent_reload(struct agent *);

#endif
