/*
 * inspect_audit.c - read-only: what operators did
 */
#include "inspect_private.h"

enum inspect_answer
inspect_audits(struct inspect *in, struct inspect_page *page,
    inspect_audit_visit *visit, void *arg)
{
	struct store *s = inspect_ask(in, INSPECT_COMMITTED);
	sqlite3_stmt *st = store_sql(s, SQL_INSPECT_AUDIT);
	struct inspect_audit a;
	int64_t last = page->before;
	size_t n = 0;

	page->next = 0;
	store_int(st, ":before", page->before);
	while (store_row(s, st)) {
		if (n++ == page->limit) {
			page->next = last;
			break;
		}
		a.id = sqlite3_column_int64(st, 0);
		a.at = sqlite3_column_int64(st, 1);
		a.action = (const char *)sqlite3_column_text(st, 2);
		a.subject = (const char *)sqlite3_column_text(st, 3);
		a.detail = (const char *)sqlite3_column_text(st, 4);
		visit(&a, arg);
		last = a.id;
	}
	sqlite3_reset(st);
	if (store_interrupted(s))
		page->next = last;
	return inspect_judge(in, s, true);
}
