/*
 * test_profile.c - MPIDs: given, found or minted
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hash.h"
#include "profile.h"
#include "queue_fixture.h"
#include "store.h"

#define SECRET	"a secret of the tests"

struct bench {
	struct queue_fixture *f;
	struct profile_store *p;
	int64_t		 batch;		/* the last batch's id */
};

static struct profile_store *
new_profiles(struct queue_fixture *f, const char *secret)
{
	return profile_new(queue_store(f->q), secret, strlen(secret),
	    mp_default_priority, mp_default_priority_n);
}

static int
setup(void **state)
{
	struct bench *b = xcalloc(1, sizeof(*b));
	void *f;

	queue_fixture_setup(&f);
	b->f = f;
	b->p = new_profiles(b->f, SECRET);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;
	void *f = b->f;

	profile_free(b->p);
	queue_fixture_teardown(&f);
	free(b);
	return 0;
}

/* Resolves the next batch; false: it has no MPID. */
static bool
resolved(struct bench *b, const char *text, int64_t *mpid)
{
	struct mp_request *r = mp_parse(MP_EVENTS, text, strlen(text));
	bool has;

	if (r->batches_n != 1)
		fail_msg("%s: %s", text, r->refusals[0].message);
	has = profile_resolve(b->p, &r->batches[0], ++b->batch, mpid);
	mp_request_free(r);
	return has;
}

/* The MPID of a batch with these members. */
static int64_t
of(struct bench *b, const char *members)
{
	char *text = xasprintf("{%s}", members);
	int64_t mpid = 0;

	if (!resolved(b, text, &mpid))
		fail_msg("no MPID: %s", text);
	free(text);
	assert_true(mpid != 0);
	return mpid;
}

/* The same for user identities, without the quotes of JSON: "email: a". */
static int64_t
user(struct bench *b, const char *identities)
{
	struct buf text = BUF_INIT;
	const char *p;
	int64_t mpid;

	buf_puts(&text, "\"user_identities\":{\"");
	for (p = identities; *p != '\0'; p++) {
		if (*p == ':' && p[1] == ' ') {
			buf_puts(&text, "\":\"");
			p++;
		} else if (*p == ',' && p[1] == ' ') {
			buf_puts(&text, "\",\"");
			p++;
		} else {
			buf_putc(&text, *p);
		}
	}
	buf_puts(&text, "\"}");
	mpid = of(b, buf_str(&text));
	buf_free(&text);
	return mpid;
}

/* What is minted for a lookup value, the n-th time (0: the first). */
static int64_t
minted(const char *secret, const char *type, const char *value, int n)
{
	struct buf message = BUF_INIT;
	uint8_t digest[32];
	uint64_t mpid = 0;
	int i;

	buf_printf(&message, "heaprelay.mpid.v1\n%s\n%s", type, value);
	if (n > 0)
		buf_printf(&message, "\n%d", n);
	hash_hmac_sha256(secret, strlen(secret), message.p, message.len,
	    digest);
	for (i = 0; i < 8; i++)
		mpid = mpid << 8 | digest[i];
	buf_free(&message);
	return (int64_t)mpid;
}

static void
assert_current(struct bench *b, int64_t mpid, enum mp_identity_type type,
    const char *expected)
{
	struct arena *a = arena_new();
	const char *got = profile_current(b->p, a, mpid, type);

	if (expected == NULL)
		assert_null(got);
	else
		assert_string_equal(got, expected);
	arena_free(a);
}

static void
assert_rows(struct bench *b, const char *table, int64_t n)
{
	assert_int_equal(number(b->f, "SELECT count(*) FROM %s", table), n);
}

/* Step 1. */
static void
profile_resolve_takes_a_given_mpid(void **state)
{
	struct bench *b = *state;

	assert_int_equal(of(b, "\"mpid\":-42,\"user_identities\":"
	    "{\"email\":\"ada@example.org\"}"), -42);

	assert_int_equal(number(b->f, "SELECT minted FROM profile "
	    "WHERE mpid = -42"), 0);
	assert_int_equal(user(b, "email: ada@example.org"), -42);
	assert_int_equal(of(b, "\"mpid\":-42"), -42);
	assert_rows(b, "profile", 1);
}

