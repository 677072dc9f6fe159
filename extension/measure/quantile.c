/*-------------------------------------------------------------------------
 *
 * quantile.c
 *	  Medians and percentiles: exact, of a list of all values, or about, of a
 *	  t-digest.
 *
 * Both give what percentile_cont() does: the value at the share p of the rows
 * in order, on the straight line between two of them.  Numbers of any type
 * become floats first, as there; NaN is the greatest of all.
 *
 * A LIST is sorted when it is asked: the values since then, and the two parts
 * are merged, so that asking again after each bucket (tally.cumulate()) costs
 * no sort of all.
 *
 *	  v: | in order | as they came | free |
 *		   nsorted				 n		.. room
 *
 * A DIGEST keeps finite values; what is infinite or no number is counted
 * beside it.  Before it is asked, written or merged into another its values
 * are put together, unless there is still room for each by itself: so it makes
 * no difference whether a state was stored in between, nor whether the server
 * flattens the result of an aggregate, as 15 does and later ones do not.
 *
 * FORMAT.  List: the values in order, 8 bytes each.  Digest: varint number of
 * -Infinity, of Infinity, of NaN, of centroids; if there are any, least and
 * greatest value, and of each centroid its mean and varint weight.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/float.h"

#include "measure/ops.h"
#include "measure/tdigest.h"

#define FIRST_ROOM 4

typedef struct FloatList
{
	int64 room;
	int64 nsorted;
	float8 v[FLEXIBLE_ARRAY_MEMBER];
} FloatList;

typedef struct MeasureList
{
	int64 n;
	FloatList *list; /* of n values; NULL while n is 0 */
} MeasureList;

typedef struct MeasureDigest
{
	int64 n;
	int64 below; /* -Infinity */
	int64 above; /* Infinity */
	int64 nan;
	TallyDigest *digest; /* of all others; NULL while there are none */
} MeasureDigest;

/* share_of -- which percentile a measure is. */
static float8
share_of(const Measure *m)
{
	return m->def.kind == TALLY_MEDIAN ? 0.5 : m->def.param;
}

/* number -- a value as a float, of which there is one spelling. */
static float8
number(float8 v)
{
	return isnan(v) ? get_float8_nan() : v == 0 ? 0 : v;
}

static inline Size
list_size(int64 room)
{
	return offsetof(FloatList, v) + (Size) room * sizeof(float8);
}

/* list_reserve -- make room for "more" values. */
static void
list_reserve(MeasureList *s, int64 more, MemoryContext cxt)
{
	int64 want = s->n + more;

	if (s->list == NULL)
	{
		want = Max(want, FIRST_ROOM);
		s->list = tally_space_alloc(cxt, list_size(want));
		s->list->nsorted = 0;
		s->list->room = want;
	}
	else if (want > s->list->room)
	{
		want = Max(want, s->list->room * 2);
		s->list = tally_space_resize(cxt, s->list, list_size(want));
		s->list->room = want;
	}
}

static void
list_add(const Measure *m, void *state, Datum value, TimestampTz at,
		 MemoryContext cxt)
{
	MeasureList *s = state;
	float8 v = number(tally_float_input(m, value));

	list_reserve(s, 1, cxt);
	s->list->v[s->n] = v;
}

static void
list_merge(const Measure *m, void *into, const void *from, MemoryContext cxt)
{
	MeasureList *s = into;
	const MeasureList *f = from;

	list_reserve(s, f->n, cxt);
	memcpy(s->list->v + s->n, f->list->v, (Size) f->n * sizeof(float8));
}

