/*
 * profile.c - the local stand-in for mParticle's identity service
 *
 * Knows the rules of resolution and the three profile tables.
 */
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "log.h"
#include "memo.h"
#include "profile.h"
#include "store.h"

struct candidate {
	int64_t	mpid;
	int64_t	resolved;
	bool	shared;		/* as in the table */
};

/* In the order of mpid, as the index gives them. */
struct candidates {
	struct candidate *c;
	size_t	n;
	size_t	room;
};

struct profile_store {
	struct store	*store;
	char		*secret;
	size_t		 secret_len;
	enum mp_identity_type priority[MP_IDENTITIES];
	size_t		 priority_n;
	struct buf	 lookup;	/* of the identity at hand */
	struct buf	 customer;	/* the batch's customer id, or empty */
	struct memo	*resolved;	/* mpids by what batches said of one */
	struct buf	 said;		/* that of the batch at hand */
	struct candidates set;		/* those of the batch at hand */
	struct candidates hits;		/* of the type at hand */
};

struct profile_store *
profile_new(struct store *store, const char *secret, size_t secret_len,
    const enum mp_identity_type *priority, size_t priority_n)
{
	struct profile_store *p = xcalloc(1, sizeof(*p));

	p->store = store;
	p->secret = xmalloc(secret_len + 1);
	memcpy(p->secret, secret, secret_len);
	p->secret_len = secret_len;
	memcpy(p->priority, priority, priority_n * sizeof(*priority));
	p->priority_n = priority_n;
	p->resolved = memo_new();
	return p;
}

void
profile_free(struct profile_store *p)
{
	if (p == NULL)
		return;
	free(p->secret);
	buf_free(&p->lookup);
	buf_free(&p->customer);
	buf_free(&p->said);
	memo_free(p->resolved);
	free(p->set.c);
	free(p->hits.c);
	free(p);
}

struct row {
	bool	has_customer;
	bool	shared;
};

static bool
exists(struct profile_store *p, int64_t mpid, struct row *row)
{
	sqlite3_stmt *st = store_sql(p->store, SQL_PROFILE_GET);
	bool found;

	store_int(st, ":mpid", mpid);
	found = store_row(p->store, st);
	row->has_customer = found &&
	    sqlite3_column_type(st, 0) != SQLITE_NULL;
	row->shared = found && sqlite3_column_int(st, 1) != 0;
	sqlite3_reset(st);
	return found;
}

static void
make(struct profile_store *p, int64_t mpid, bool minted, int64_t batch_id)
{
	sqlite3_stmt *st = store_sql(p->store, SQL_PROFILE_PUT);

	store_int(st, ":mpid", mpid);
	store_int(st, ":minted", minted);
	store_int(st, ":resolved", batch_id);
	store_run(p->store, st);
}

/* Who has the lookup value, without those whose customer id is another. */
static void
find_hits(struct profile_store *p, enum mp_identity_type type,
    struct candidates *hits)
{
	sqlite3_stmt *st = store_sql(p->store, SQL_PROFILE_HITS);

	hits->n = 0;
	store_text(st, ":type", mp_identity_name(type));
	store_text_n(st, ":value", buf_str(&p->lookup), p->lookup.len);
	if (p->customer.len > 0)
		store_text_n(st, ":customer_id", buf_str(&p->customer),
		    p->customer.len);
	else
		store_text(st, ":customer_id", NULL);
	while (store_row(p->store, st)) {
		if (hits->n == hits->room) {
			hits->room = hits->room > 0 ? 2 * hits->room : 16;
			hits->c = xreallocarray(hits->c, hits->room,
			    sizeof(*hits->c));
		}
		hits->c[hits->n].mpid = sqlite3_column_int64(st, 0);
		hits->c[hits->n].resolved = sqlite3_column_int64(st, 1);
		hits->c[hits->n].shared = sqlite3_column_int(st, 2) != 0;
		hits->n++;
	}
}

/* Keeps the candidates that are hits too, if there are any such. */
static void
narrow(struct candidates *set, const struct candidates *hits)
{
	size_t i, h, both = 0;

	for (i = h = 0; i < set->n && h < hits->n; ) {
		if (set->c[i].mpid < hits->c[h].mpid) {
			i++;
		} else if (set->c[i].mpid > hits->c[h].mpid) {
			h++;
		} else {
			/* Those before `both` were looked at already. */
			set->c[both++] = set->c[i++];
			h++;
		}
	}
	if (both > 0)
		set->n = both;
}

static const char *
lookup_value(struct profile_store *p, const struct mp_batch *b,
    enum mp_identity_type type)
{
	mp_lookup_value(type, b->identity[type], &p->lookup);
	return buf_str(&p->lookup);
}