/* Whoever the identities say it is. */
static void
profile_resolve_believes_a_given_mpid(void **state)
{
	struct bench *b = *state;
	int64_t ada = user(b, "email: ada@example.org");

	assert_int_equal(of(b, "\"mpid\":\"7\",\"user_identities\":"
	    "{\"email\":\"ada@example.org\"}"), 7);
	assert_int_not_equal(ada, 7);
	assert_rows(b, "profile", 2);
}

/* Step 4. */
static void
profile_resolve_mints_from_the_first_identity_in_priority(void **state)
{
	struct bench *b = *state;

	assert_true(user(b, "other: o, email: E@Example.org") ==
	    minted(SECRET, "email", "e@example.org", 0));
	assert_true(user(b, "alias: Al, google: G") ==
	    minted(SECRET, "google", "G", 0));
	assert_true(of(b, "\"device_info\":{\"ios_idfv\":"
	    "\"{8C61383F-2216-4713-8C1C-1CB0A5D7A4CC}\"}") ==
	    minted(SECRET, "ios_idfv", "8c61383f221647138c1c1cb0a5d7a4cc",
	    0));
	assert_int_equal(number(b->f, "SELECT count(*) FROM profile "
	    "WHERE minted = 1"), 3);
}

static void
profile_resolve_mints_the_same_with_the_same_secret(void **state)
{
	struct bench *b = *state;
	int64_t here = user(b, "customer_id: c-1"), there;
	void *f = b->f;

	/* Another host. */
	profile_free(b->p);
	queue_fixture_teardown(&f);
	queue_fixture_setup(&f);
	b->f = f;
	b->p = new_profiles(b->f, SECRET);
	there = user(b, "customer_id: c-1");
	assert_true(here == there);

	profile_free(b->p);
	b->p = new_profiles(b->f, SECRET "!");
	assert_true(user(b, "customer_id: c-2") == minted(SECRET "!",
	    "customer_id", "c-2", 0));
	assert_true(minted(SECRET "!", "customer_id", "c-2", 0) !=
	    minted(SECRET, "customer_id", "c-2", 0));
}

static void
profile_resolve_passes_over_minted_values_that_are_taken(void **state)
{
	struct bench *b = *state;
	int64_t first = minted(SECRET, "email", "ada@example.org", 0);
	int64_t second = minted(SECRET, "email", "ada@example.org", 1);
	char *members;

	/* Somebody else has the first two, by other means. */
	members = xasprintf("\"mpid\":%lld", (long long)first);
	of(b, members);
	free(members);
	members = xasprintf("\"mpid\":%lld", (long long)second);
	of(b, members);
	free(members);

	assert_true(user(b, "email: ada@example.org") ==
	    minted(SECRET, "email", "ada@example.org", 2));
}

static void
profile_resolve_finds_values_however_they_are_written(void **state)
{
	struct bench *b = *state;
	int64_t ada = user(b, "email: Ada@Example.ORG");
	int64_t phone = of(b, "\"device_info\":{\"android_advertising_id\":"
	    "\"0123ABCD-4567-89ab-cdef-0123456789AB\"}");
	int64_t customer = user(b, "customerid: C-1 ");

	assert_true(of(b, "\"user_identities\":{\"email\":"
	    "\"\\t ada@example.org\\r\\n\"}") == ada);
	assert_true(of(b, "\"device_info\":{\"android_advertising_id\":"
	    "\"0123abcd456789abcdef0123456789ab\"}") == phone);
	assert_true(user(b, "customer_id:  C-1") == customer);
	/* Only e-mail folds case. */
	assert_true(user(b, "customer_id: c-1") != customer);
	assert_rows(b, "profile", 4);
}

/* Step 2: somebody else's login keeps a profile out. */
static void
profile_resolve_leaves_out_who_has_another_customer_id(void **state)
{
	struct bench *b = *state;
	int64_t first = user(b, "customer_id: c-1, email: home@example.org");
	int64_t second = user(b, "customer_id: c-2, email: home@example.org");
	int64_t nobody = user(b, "email: home@example.org");

	assert_true(first != second);
	/* Without a customer id it is neither, but one of its own. */
	assert_true(nobody != first && nobody != second);
	assert_true(user(b, "email: home@example.org") == nobody);
	assert_true(user(b, "email: home@example.org, customer_id: c-2") ==
	    second);
}

