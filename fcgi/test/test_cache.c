/*
 * test_cache.c
 *	  What is remembered of queries: their canonical form and its hash, their
 *	  answers, and each key's share.
 */
#include <stdlib.h>

#include "cache.h"
#include "json_canon.h"
#include "query_key.h"
#include "digest.h"
#include "share.h"
#include "siphash.h"
#include "tap.h"

/* ------------------------------------------------------------------------
 * Hashes
 */

static void
test_hashes(void)
{
	/* the example of SipHash's paper: bytes 0 to 14, key 0 to 15 */
	const struct siphash_secret secret = {UINT64_C(0x0706050403020100),
										  UINT64_C(0x0f0e0d0c0b0a0908)};
	const struct siphash_secret other = {1, 2};
	/* FIPS 180-2, "abc" */
	static const uint8_t abc[4] = {0xba, 0x78, 0x16, 0xbf};
	unsigned char bytes[15];
	uint8_t hash[DIGEST_BYTES];
	int i;

	for (i = 0; i < 15; i++)
		bytes[i] = (unsigned char) i;
	tap_ok(siphash(&secret, bytes, 15) == UINT64_C(0xa129ca6149be45e5),
		   "SipHash as in its paper");
	tap_ok(siphash(&secret, bytes, 8) != siphash(&secret, bytes, 9) &&
			   siphash(&secret, bytes, 8) != siphash(&other, bytes, 8),
		   "length and secret count");
	tap_ok(digest_sha256("abc", 3, hash) && memcmp(hash, abc, 4) == 0 &&
			   digest_sha256("abc", 3, hash) && memcmp(hash, abc, 4) == 0,
		   "SHA-256 of a text, the second time too");
}

/* ------------------------------------------------------------------------
 * Canonical JSON
 */

static void
canon(const char *text, const char *want, const char *title)
{
	struct buf out;

	buf_init(&out, 100000);
	json_canon(&out, text, strlen(text));
	buf_char(&out, '\0');
	tap_str(out.failed ? NULL : out.data, want, title);
	buf_free(&out);
}

static void
test_canon(void)
{
	struct buf out;
	char deep[200];
	int i;

	canon(" { } ", "{}", "nothing");
	canon("{\"b\": 1, \"a\" :\t[1,\r\n2 , {}]}",
		  "{\"a\":[1,2,{}],\"b\":1}",
		  "blanks go, names are in order");
	canon("{\"ab\":1,\"a\":2,\"\":3,\"b\":4}",
		  "{\"\":3,\"a\":2,\"ab\":1,\"b\":4}",
		  "a name before one that goes on");
	canon("{\"a\":1,\"b\":{\"z\":1,\"y\":{\"d\":1,\"c\":2}},\"a\":3}",
		  "{\"a\":3,\"b\":{\"y\":{\"c\":2,\"d\":1},\"z\":1}}",
		  "of one name the last counts, and objects in objects");
	canon("{\"a\":1,\"a\":2}", "{\"a\":2}", "also when they are in order");
	canon("[\"a \\\" b\",\"\\\\\",-1.50e+3 , true,null]",
		  "[\"a \\\" b\",\"\\\\\",-1.50e+3,true,null]",
		  "strings and numbers stay as they are");
	canon("{\"x\":[{\"b\":1,\"a\":2}],\"filters\":[[1],[]]}",
		  "{\"filters\":[[1],[]],\"x\":[{\"a\":2,\"b\":1}]}",
		  "objects in lists");

	memset(deep, '[', 100);
	memset(deep + 100, ']', 99);
	deep[199] = '\0';
	buf_init(&out, 1000);
	json_canon(&out, deep, 199);
	tap_ok(out.failed, "deeper than the checker allows is not followed");
	buf_free(&out);

	/* every cut-off text ends, whatever comes of it */
	for (i = 0; i < 40; i++)
	{
		static const char text[] =
			"{\"b\\\"\":[1,{\"c\":\"\\u0041\"}],\"a\":null}";

		buf_init(&out, 1000);
		json_canon(&out, text, (size_t) i < strlen(text) ? (size_t) i : 1);
		buf_free(&out);
	}
	tap_ok(true, "texts that end early end");
}