#define ST_SORT sort_floats
#define ST_ELEMENT_TYPE float8
#define ST_COMPARE(a, b) float8_cmp_internal(*(a), *(b))
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* list_sort -- put all values in order. */
static void
list_sort(const MeasureList *s)
{
	FloatList *list = s->list;
	int64 left = list->nsorted;
	int64 ntail = s->n - list->nsorted;
	Size tail_size = (Size) ntail * sizeof(float8);
	float8 *tail;

	if (ntail == 0)
		return;
	sort_floats(list->v + left, (size_t) ntail);
	if (left > 0)
	{
		tail = tally_space_alloc(GetMemoryChunkContext(list), tail_size);
		memcpy(tail, list->v + left, tail_size);
		/* From behind, so that nothing is written over before it is read. */
		for (int64 to = s->n - 1; ntail > 0; to--)
		{
			CHECK_FOR_INTERRUPTS();
			if (left > 0 &&
				float8_cmp_internal(list->v[left - 1], tail[ntail - 1]) > 0)
				list->v[to] = list->v[--left];
			else
				list->v[to] = tail[--ntail];
		}
		pfree(tail);
	}
	list->nsorted = s->n;
}

static double
list_row(const void *rows, double row)
{
	return ((const FloatList *) rows)->v[(int64) row];
}

static Datum
list_value(const Measure *m, const void *state, bool *isnull)
{
	const MeasureList *s = state;

	list_sort(s);
	return Float8GetDatum(
		tally_quantile(s->list, list_row, (double) s->n, share_of(m)));
}

static void
list_write(const Measure *m, const void *state, TallyWriter *w)
{
	const MeasureList *s = state;

	list_sort(s);
	tally_put_floats(w, s->list->v, s->n);
}

static void
list_read(const Measure *m, void *state, int64 n, TallyReader *r,
		  MemoryContext cxt)
{
	MeasureList *s = state;

	if ((uint64) n > tally_get_left(r) / sizeof(float8))
		tally_corrupt("list of values");
	list_reserve(s, n, cxt);
	tally_get_floats(r, s->list->v, n);
	for (int64 i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		s->list->v[i] = number(s->list->v[i]);
		if (i > 0 && float8_cmp_internal(s->list->v[i - 1], s->list->v[i]) > 0)
			tally_corrupt("list of values");
	}
	s->list->nsorted = n;
}

const MeasureOps tally_list_ops = {
	.size = sizeof(MeasureList),
	.add = list_add,
	.merge = list_merge,
	.value = list_value,
	.write = list_write,
	.read = list_read,
};

/*
 * digest_settle -- make it ready to be asked, written or merged.  What is
 * ready stays as it is.
 */
static void
digest_settle(const MeasureDigest *s)
{
	if (s->digest == NULL)
		return;
	if (s->digest->is_exact)
		tally_digest_sort(s->digest);
	else
		tally_digest_compress(s->digest);
}

/* digest_place -- make room for one more in the digest. */
static TallyDigest *
digest_place(const Measure *m, MeasureDigest *s, MemoryContext cxt)
{
	int compression = m->def.precision;
	int room;

	if (s->digest == NULL)
	{
		room = tally_digest_next_room(compression, 0);
		s->digest = tally_space_alloc(cxt, tally_digest_size(room));
		tally_digest_init(s->digest, compression, room);
	}
	else if (tally_digest_is_full(s->digest))
	{
		room = tally_digest_next_room(compression, s->digest->room);
		if (room == s->digest->room)
			tally_digest_compress(s->digest);
		else
		{
			s->digest =
				tally_space_resize(cxt, s->digest, tally_digest_size(room));
			s->digest->room = room;
		}
	}
	return s->digest;
}

static void
digest_add(const Measure *m, void *state, Datum value, TimestampTz at,
		   MemoryContext cxt)
{
	MeasureDigest *s = state;
	float8 v = number(tally_float_input(m, value));

	if (likely(isfinite(v)))
		tally_digest_add(digest_place(m, s, cxt), v, 1);
	else if (isnan(v))
		s->nan++;
	else if (v < 0)
		s->below++;
	else
		s->above++;
}