/* A login id is added to the anonymous profile. */
static void
profile_resolve_converts_an_anonymous_profile(void **state)
{
	struct bench *b = *state;
	int64_t anonymous = user(b, "email: ada@example.org");

	assert_true(user(b, "email: ada@example.org, customer_id: c-1") ==
	    anonymous);
	assert_true(user(b, "customer_id: c-1") == anonymous);
	assert_current(b, anonymous, MP_CUSTOMER_ID, "c-1");
	/* From now on it takes the login id to be that profile. */
	assert_true(user(b, "email: ada@example.org") != anonymous);
}

static void
profile_resolve_prefers_a_known_customer_id_to_an_email(void **state)
{
	struct bench *b = *state;
	int64_t customer = user(b, "customer_id: c-1");
	int64_t anonymous = user(b, "email: ada@example.org");

	assert_true(user(b, "email: ada@example.org, customer_id: c-1") ==
	    customer);
	/* Both have the e-mail now; the anonymous one is found by it. */
	assert_true(user(b, "email: ada@example.org") == anonymous);
}

/* Three profiles of one e-mail, each with an own number. */
static void
three_of_one_email(struct bench *b)
{
	static const char *const batches[] = {
		"\"mpid\":11,\"user_identities\":{\"email\":\"e@x.org\","
		    "\"mobile_number\":\"1\",\"other\":\"o\"}",
		"\"mpid\":12,\"user_identities\":{\"email\":\"e@x.org\","
		    "\"mobile_number\":\"2\",\"other\":\"o\"}",
		"\"mpid\":13,\"user_identities\":{\"email\":\"e@x.org\","
		    "\"mobile_number\":\"3\"}",
	};
	size_t i;

	for (i = 0; i < HR_COUNT(batches); i++)
		of(b, batches[i]);
}

static void
profile_resolve_narrows_by_the_next_types(void **state)
{
	struct bench *b = *state;

	three_of_one_email(b);

	assert_int_equal(user(b, "email: e@x.org, mobile_number: 2"), 12);
	assert_int_equal(user(b, "mobile_number: 1, email: e@x.org"), 11);
	assert_int_equal(user(b, "email: e@x.org, mobile_number: 3"), 13);
}

static void
profile_resolve_does_not_narrow_to_nobody(void **state)
{
	struct bench *b = *state;

	three_of_one_email(b);
	of(b, "\"mpid\":99,\"user_identities\":{\"mobile_number\":\"9\"}");

	/* No candidate has the number, so it says nothing; `other` does. */
	assert_int_equal(user(b, "email: e@x.org, mobile_number: 9, "
	    "other: o"), 12);
}

static void
profile_resolve_stops_at_exactly_one(void **state)
{
	struct bench *b = *state;

	three_of_one_email(b);
	of(b, "\"mpid\":14,\"user_identities\":{\"twitter\":\"t\"}");

	assert_int_equal(user(b, "mobile_number: 3, other: o, twitter: t"),
	    13);
}

/* Step 3. */
static void
profile_resolve_takes_the_most_recent_of_several(void **state)
{
	struct bench *b = *state;

	three_of_one_email(b);
	assert_int_equal(user(b, "email: e@x.org"), 13);
	of(b, "\"mpid\":11");
	assert_int_equal(user(b, "email: e@x.org"), 11);
	assert_int_equal(user(b, "email: e@x.org, mobile_number: 2"), 12);
	assert_int_equal(user(b, "email: e@x.org"), 12);
}

static unsigned
below(uint64_t *random, unsigned n)
{
	*random = *random * UINT64_C(6364136223846793005) + 1;
	return (unsigned)(*random >> 33) % n;
}

/* The members of a batch of somebody, out of a few people who share much. */
static void
somebody(uint64_t *random, struct buf *text)
{
	static const char *const types[] = {
		"customer_id", "email", "mobile_number", "other"
	};
	size_t i;

	buf_printf(text, "\"user_identities\":{\"twitter\":\"%u\"",
	    below(random, 12));
	for (i = 0; i < HR_COUNT(types); i++)
		if (below(random, 3) == 0)
			buf_printf(text, ",\"%s\":\"%u\"", types[i],
			    below(random, 6));
	buf_putc(text, '}');
	if (below(random, 5) == 0)
		buf_printf(text, ",\"mpid\":%u", 1 + below(random, 6));
}

