/*
 * ctl_show.h - answers of the agent, for people
 *
 * For heaprelayctl on a terminal.  Members that this program has never heard
 * of are shown like the others, so an agent may tell more.
 */
#ifndef HR_CTL_SHOW_H
#define HR_CTL_SHOW_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl_table.h"
#include "json.h"

/* Where it is shown. */
struct ctl_screen {
	size_t	width;		/* cells */
	bool	colors;
};

/* Standard output, and what the environment says of it. */
void	ctl_screen(struct ctl_screen *);

/* A column and the member of an item that it shows. */
struct ctl_field {
	struct ctl_column column;
	const char	*member;
};

/*
 * Items with one row each.  ctl_list_put appends the table, or `nothing` when
 * there was no item.  The n fields and the screen are kept until ctl_list_free.
 */
struct ctl_list;

struct ctl_list *ctl_list_new(const struct ctl_field *, size_t n,
	    const struct ctl_screen *);
void	ctl_list_free(struct ctl_list *);	/* NULL: nothing */
void	ctl_list_item(struct ctl_list *, const cJSON *item);
void	ctl_list_put(const struct ctl_list *, const char *nothing,
	    struct buf *out);

/*
 * A value of a text that json_parse read: an object with a line a member, what
 * is nested below it and indented; an event's payload and batch as JSON.
 */
void	ctl_put_value(const char *text, size_t len, const cJSON *,
	    const struct ctl_screen *, struct buf *out);

#endif
