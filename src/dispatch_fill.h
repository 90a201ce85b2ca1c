/*
 * dispatch_fill.h - a request while it is filled
 *
 * dispatch_take.c has what an event needs to travel in it, dispatch_share.c who
 * may send how much, dispatch_request.c the whole.
 */
#ifndef HR_DISPATCH_FILL_H
#define HR_DISPATCH_FILL_H

#include "dispatch_private.h"

#define FILL_LOOK	HEAP_MAX_OBJECTS /* identities one request looks at */
#define FILL_CHUNK	64	/* of them read at a time */

/* Why an identity gave nothing (more). */
enum stop {
	STOP_NONE,		/* it has no more that is ready */
	STOP_SHARE,		/* its share is used */
	STOP_ROOM,		/* its windows have none for the next event */
	STOP_APP,		/* the app has none for the next event */
	STOP_FULL,		/* the request is full, or the app */
	STOP_ALONE		/* the next event travels by itself */
};

/* An identity that this request has looked at and that may send. */
struct taker {
	int64_t	identity;
	int64_t	left;		/* events that are still ready */
	int64_t	last;		/* id of the last event taken; 0: none */
	int64_t	room;		/* objects its windows still have */
};

struct filling {
	struct lane	*lane;
	struct moment	 now;
	struct heap_body body;
	size_t		 prefix;	/* of the body, before its objects */
	struct queue_claimed *events;
	size_t		 n;
	int64_t		 app_room;	/* objects that anybody may send ... */
	int64_t		 reserved;	/* ... and one event, besides */
	int64_t		 reserved_for;	/* that event; 0: none */
	int64_t		*same;		/* updates that change nothing */
	size_t		 same_n;
	size_t		 rows;		/* events looked at */
	bool		 one;		/* a probe: one event */
	size_t		 carried;	/* identities in it */
	bool		 bulk_only;	/* a commerce event is in it */
	size_t		 slice_end;
	/* The identity at hand. */
	int64_t		 share;		/* objects it may still add now */
	int64_t		 room;		/* objects its windows still have */
	int64_t		 last;		/* id of the last event taken */
	int64_t		 event;		/* the one not taken ... */
	int64_t		 need;		/* ... and its objects */
	enum stop	 stop;
	/* Of what is not parked: the first instant at which one may go. */
	int64_t		 next_at;	/* boot ms */
	/* The identities in turn, and those that may send. */
	struct queue_waiting waiting[FILL_CHUNK];
	size_t		 waiting_n;
	size_t		 waiting_i;
	size_t		 looked;
	bool		 all_read;	/* there are no more behind these */
	bool		 passed_over;	/* one of them was not looked at */
	struct taker	 taker[FILL_LOOK];
	size_t		 takers;
};

/* --- dispatch_take.c --- */

/* queue_take: one ready event, within what `share` and `room` say. */
bool	fill_take(const struct queue_row *, void *filling);
/* After reading: updates that change nothing are done with. */
void	fill_skip_same(struct filling *);
/*
 * Takes what is ready of an identity, up to `share` objects, behind what was
 * taken already.  If its windows or the app's have no room for its next
 * event, it is parked until they have.
 */
void	fill_serve(struct filling *, struct taker *, int64_t share);
/* The identity is not looked at before `until`, boot ms. */
void	fill_park(struct filling *, int64_t identity, int64_t until);
/* Something that is not parked may go then. */
void	fill_may_go_at(struct filling *, int64_t boot);
/* When the app will have room for the event not taken. */
int64_t	fill_room_at(struct filling *);
/* Objects of the app that the event may use. */
int64_t	fill_room_for(const struct filling *, int64_t event);
/* Are there as many identities in it as the lane carries after 429s? */
bool	fill_carries_enough(const struct filling *);

/* --- dispatch_share.c --- */

/* Events of all who may send, or one of somebody above suspicion. */
void	fill_ordinary(struct filling *);
void	fill_probe(struct filling *);
/* When the lane's next identity may be looked at, boot ms. */
int64_t	fill_next_waiting(struct lane *, struct moment now);

#endif