/*
 * Who never shared a value is not written down with each batch, which nobody
 * can see: a store that does it for all comes to the same ones.
 */
static void
profile_resolve_knows_the_most_recent_of_those_who_share(void **state)
{
	struct bench *b = *state, *all;
	struct buf text = BUF_INIT;
	uint64_t random = 1;
	int64_t alone = 0;
	void *other;
	int i;

	setup(&other);
	all = other;
	for (i = 0; i < 4000; i++) {
		if (i % 50 == 0) {
			queue_rollback(b->f->q);
			queue_rollback(all->f->q);
			assert_int_equal(queue_begin(b->f->q), QUEUE_READY);
			assert_int_equal(queue_begin(all->f->q), QUEUE_READY);
		}
		buf_reset(&text);
		somebody(&random, &text);
		if (of(b, buf_str(&text)) != of(all, buf_str(&text)))
			fail_msg("batch %d: %s", i, buf_str(&text));
		number(all->f, "UPDATE profile SET shared = 1 RETURNING 1");
		alone += number(b->f, "SELECT count(*) FROM profile "
		    "WHERE shared = 0");
	}
	assert_true(alone > 1000);
	buf_free(&text);
	teardown(&other);
}

static void
profile_resolve_finds_among_any_number(void **state)
{
	struct bench *b = *state;
	char *members;
	int i;

	for (i = 1; i <= 200; i++) {
		members = xasprintf("\"mpid\":%d,\"user_identities\":"
		    "{\"email\":\"e@x.org\",\"other\":\"%d\"}", i * 3, i);
		of(b, members);
		free(members);
	}
	members = xasprintf("email: e@x.org, other: %d", 77);
	assert_int_equal(user(b, members), 231);
	free(members);
	assert_int_equal(user(b, "email: e@x.org, other: 201"), 231);
}

static void
profile_resolve_without_hits_goes_on_to_the_next_type(void **state)
{
	struct bench *b = *state;
	int64_t ada = user(b, "twitter: ada");

	assert_true(user(b, "email: new@example.org, twitter: ada") == ada);
	assert_true(user(b, "email: new@example.org") == ada);
}

/* Step 5. */
static void
profile_resolve_keeps_the_first_customer_id(void **state)
{
	struct bench *b = *state;

	of(b, "\"mpid\":5,\"user_identities\":{\"customer_id\":\"c-1\"}");
	of(b, "\"mpid\":5,\"user_identities\":{\"customer_id\":\"c-2\"}");

	assert_current(b, 5, MP_CUSTOMER_ID, "c-1");
	assert_true(user(b, "customer_id: c-2") != 5);
	assert_int_equal(user(b, "customer_id: c-1"), 5);
}

static void
profile_resolve_gives_a_customer_id_to_one_profile_only(void **state)
{
	struct bench *b = *state;

	of(b, "\"mpid\":5,\"user_identities\":{\"customer_id\":\"c-1\"}");
	of(b, "\"mpid\":6,\"user_identities\":{\"customer_id\":\" c-1 \"}");

	assert_current(b, 6, MP_CUSTOMER_ID, NULL);
	assert_int_equal(user(b, "customer_id: c-1"), 5);
	/* The other one may still get one of its own. */
	of(b, "\"mpid\":6,\"user_identities\":{\"customer_id\":\"c-6\"}");
	assert_current(b, 6, MP_CUSTOMER_ID, "c-6");
}

static void
profile_resolve_adds_every_other_identity(void **state)
{
	struct bench *b = *state;

	of(b, "\"mpid\":5,\"user_identities\":{\"email\":\"Old@x.org\"}");
	of(b, "\"mpid\":5,\"user_identities\":{\"email\":\" New@x.org\"}");

	/* The newest is current, as received; it is found by both. */
	assert_current(b, 5, MP_EMAIL, " New@x.org");
	assert_int_equal(user(b, "email: old@x.org"), 5);
	assert_current(b, 5, MP_EMAIL, "old@x.org");
	assert_int_equal(user(b, "email: new@x.org"), 5);
	assert_rows(b, "profile_identity", 2);
	assert_current(b, 5, MP_TWITTER, NULL);
	assert_current(b, 6, MP_EMAIL, NULL);
}

