/*
 * scratch_fixture.h - a directory of a test's own
 */
#ifndef HR_SCRATCH_FIXTURE_H
#define HR_SCRATCH_FIXTURE_H

/* A new, empty directory.  Given (scratch_remove). */
char	*scratch_make(void);
/* With all the files in it. */
void	scratch_remove(char *directory);
/* The path of a file in it.  Given (free). */
char	*scratch_path(const char *directory, const char *name);

#endif