static void
test_key(void)
{
	const char *parts[QUERY_KEY__COUNT];
	struct buf a;
	struct buf b;
	size_t asked_a;
	size_t asked_b;

	buf_init(&a, 1000);
	buf_init(&b, 1000);
	asked_a =
		query_key_build(&a, "p1", "count", "{\"x\":1,\"y\":2}", 13, false);
	asked_b =
		query_key_build(&b, "p1", "count", "{\"y\":2, \"x\":1}", 14, true);
	tap_ok(asked_a == asked_b && memcmp(a.data, b.data, asked_a) == 0,
		   "the same is asked");
	tap_ok(a.len != b.len, "but the answers look different");
	query_key_parts(b.data, parts);
	tap_str(parts[QUERY_KEY_PROJECT], "p1", "the project is in the key");
	tap_str(parts[QUERY_KEY_ANALYSIS], "count", "the analysis");
	tap_str(parts[QUERY_KEY_REQUEST], "{\"x\":1,\"y\":2}", "the request");
	tap_str(parts[QUERY_KEY_PRETTY], "true", "and its look");
	buf_reset(&b);
	(void) query_key_build(&b, "p1c", "ount", "{\"x\":1,\"y\":2}", 13, false);
	tap_ok(a.len == b.len && memcmp(a.data, b.data, a.len) != 0,
		   "what belongs to one part cannot pass for another");
	buf_free(&a);
	buf_free(&b);
}

/* ------------------------------------------------------------------------
 * The cache
 */

static struct cache *cache;
static struct cache_found found;
static int64_t cost_ms = 1000; /* of all answers: kept as long as may be */

static struct cache_key
key(const char *text)
{
	/* few hashes, so that chains are long */
	return (struct cache_key){.data = text,
							  .len = strlen(text),
							  .hash = strlen(text) % 2};
}

static void
new_cache(size_t max_bytes)
{
	const struct cache_options options = {.max_bytes = max_bytes,
										  .soft_min_ms = 500,
										  .soft_ms = 10000,
										  .hard_ms = 300000,
										  .failure_ms = 1000,
										  .seed = 42};

	cache = cache_new(&options);
}

static void
put(const char *text, enum answer_code code, const char *bytes, size_t len,
	int64_t now_ms)
{
	const struct cache_key k = key(text);
	struct answer *answer = answer_new(code, bytes, len);

	if (code == ANSWER_OK)
		cache_put_answer(cache, &k, answer, cost_ms, now_ms);
	else
		cache_put_failure(cache, &k, answer, now_ms);
	answer_unref(answer);
}

static void
look(const char *text, int64_t now_ms)
{
	const struct cache_key k = key(text);

	cache_find(cache, &k, now_ms, &found);
}

static void
test_ages(void)
{
	const struct cache_key k = key("a");

	new_cache(100000);
	look("a", 0);
	tap_ok(found.fresh == NULL && found.stale == NULL, "nothing is known");
	put("a", ANSWER_OK, "one", 3, 1000);
	look("a", 9999);
	tap_ok(found.fresh != NULL && memcmp(found.fresh->data, "one", 3) == 0,
		   "an answer is fresh for nearly the soft age");
	tap_int(found.age_ms, 8999, "and says how old it is");
	look("a", 12001);
	tap_ok(found.fresh == NULL && found.stale != NULL, "past it, it is stale");
	look("a", 300999);
	tap_ok(found.stale != NULL, "until the hard age");
	look("a", 301000);
	tap_ok(found.stale == NULL, "and then it is gone");

	put("a", ANSWER_OK, "two", 3, 400000);
	put("a", ANSWER_FAILED, "no", 2, 420000);
	look("a", 420999);
	tap_ok(found.failure != NULL && found.stale != NULL,
		   "a failure stands beside the older answer");
	look("a", 421000);
	tap_ok(found.failure == NULL && found.stale != NULL, "for a second");
	put("a", ANSWER_FAILED, "no", 2, 430000);
	put("a", ANSWER_OK, "new", 3, 430500);
	look("a", 430600);
	tap_ok(found.failure == NULL && found.fresh != NULL,
		   "an answer ends it before");

	cache_put_large(cache, &k, 440000);
	look("a", 440001);
	tap_ok(found.is_large && found.fresh == NULL && found.stale == NULL,
		   "too large: that is all that is known");
	put("a", ANSWER_OK, "small", 5, 440100);
	look("a", 440200);
	tap_ok(!found.is_large && found.fresh != NULL, "until it is not");
	cache_free(cache);
}