static void
profile_resolve_of_nobody_writes_nothing(void **state)
{
	static const char *const batches[] = {
		"{}", "{\"mpid\":0}", "{\"mpid\":\"x\"}",
		"{\"user_identities\":null}",
		"{\"user_identities\":{\"email\":\" \"}}",
		"{\"user_identities\":{\"email_address\":\"a@x.org\"}}",
		"{\"mp_deviceid\":\"00000000-0000-0000-0000-000000000000\"}",
	};
	struct bench *b = *state;
	int64_t mpid;
	size_t i;

	for (i = 0; i < HR_COUNT(batches); i++)
		if (resolved(b, batches[i], &mpid))
			fail_msg("has an MPID: %s", batches[i]);
	assert_rows(b, "profile", 0);
	assert_rows(b, "profile_identity", 0);
	assert_rows(b, "profile_current", 0);
}

/* Types that are not in the list are kept but never looked up. */
static void
profile_resolve_goes_by_the_configured_priority(void **state)
{
	static const enum mp_identity_type order[] = { MP_TWITTER, MP_EMAIL };
	struct bench *b = *state;
	int64_t mpid, ada;

	profile_free(b->p);
	b->p = profile_new(queue_store(b->f->q), SECRET, strlen(SECRET),
	    order, HR_COUNT(order));

	assert_false(resolved(b, "{\"user_identities\":{\"other\":\"o\"}}",
	    &mpid));
	assert_rows(b, "profile_identity", 0);
	ada = user(b, "email: a@x.org, twitter: ada, other: o");
	assert_true(ada == minted(SECRET, "twitter", "ada", 0));
	assert_current(b, ada, MP_OTHER, "o");
	assert_false(resolved(b, "{\"user_identities\":{\"other\":\"o\"}}",
	    &mpid));
	/* A login that is not looked up still keeps others out. */
	assert_true(user(b, "twitter: ada, customer_id: c-1") == ada);
	assert_true(user(b, "twitter: ada, customer_id: c-2") != ada);
}

static void
profile_resolve_of_a_failed_turn_leaves_nothing(void **state)
{
	struct bench *b = *state;

	user(b, "email: a@x.org, customer_id: c");
	queue_rollback(b->f->q);
	assert_int_equal(queue_begin(b->f->q), QUEUE_READY);

	assert_rows(b, "profile", 0);
	assert_true(user(b, "email: a@x.org") ==
	    minted(SECRET, "email", "a@x.org", 0));
}

/* Numbers that look like chance, the same each time. */
static unsigned
chance(uint64_t *seed, unsigned below)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(*seed >> 33) % below;
}

/* A batch of one of a few people, who change what they are called now and
 * then, and have something in common now and then. */
static char *
any_batch(uint64_t *seed)
{
	static const char *const type[] = { "customer_id", "email", "other" };
	struct buf text = BUF_INIT;
	unsigned person = chance(seed, 4);
	const char *comma = "";
	size_t i;

	buf_puts(&text, "{");
	if (chance(seed, 400) == 0)
		buf_printf(&text, "\"mpid\":%u,", 1 + person);
	buf_puts(&text, "\"user_identities\":{");
	for (i = 0; i < HR_COUNT(type); i++) {
		if (chance(seed, 2) == 0)
			continue;
		buf_printf(&text, "%s\"%s\":\"%c%u\"", comma, type[i],
		    chance(seed, 600) == 0 ? 'X' : 'x',
		    chance(seed, 400) == 0 ? chance(seed, 4) : person);
		comma = ",";
	}
	buf_puts(&text, "}}");
	return buf_steal(&text);
}

/* All that is known of profiles, as one number. */
static uint64_t
sum_of(struct queue_fixture *f)
{
	sqlite3_stmt *st;
	uint64_t sum = 0;
	int i;

	assert_int_equal(sqlite3_prepare_v2(store_db(queue_store(f->q)),
	    "SELECT 'p', mpid, minted, customer_id, resolved, shared "
	    "FROM profile UNION ALL SELECT 'i', type, value, mpid, '', '' "
	    "FROM profile_identity UNION ALL SELECT 'c', mpid, type, value, "
	    "'', '' FROM profile_current ORDER BY 1, 2, 3, 4", -1, &st, NULL),
	    SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW)
		for (i = 0; i < 6; i++)
			sum = sum * 31 + hash_fnv1a(
			    sqlite3_column_blob(st, i),
			    (size_t)sqlite3_column_bytes(st, i));
	sqlite3_finalize(st);
	return sum;
}