/* NULL: nobody. */
static const struct candidate *
find(struct profile_store *p, const struct mp_batch *b)
{
	struct candidates *set = &p->set, *hits = &p->hits, none;
	enum mp_identity_type type;
	size_t i, best = 0;

	set->n = 0;
	for (i = 0; i < p->priority_n && set->n != 1; i++) {
		type = p->priority[i];
		if (b->identity[type] == NULL)
			continue;
		(void)lookup_value(p, b, type);
		find_hits(p, type, hits);
		if (set->n == 0) {
			none = *set;
			*set = *hits;
			*hits = none;
		} else {
			narrow(set, hits);
		}
	}
	for (i = 1; i < set->n; i++)
		if (set->c[i].resolved > set->c[best].resolved)
			best = i;
	return set->n > 0 ? &set->c[best] : NULL;
}

/*
 * The MPID is a keyed digest of the first identity, so that a lost store, or
 * another host with the same secret, comes to the same one.  A value that is
 * taken is passed over by appending a counter.
 */
static bool
mint(struct profile_store *p, const struct mp_batch *b, int64_t *mpid)
{
	struct buf message = BUF_INIT;
	uint8_t digest[32];
	uint64_t value;
	struct row row;
	size_t i, stem;
	int again = 0, k;

	for (i = 0; i < p->priority_n; i++)
		if (b->identity[p->priority[i]] != NULL)
			break;
	if (i == p->priority_n)
		return false;
	buf_printf(&message, "heaprelay.mpid.v1\n%s\n%s",
	    mp_identity_name(p->priority[i]),
	    lookup_value(p, b, p->priority[i]));
	stem = message.len;
	do {
		buf_cut(&message, stem);
		if (again > 0)
			buf_printf(&message, "\n%d", again);
		again++;
		hash_hmac_sha256(p->secret, p->secret_len, message.p,
		    message.len, digest);
		for (value = 0, k = 0; k < 8; k++)
			value = value << 8 | digest[k];
		*mpid = (int64_t)value;
	} while (*mpid == 0 || exists(p, *mpid, &row));
	buf_free(&message);
	stat_later(STAT_profiles_minted, 1);
	return true;
}

static bool
value_taken(struct profile_store *p, enum mp_identity_type type)
{
	sqlite3_stmt *st = store_sql(p->store, SQL_PROFILE_HAS_VALUE);
	bool taken;

	store_text(st, ":type", mp_identity_name(type));
	store_text_n(st, ":value", buf_str(&p->lookup), p->lookup.len);
	taken = store_row(p->store, st);
	sqlite3_reset(st);
	return taken;
}

/* Is this, as received, what the profile already has as current? */
static bool
is_current(struct profile_store *p, int64_t mpid, enum mp_identity_type type,
    const char *received)
{
	sqlite3_stmt *st = store_sql(p->store, SQL_PROFILE_CURRENT_GET);
	bool same = false;

	store_int(st, ":mpid", mpid);
	store_text(st, ":type", mp_identity_name(type));
	if (store_row(p->store, st))
		same = strcmp((const char *)sqlite3_column_text(st, 0),
		    received) == 0;
	sqlite3_reset(st);
	return same;
}

/*
 * Marks all who have the value at hand, if another than `mpid` has it too.
 * From then on it matters which of them a batch resolved to last, and not
 * before: to write that down for everybody would write a page of its own for
 * each batch.
 */
static bool
share(struct profile_store *p, int64_t mpid, enum mp_identity_type type)
{
	sqlite3_stmt *st = store_sql(p->store, SQL_PROFILE_VALUE_SHARED);
	bool shared;

	store_text(st, ":type", mp_identity_name(type));
	store_text_n(st, ":value", buf_str(&p->lookup), p->lookup.len);
	store_int(st, ":mpid", mpid);
	shared = store_row(p->store, st);
	sqlite3_reset(st);
	if (!shared)
		return false;
	st = store_sql(p->store, SQL_PROFILE_SHARE);
	store_text(st, ":type", mp_identity_name(type));
	store_text_n(st, ":value", buf_str(&p->lookup), p->lookup.len);
	store_run(p->store, st);
	return true;
}

static void
attach_one(struct profile_store *p, int64_t mpid, enum mp_identity_type type,
    const char *received)
{
	sqlite3_stmt *st;

	st = store_sql(p->store, SQL_PROFILE_IDENTITY_PUT);
	store_text(st, ":type", mp_identity_name(type));
	store_text_n(st, ":value", buf_str(&p->lookup), p->lookup.len);
	store_int(st, ":mpid", mpid);
	store_run(p->store, st);

	st = store_sql(p->store, SQL_PROFILE_CURRENT_PUT);
	store_int(st, ":mpid", mpid);
	store_text(st, ":type", mp_identity_name(type));
	store_text(st, ":value", received);
	store_run(p->store, st);
}

/* What of a batch is new to the profile it resolved to; each includes those
 * before it. */
enum attached {
	ATTACHED_NOTHING,
	ATTACHED_REFUSED,	/* a login id that cannot be its */
	ATTACHED_VALUE,
	ATTACHED_SHARED		/* one that another profile has, too */
};

