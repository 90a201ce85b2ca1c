/*
 * mparticle_private.h - what the files of mparticle share among themselves
 *
 * Private to mparticle*.c; everybody else includes mparticle.h.
 */
#ifndef HR_MPARTICLE_PRIVATE_H
#define HR_MPARTICLE_PRIVATE_H

#include "mparticle.h"

/* Of mparticle_names.c. */

/* Is the text, ASCII case and underscores aside, that wire spelling? */
bool	mp_folds_to(const char *text, const char *wire);
/* By a key of user_identities in any of its spellings; false: unknown. */
bool	mp_user_identity_by_key(const char *key, enum mp_identity_type *);
/* What an `event_type` that is a string means. */
enum mp_event_type mp_event_type_by_name(const char *);
/* The wire spelling; NULL for MP_OTHER_TYPE.  Lent for ever. */
const char *mp_event_type_name(enum mp_event_type);
/* The number or the text of a scalar identity, time or id; NULL: neither. */
const char *mp_scalar(const cJSON *);

#define MP_GUID_DIGITS	32

/* The digits of a GUID in any accepted form, lower-case, with a NUL; false:
 * the text is none and `digits` is undefined. */
bool	mp_guid(const char *text, char digits[MP_GUID_DIGITS + 1]);

/* Of mparticle_judge.c. */

/* A text whose values are judged; messages go into the arena. */
struct mp_judged {
	const char	*text;
	size_t		 len;
	bool		 bulk;		/* paths begin with the batch's index */
	struct arena	*arena;
};

/* What is wrong with the outermost value, or NULL.  Lent by the arena. */
const char *mp_judge_root(const struct mp_judged *, const cJSON *root);
/* What is wrong with the batch of that index, or NULL.  Lent by the arena. */
const char *mp_judge_batch(const struct mp_judged *, const cJSON *batch,
    size_t index);

#endif