static void
take_away_all(struct queue_fixture *f)
{
	assert_true(store_exec(queue_store(f->q),
	    "DELETE FROM profile_identity; DELETE FROM profile_current;"
	    "DELETE FROM profile;"));
	store_took_away(queue_store(f->q));
}

/* Batches that come again take a shorter way.  Beside them the same batches go
 * to profiles that were never asked before. */
static void
profile_resolve_remembers_nothing_that_is_not_so(void **state)
{
	struct bench *b = *state, other = { .batch = 0 };
	uint64_t seed = 1;
	int64_t one, two;
	bool has_one, has_two;
	void *f;
	char *text;
	int i;

	queue_fixture_setup(&f);
	other.f = f;
	for (i = 0; i < 10000; i++) {
		if (chance(&seed, 200) == 0) {
			queue_rollback(b->f->q);
			queue_rollback(other.f->q);
			queue_begin(b->f->q);
			queue_begin(other.f->q);
		} else if (chance(&seed, 50) == 0) {
			settle(b->f);
			settle(other.f);
		} else if (chance(&seed, 300) == 0) {
			take_away_all(b->f);
			take_away_all(other.f);
		}
		text = any_batch(&seed);
		other.p = new_profiles(other.f, SECRET);
		one = two = 0;
		has_one = resolved(b, text, &one);
		has_two = resolved(&other, text, &two);
		profile_free(other.p);
		if (has_one != has_two || one != two)
			fail_msg("batch %d, %s: %lld, not %lld", i, text,
			    (long long)one, (long long)two);
		free(text);
		if (sum_of(b->f) != sum_of(other.f))
			fail_msg("other tables since batch %d", i);
	}
	queue_fixture_teardown(&f);
}

static void
profile_resolve_tells_what_is_given_from_what_is_known(void **state)
{
	struct bench *b = *state;
	int64_t ada = user(b, "email: a@x.org");
	int i;

	for (i = 0; i < 3; i++) {
		assert_true(user(b, "email: a@x.org") == ada);
		assert_true(user(b, "other: a@x.org") != ada);
	}
	assert_int_equal(of(b, "\"mpid\":5,\"user_identities\":"
	    "{\"email\":\"a@x.org\"}"), 5);
}

#define TEST(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(profile_resolve_takes_a_given_mpid),
	    TEST(profile_resolve_believes_a_given_mpid),
	    TEST(profile_resolve_mints_from_the_first_identity_in_priority),
	    TEST(profile_resolve_mints_the_same_with_the_same_secret),
	    TEST(profile_resolve_passes_over_minted_values_that_are_taken),
	    TEST(profile_resolve_finds_values_however_they_are_written),
	    TEST(profile_resolve_leaves_out_who_has_another_customer_id),
	    TEST(profile_resolve_converts_an_anonymous_profile),
	    TEST(profile_resolve_prefers_a_known_customer_id_to_an_email),
	    TEST(profile_resolve_narrows_by_the_next_types),
	    TEST(profile_resolve_does_not_narrow_to_nobody),
	    TEST(profile_resolve_stops_at_exactly_one),
	    TEST(profile_resolve_takes_the_most_recent_of_several),
	    TEST(profile_resolve_knows_the_most_recent_of_those_who_share),
	    TEST(profile_resolve_finds_among_any_number),
	    TEST(profile_resolve_without_hits_goes_on_to_the_next_type),
	    TEST(profile_resolve_keeps_the_first_customer_id),
	    TEST(profile_resolve_gives_a_customer_id_to_one_profile_only),
	    TEST(profile_resolve_adds_every_other_identity),
	    TEST(profile_resolve_of_nobody_writes_nothing),
	    TEST(profile_resolve_goes_by_the_configured_priority),
	    TEST(profile_resolve_of_a_failed_turn_leaves_nothing),
	    TEST(profile_resolve_tells_what_is_given_from_what_is_known),
	    TEST(profile_resolve_remembers_nothing_that_is_not_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
