/*
 * sink_rules.h - faults of the simulated Heap: which requests, what happens
 *
 * Pure.  A rule is written as JSON:
 *
 *	{"match": {"path": "/api/track", "app_id": "1", "identity": "ada",
 *	           "event": "Booked", "contains": "text"},
 *	 "do": {"status": 503, "retry_after": "5", "body": "text",
 *	        "delay_ms": 100, "hang": true, "reset": true,
 *	        "index": true, "store": true},
 *	 "count": 3}
 *
 * Every member of `match` must fit; identity, event and contains must fit
 * one object together.  The first rule that fits a request is the one.
 */
#ifndef HR_SINK_RULES_H
#define HR_SINK_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"
#include "sink_body.h"

struct sink_rules;

/* What happens to a request.  Texts are lent until the rules change. */
struct sink_fault {
	int		 status;	/* 0: as without a fault */
	const char	*retry_after;	/* NULL: no such header */
	const char	*body;		/* NULL: the status decides */
	int64_t		 delay_ms;	/* before the answer leaves */
	bool		 hang;		/* no answer */
	bool		 reset;		/* the connection is cut instead */
	bool		 poison;	/* the text of a 400 is to be made: */
	bool		 names_index;	/* it names an element, */
	size_t		 index;		/* this one */
	bool		 store;		/* counts as arrived all the same */
};

struct sink_rules *sink_rules_new(void);
void	sink_rules_free(struct sink_rules *);		/* NULL: nothing */

/* The new rule's id (from 1), or -1 and `why`. */
int64_t	sink_rules_add(struct sink_rules *, const char *json, size_t len,
	    struct why *);
/* False: there is none of that id. */
bool	sink_rules_remove(struct sink_rules *, int64_t id);
void	sink_rules_clear(struct sink_rules *);

/*
 * sink_rules_apply - find the fault of a request, and count it
 *
 * False when no rule fits.  `body` may be one that sink_body_read refused:
 * then `contains` looks at the whole text, and identity and event never fit.
 */
bool	sink_rules_apply(struct sink_rules *, const struct sink_body *body,
	    struct sink_fault *);

/* {"faults":[{"id":1,"applied":2,"left":null,"rule":{...}},...]} */
void	sink_rules_put(struct buf *, const struct sink_rules *);

#endif
