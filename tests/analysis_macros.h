/*
 * analysis_macros.h - for cppcheck, which does not read the system's headers:
 * the macros among them that are loops or declarations
 */
#define cJSON_ArrayForEach(e, a) \
	for ((e) = (a) != 0 ? (a)->child : 0; (e) != 0; (e) = (e)->next)
#define LIST_HEAD(name, type)	struct name { struct type *lh_first; }
#define LIST_ENTRY(type)	struct { struct type *next, **prev; }
#define TAILQ_HEAD(name, type)	struct name { struct type *first, **last; }
#define TAILQ_ENTRY(type)	struct { struct type *next, **prev; }
#define STAILQ_HEAD(name, type)	struct name { struct type *first, **last; }
#define STAILQ_ENTRY(type)	struct { struct type *next; }
#define LIST_FOREACH(v, h, f) \
	for ((v) = (h)->lh_first; (v) != 0; (v) = (v)->f.next)
#define TAILQ_FOREACH(v, h, f) \
	for ((v) = (h)->first; (v) != 0; (v) = (v)->f.next)
#define STAILQ_FOREACH(v, h, f) \
	for ((v) = (h)->first; (v) != 0; (v) = (v)->f.next)
