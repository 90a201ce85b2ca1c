/*
 * ctl_verify.c - heaprelayctl verify: is the database what it should be?
 *
 * Works on the file, beside a running agent or without one; all checks see
 * the same moment.  What they are, inspect knows.
 */
#include "ctl_private.h"
#include "ctl_show.h"
#include "inspect.h"
#include "store.h"

/* The checks as they are made. */
struct verify {
	struct ctl_table *table;	/* NULL: lines of JSON */
	bool		 failed;	/* one of them */
};

static const struct ctl_column columns[] = {
	{ "CHECK", false, 0, 0 },
	{ "RESULT", false, 0, 0 },
	{ "DETAIL", false, 20, 0 },
};

/* inspect_proved: none is left open here. */
static void
tell(const char *check, enum inspect_proof proof, const char *detail,
    void *arg)
{
	struct verify *v = arg;
	struct buf line = BUF_INIT;
	bool ok = proof == INSPECT_GOOD;

	v->failed |= !ok;
	if (v->table != NULL) {
		ctl_table_cell(v->table, check, CTL_PLAIN);
		ctl_table_cell(v->table, ok ? "ok" : "failed",
		    ok ? CTL_GOOD : CTL_BAD);
		ctl_table_cell(v->table, detail, CTL_PLAIN);
		return;
	}
	buf_puts(&line, "{\"check\":");
	json_put_text(&line, check);
	buf_printf(&line, ",\"ok\":%s,\"detail\":", ok ? "true" : "false");
	json_put_text(&line, detail);
	buf_puts(&line, "}\n");
	ctl_print(&line);
	buf_free(&line);
}

static void
print_table(const struct ctl_table *table)
{
	struct ctl_screen screen;
	struct buf out = BUF_INIT;

	ctl_screen(&screen);
	ctl_table_put(table, screen.width, screen.colors, &out);
	ctl_print(&out);
	buf_free(&out);
}

int
ctl_verify(const struct ctl *ctl)
{
	struct config *config = ctl_config_lenient(ctl);
	struct verify v = { .table = NULL };
	struct store *store;
	struct why why;

	if (store_open(&store, config->database, STORE_READ, 0, &why) != 0)
		ctl_fail(CTL_REFUSED, "%s", why.text);
	if (!ctl->json)
		v.table = ctl_table_new(columns, HR_COUNT(columns));
	/* One moment for all of them: a reader's transaction. */
	if (!store_exec(store, "BEGIN"))
		ctl_fail(CTL_REFUSED, "%s", store_error(store));
	inspect_prove_all(store, tell, &v);
	if (v.table != NULL)
		print_table(v.table);
	ctl_table_free(v.table);
	store_close(store);
	config_free(config);
	return v.failed ? CTL_REFUSED : 0;
}