static void
test_cost(void)
{
	new_cache(100000);
	cost_ms = 3;
	put("a", ANSWER_OK, "x", 1, 0);
	look("a", 449);
	tap_ok(found.fresh != NULL, "what is cheap is fresh for half a second");
	look("a", 551);
	tap_ok(found.fresh == NULL, "and no longer");
	cost_ms = 200;
	put("a", ANSWER_OK, "x", 1, 1000);
	look("a", 2799);
	tap_ok(found.fresh != NULL, "what takes its time ten times as long");
	look("a", 3201);
	tap_ok(found.fresh == NULL, "and no longer");
	cost_ms = 1000;
	cache_free(cache);
}

static void
test_jitter(void)
{
	int still_fresh = 0;
	char name[16];
	int i;

	new_cache(10000000);
	for (i = 0; i < 1000; i++)
	{
		(void) snprintf(name, sizeof(name), "k%d", i);
		put(name, ANSWER_OK, "x", 1, 0);
	}
	for (i = 0; i < 1000; i++)
	{
		(void) snprintf(name, sizeof(name), "k%d", i);
		look(name, 10000);
		still_fresh += found.fresh != NULL;
	}
	tap_ok(still_fresh > 400 && still_fresh < 600,
		   "answers of one moment do not expire together");
	cache_free(cache);
}

static void
test_memory(void)
{
	static char bytes[10000];
	struct cache_counts counts;
	struct answer *held;
	char name[16];
	size_t most = 0;
	int i;

	new_cache(100000);
	put("first", ANSWER_OK, bytes, 1000, 0);
	look("first", 1);
	held = answer_ref(found.fresh);
	for (i = 0; i < 1000; i++)
	{
		(void) snprintf(name, sizeof(name), "k%d", i);
		put(name,
			i % 3 == 0 ? ANSWER_FAILED : ANSWER_OK,
			bytes,
			(size_t) (i * 37 % 9000),
			i);
		look("used", i);
		if (found.fresh == NULL)
			put("used", ANSWER_OK, bytes, 10, i);
		cache_counts(cache, &counts);
		if (counts.bytes > most)
			most = counts.bytes;
	}
	tap_ok(most <= 100000 && most > 80000, "never more than its memory");
	tap_ok(counts.evicted > 900, "what is old makes room");
	look("used", 1000);
	tap_ok(found.fresh != NULL, "what is used stays");
	look("first", 1000);
	tap_ok(found.fresh == NULL && held->len == 1000,
		   "who holds an answer that was thrown out still has it");
	answer_unref(held);
	put("huge", ANSWER_OK, bytes, sizeof(bytes), 2000);
	cache_free(cache);

	new_cache(5000);
	put("small", ANSWER_OK, bytes, 10, 0);
	put("huge", ANSWER_OK, bytes, sizeof(bytes), 0);
	look("huge", 1);
	cache_counts(cache, &counts);
	tap_ok(found.fresh == NULL && counts.bytes == 0 && counts.entries == 0,
		   "what never fits is not kept");
	cache_free(cache);
}

/* ------------------------------------------------------------------------
 * Shares
 */

static void
test_share(void)
{
	const int most[SHARE__COUNT] = {[SHARE_RUNNING] = 2, [SHARE_WAITING] = 3};
	struct share share;

	(void) share_init(&share, 2, most);
	share_take(&share, 1, SHARE_RUNNING);
	tap_ok(share_has_room(&share, 1, SHARE_RUNNING), "one of two");
	share_take(&share, 1, SHARE_RUNNING);
	tap_ok(!share_has_room(&share, 1, SHARE_RUNNING), "both");
	tap_ok(share_has_room(&share, 1, SHARE_WAITING), "other things remain");
	tap_ok(share_has_room(&share, 2, SHARE_RUNNING), "others have theirs");
	share_take(&share, 2, SHARE_WAITING);
	tap_ok(!share_has_room(&share, 3, SHARE_RUNNING), "no place, no share");
	share_give(&share, 1, SHARE_RUNNING);
	tap_ok(share_has_room(&share, 1, SHARE_RUNNING), "one is back");
	share_give(&share, 1, SHARE_RUNNING);
	tap_ok(share.count == 1 && share_has_room(&share, 3, SHARE_RUNNING),
		   "who has nothing takes no place");
	tap_ok(share_has_room(&share, 2, SHARE_WAITING) &&
			   share.places[0].owner == 2,
		   "the others keep theirs");
	share_free(&share);
}

int
main(void)
{
	test_hashes();
	test_canon();
	test_key();
	test_ages();
	test_cost();
	test_jitter();
	test_memory();
	test_share();
	return tap_done();
}