static void
digest_merge(const Measure *m, void *into, const void *from, MemoryContext cxt)
{
	MeasureDigest *s = into;
	const MeasureDigest *f = from;

	s->below += f->below;
	s->above += f->above;
	s->nan += f->nan;
	if (f->digest == NULL)
		return;
	digest_settle(f);
	for (int i = 0; i < f->digest->ncentroids; i++)
	{
		const TallyCentroid *c = &f->digest->c[i];

		CHECK_FOR_INTERRUPTS();
		tally_digest_add(digest_place(m, s, cxt), c->mean, c->weight);
	}
	/* Of a centroid, the outermost values are not at its mean. */
	s->digest->least = Min(s->digest->least, f->digest->least);
	s->digest->greatest = Max(s->digest->greatest, f->digest->greatest);
}

static double
digest_row(const void *rows, double row)
{
	const MeasureDigest *s = rows;
	double finite = s->digest != NULL ? s->digest->weight : 0;

	if (row < s->below)
		return -get_float8_infinity();
	if (row < s->below + finite)
		return tally_digest_row(s->digest, row - s->below);
	if (row < s->below + finite + s->above)
		return get_float8_infinity();
	return get_float8_nan();
}

static Datum
digest_value(const Measure *m, const void *state, bool *isnull)
{
	const MeasureDigest *s = state;
	double n = (double) s->below + (double) s->above + (double) s->nan +
			   (s->digest != NULL ? s->digest->weight : 0);

	digest_settle(s);
	return Float8GetDatum(tally_quantile(s, digest_row, n, share_of(m)));
}

static void
digest_write(const Measure *m, const void *state, TallyWriter *w)
{
	const MeasureDigest *s = state;
	const TallyDigest *d = s->digest;

	digest_settle(s);
	tally_put_varint(w, (uint64) s->below);
	tally_put_varint(w, (uint64) s->above);
	tally_put_varint(w, (uint64) s->nan);
	tally_put_varint(w, d != NULL ? (uint64) d->ncentroids : 0);
	if (d == NULL)
		return;
	tally_put_float(w, d->least);
	tally_put_float(w, d->greatest);
	for (int i = 0; i < d->ncentroids; i++)
	{
		tally_put_float(w, d->c[i].mean);
		tally_put_varint(w, (uint64) d->c[i].weight);
	}
}

/* get_share -- how many of at most "left" values there are of something. */
static int64
get_share(TallyReader *r, int64 *left)
{
	uint64 v = tally_get_varint(r);

	if (v > (uint64) *left)
		tally_corrupt("digest");
	*left -= (int64) v;
	return (int64) v;
}

static void
digest_read(const Measure *m, void *state, int64 n, TallyReader *r,
			MemoryContext cxt)
{
	MeasureDigest *s = state;
	int64 left = n;
	int32 ncentroids;
	float8 least;
	float8 greatest;
	float8 last;

	s->below = get_share(r, &left);
	s->above = get_share(r, &left);
	s->nan = get_share(r, &left);
	ncentroids =
		tally_get_int(r, 0, m->def.precision * TALLY_DIGEST_ROOM, "digest");
	if ((ncentroids == 0) != (left == 0))
		tally_corrupt("digest");
	if (ncentroids == 0)
		return;
	last = least = tally_get_float(r);
	greatest = tally_get_float(r);
	for (int i = 0; i < ncentroids; i++)
	{
		float8 mean = tally_get_float(r);
		int64 weight = get_share(r, &left);

		if (!isfinite(mean) || mean < last || weight < 1)
			tally_corrupt("digest");
		last = mean;
		tally_digest_add(digest_place(m, s, cxt), mean, (double) weight);
	}
	if (left != 0 || !isfinite(least) || !isfinite(greatest) ||
		greatest < last)
		tally_corrupt("digest");
	s->digest->least = least;
	s->digest->greatest = greatest;
	/* They are in order, and must not be put together any further. */
	s->digest->ncentroids = ncentroids;
	s->digest->nbuffered = 0;
}

const MeasureOps tally_digest_ops = {
	.size = sizeof(MeasureDigest),
	.add = digest_add,
	.merge = digest_merge,
	.value = digest_value,
	.write = digest_write,
	.read = digest_read,
};
