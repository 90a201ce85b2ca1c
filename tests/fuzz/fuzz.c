/*
 * fuzz.c - a finding ends the program by a signal
 *
 * bug() ends it at once and by an exit status, which libFuzzer would not
 * notice: it would not keep the input.  The linker puts this in its place.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"
#include "mem.h"

void	__wrap_bug(const char *fmt, ...) HR_PRINTF(1, 2) HR_NORETURN;

void
__wrap_bug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}
