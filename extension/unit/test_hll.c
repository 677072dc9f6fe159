/*
 * test_hll.c
 *	  measure/hll.c: sparse and dense sketches, merging, and the error.
 */
#include <math.h>
#include <stdlib.h>

#include "tap.h"

#include "measure/hll.h"

/* hash_of -- a hash as good as any (splitmix64). */
static uint64_t
hash_of(uint64_t v)
{
	v = (v + 1) * UINT64_C(0x9e3779b97f4a7c15);
	v = (v ^ (v >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ (v >> 27)) * UINT64_C(0x94d049bb133111eb);
	return v ^ (v >> 31);
}

static TallyHll *
make(int precision)
{
	TallyHll *h = malloc(tally_hll_first_size(precision));

	tally_hll_init(h, precision);
	return h;
}

static TallyHll *
grown(TallyHll *h)
{
	TallyHll *larger = malloc(tally_hll_next_size(h));

	tally_hll_grow(h, larger);
	free(h);
	return larger;
}

static TallyHll *
add(TallyHll *h, uint64_t from, uint64_t to)
{
	for (uint64_t v = from; v < to; v++)
		while (!tally_hll_add(h, hash_of(v)))
			h = grown(h);
	return h;
}

static TallyHll *
merge(TallyHll *into, const TallyHll *from)
{
	uint32_t index = 0;
	uint32_t found = 0;
	int rank;

	while ((rank = tally_hll_next(from, &index, &found)) > 0)
		while (!tally_hll_set(into, found, rank))
			into = grown(into);
	return into;
}

/* same -- are the two the same to every register? */
static bool
same(const TallyHll *a, const TallyHll *b)
{
	uint32_t at_a = 0;
	uint32_t at_b = 0;
	uint32_t found_a = 0;
	uint32_t found_b = 0;
	int rank;

	do
	{
		rank = tally_hll_next(a, &at_a, &found_a);
		if (rank != tally_hll_next(b, &at_b, &found_b) ||
			(rank > 0 && found_a != found_b))
			return false;
	} while (rank > 0);
	return a->nset == b->nset && a->is_dense == b->is_dense;
}

static void
test_error(int precision)
{
	static const uint64_t counts[] = {
		1, 2, 5, 20, 100, 500, 1000, 3000, 7000, 20000, 60000, 200000};
	double bound = 4 * 1.04 / sqrt((double) ((uint32_t) 1 << precision));
	double worst = 0;
	char title[64];

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
	{
		TallyHll *h = add(make(precision), 0, counts[i]);
		double n = (double) counts[i];

		worst = fmax(worst, fabs(tally_hll_estimate(h) / n - 1));
		free(h);
	}
	snprintf(title,
			 sizeof(title),
			 "precision %d is off by %.1f %% at most",
			 precision,
			 100 * bound);
	if (!tap_ok(worst < bound, title))
		printf("# it was off by %.2f %%\n", 100 * worst);
}

static void
test_forms(int precision)
{
	TallyHll *h = make(precision);
	TallyHll *again;
	TallyHll *odd = make(precision);
	uint32_t limit = tally_hll_sparse_limit(precision);
	bool follows = true;
	char title[64];

	for (uint64_t v = 0; v < 30000; v += 1 + v / 8)
	{
		h = add(h, v, v + 1);
		follows = follows && h->is_dense == (h->nset > limit);
	}
	snprintf(title, sizeof(title), "precision %d: dense when", precision);
	tap_ok(follows, title);

	again = make(precision);
	for (int turn = 0; turn < 2; turn++)
		for (uint64_t v = 30000; v-- > 0;)
			if (v % 2 == 0)
				again = add(again, v, v + 1);
			else
				odd = add(odd, v, v + 1);
	free(h);
	h = add(make(precision), 0, 30000);
	again = merge(again, odd);
	tap_ok(same(h, again), "order, repetition and merging do not show");
	free(h);
	free(again);
	free(odd);
}

int
main(void)
{
	TallyHll *h = make(4);

	tap_ok(tally_hll_estimate(h) == 0, "nothing is 0");
	while (!tally_hll_add(h, 0))
		h = grown(h);
	tap_int(tally_hll_max_rank(4),
			((const uint8_t *) h->data)[0],
			"a hash of nothing but 0 has the largest rank");
	free(h);
	for (int p = TALLY_HLL_MIN_PRECISION; p <= TALLY_HLL_MAX_PRECISION; p++)
	{
		test_error(p);
		test_forms(p);
	}
	return tap_done();
}