/* A login id is added once, and belongs to one profile. */
static enum attached
attach_customer(struct profile_store *p, int64_t mpid, const char *received)
{
	sqlite3_stmt *st;
	struct row row;

	if (!exists(p, mpid, &row) || row.has_customer ||
	    value_taken(p, MP_CUSTOMER_ID))
		return ATTACHED_REFUSED;
	st = store_sql(p->store, SQL_PROFILE_CUSTOMER);
	store_int(st, ":mpid", mpid);
	store_text_n(st, ":customer_id", buf_str(&p->lookup), p->lookup.len);
	store_run(p->store, st);
	attach_one(p, mpid, MP_CUSTOMER_ID, received);
	return ATTACHED_VALUE;
}

static enum attached
attach(struct profile_store *p, int64_t mpid, const struct mp_batch *b)
{
	enum attached most = ATTACHED_NOTHING, how;
	enum mp_identity_type type;
	int i;

	for (i = 0; i < MP_IDENTITIES; i++) {
		type = (enum mp_identity_type)i;
		if (b->identity[type] == NULL ||
		    is_current(p, mpid, type, b->identity[type]))
			continue;
		(void)lookup_value(p, b, type);
		if (type == MP_CUSTOMER_ID) {
			how = attach_customer(p, mpid, b->identity[type]);
		} else {
			attach_one(p, mpid, type, b->identity[type]);
			how = share(p, mpid, type) ? ATTACHED_SHARED :
			    ATTACHED_VALUE;
		}
		if (how > most)
			most = how;
	}
	return most;
}

static void
record(struct profile_store *p, int64_t mpid, int64_t batch_id)
{
	sqlite3_stmt *st = store_sql(p->store, SQL_PROFILE_RESOLVED);

	store_int(st, ":mpid", mpid);
	store_int(st, ":resolved", batch_id);
	store_run(p->store, st);
}

/* All that resolution looks at in a batch, in one text. */
static void
gather_said(struct profile_store *p, const struct mp_batch *b)
{
	int i;

	buf_reset(&p->said);
	buf_putc(&p->said, b->has_mpid ? '1' : '0');
	if (b->has_mpid)
		buf_put(&p->said, &b->mpid, sizeof(b->mpid));
	for (i = 0; i < MP_IDENTITIES; i++) {
		if (b->identity[i] == NULL)
			continue;
		buf_putc(&p->said, (char)i);
		buf_put(&p->said, b->identity[i],
		    strlen(b->identity[i]) + 1);
	}
}

/*
 * A batch that had nothing new to tell of a profile that shares nothing will
 * have nothing to tell when it comes again, until the profile gets another
 * value, or shares one.
 */
static void
remember(struct profile_store *p, enum attached how, bool is_new, bool shared,
    int64_t mpid)
{
	if (how == ATTACHED_SHARED || (how == ATTACHED_VALUE && !is_new))
		memo_forget(p->resolved);
	else if (how == ATTACHED_NOTHING && !is_new && !shared)
		memo_put(p->resolved, store_epoch(p->store), p->said.p,
		    p->said.len, mpid);
}

bool
profile_resolve(struct profile_store *p, const struct mp_batch *b,
    int64_t batch_id, int64_t *mpid)
{
	enum attached how;
	const struct candidate *found;
	struct row row = { false, false };
	bool is_new;

	gather_said(p, b);
	if (memo_get(p->resolved, store_epoch(p->store), p->said.p,
	    p->said.len, mpid))
		return true;
	buf_reset(&p->customer);
	if (b->identity[MP_CUSTOMER_ID] != NULL)
		mp_lookup_value(MP_CUSTOMER_ID, b->identity[MP_CUSTOMER_ID],
		    &p->customer);
	if (b->has_mpid) {
		*mpid = b->mpid;
		is_new = !exists(p, *mpid, &row);
	} else if ((found = find(p, b)) != NULL) {
		*mpid = found->mpid;
		row.shared = found->shared;
		is_new = false;
	} else {
		if (!mint(p, b, mpid))
			return false;
		is_new = true;
	}
	if (is_new)
		make(p, *mpid, !b->has_mpid, batch_id);
	how = attach(p, *mpid, b);
	if ((how == ATTACHED_SHARED || row.shared) && !is_new)
		record(p, *mpid, batch_id);
	remember(p, how, is_new, row.shared, *mpid);
	return true;
}

const char *
profile_current(struct profile_store *p, struct arena *a, int64_t mpid,
    enum mp_identity_type type)
{
	sqlite3_stmt *st = store_sql(p->store, SQL_PROFILE_CURRENT_GET);
	const char *value = NULL;

	store_int(st, ":mpid", mpid);
	store_text(st, ":type", mp_identity_name(type));
	if (store_row(p->store, st))
		value = arena_strndup(a,
		    (const char *)sqlite3_column_text(st, 0),
		    (size_t)sqlite3_column_bytes(st, 0));
	sqlite3_reset(st);
	return value;
}
