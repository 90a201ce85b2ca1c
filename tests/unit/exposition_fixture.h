/*
 * exposition_fixture.h - is a text what Prometheus reads, and well named?
 */
#ifndef HR_EXPOSITION_FIXTURE_H
#define HR_EXPOSITION_FIXTURE_H

#include <stdbool.h>

#include "mem.h"

/*
 * Every line of the text format, version 0.0.4, as it should be written, which
 * is stricter than it must be: families in one piece, HELP, then TYPE, then
 * samples without time stamps, each series once; counters end in _total and
 * nothing else does; a histogram's buckets rise, add up and are whole.
 */
bool	exposition_check(const char *text, struct why *);

#endif
