/*
 * fuzz.h - a fuzz target: one function, in a file of its own
 *
 * Under clang libFuzzer calls it with whatever it makes up (tests/fuzz/run.sh);
 * otherwise tests/fuzz/main.c calls it with what is stored in
 * tests/fuzz/corpus.  A target ends the program when something is wrong, and
 * keeps nothing from one call that another could notice.
 */
#ifndef HR_FUZZ_H
#define HR_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* 0, always.  The bytes are borrowed, and no NUL follows them. */
int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#endif
