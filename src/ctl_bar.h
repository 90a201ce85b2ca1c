/*
 * ctl_bar.h - how far something is, on one line of a terminal
 */
#ifndef HR_CTL_BAR_H
#define HR_CTL_BAR_H

#include <stdint.h>

/* On standard error, over what the last call showed; nothing if that is no
 * terminal.  `total` < 0: it is not known; `what` follows the numbers. */
void	ctl_bar(int64_t done, int64_t total, const char *what);
/* A word in its place, as "counting". */
void	ctl_bar_word(const char *);
/* The line is finished, if there is one. */
void	ctl_bar_end(void);

#endif
