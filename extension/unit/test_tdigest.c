/*
 * test_tdigest.c
 *	  measure/tdigest.c: exact while there is room, near afterwards.
 */
#include <math.h>
#include <stdlib.h>

#include "tap.h"

#include "measure/tdigest.h"

#define N 50000

static TallyDigest *
make(int compression)
{
	int room = tally_digest_next_room(compression, 0);
	TallyDigest *d = malloc(tally_digest_size(room));

	tally_digest_init(d, compression, room);
	return d;
}

static TallyDigest *
add(TallyDigest *d, double mean, double weight)
{
	if (tally_digest_is_full(d))
	{
		int room = tally_digest_next_room(d->compression, d->room);

		if (room == d->room)
			tally_digest_compress(d);
		else
		{
			d = realloc(d, tally_digest_size(room));
			d->room = room;
		}
	}
	tally_digest_add(d, mean, weight);
	return d;
}

static double
row_of(const void *rows, double row)
{
	return tally_digest_row(rows, row);
}

static double
array_row(const void *rows, double row)
{
	return ((const double *) rows)[(long) row];
}

static double
at(TallyDigest *d, double p)
{
	if (d->is_exact)
		tally_digest_sort(d);
	else
		tally_digest_compress(d);
	return tally_quantile(d, row_of, d->weight, p);
}

/* worst -- the largest error in rank of values 0 to N - 1, as a share. */
static double
worst(TallyDigest *d, double from, double to)
{
	double most = 0;

	for (double p = from; p <= to; p += (to - from) / 50)
		most = fmax(most, fabs(at(d, p) - p * (N - 1)) / N);
	return most;
}

static void
check(TallyDigest *d, const char *how)
{
	char title[96];

	snprintf(title, sizeof(title), "%s: within 0.5 %% in the middle", how);
	tap_ok(worst(d, 0.2, 0.8) < 0.005, title);
	snprintf(title, sizeof(title), "%s: within 0.05 %% at 1 and 99 %%", how);
	tap_ok(worst(d, 0.005, 0.01) < 0.0005 && worst(d, 0.99, 0.995) < 0.0005,
		   title);
	snprintf(title, sizeof(title), "%s: the ends are exact", how);
	tap_ok(at(d, 0) == 0 && at(d, 1) == N - 1, title);
	free(d);
}

/* scattered -- each number below N once, in no order. */
static double
scattered(int i)
{
	return (double) ((long) i * 34567 % N);
}

static void
test_near(void)
{
	TallyDigest *d[3] = {make(100), make(100), make(100)};
	TallyDigest *sum = make(100);
	TallyDigest *piece = make(100);

	for (int i = 0; i < N; i++)
	{
		d[0] = add(d[0], i, 1);
		d[1] = add(d[1], N - 1 - i, 1);
		d[2] = add(d[2], scattered(i), 1);
		piece = add(piece, scattered(i), 1);
		if (i % 1000 < 999)
			continue;
		for (int k = 0; k < piece->ncentroids + piece->nbuffered; k++)
			sum = add(sum, piece->c[k].mean, piece->c[k].weight);
		if (piece->least < sum->least)
			sum->least = piece->least;
		if (piece->greatest > sum->greatest)
			sum->greatest = piece->greatest;
		free(piece);
		piece = make(100);
	}
	free(piece);
	check(d[0], "in order");
	check(d[1], "in reverse");
	check(d[2], "in no order");
	check(sum, "merged");
}

static void
test_exact(void)
{
	static const double values[] = {1, 2, 2, 5, 8, 13, 21, 1e300, 1e301};
	TallyDigest *d = make(20);
	bool same = true;

	for (int i = 8; i >= 0; i--)
		d = add(d, values[i], 1);
	for (double p = 0; p <= 1; p += 0.01)
		same = same && at(d, p) == tally_quantile(values, array_row, 9, p);
	tap_ok(same, "few values are exact at every share");
	free(d);
}

static void
test_idempotent(void)
{
	TallyDigest *d = make(20);
	int before;

	for (int i = 0; i < 10000; i++)
		d = add(d, i % 7 == 0 ? 3 : exp(i % 401), 1);
	tally_digest_compress(d);
	before = d->ncentroids;
	tally_digest_compress(d);
	tap_int(d->ncentroids, before, "to compress again changes nothing");
	tap_ok(d->ncentroids <= 20 * TALLY_DIGEST_ROOM * 3 / 4,
		   "a quarter of the room is free");
	tap_ok(d->weight == 10000, "and no value is lost");
	free(d);
}

static void
test_heavy(void)
{
	TallyDigest *d = make(20);

	for (int i = 0; i < 1000; i++)
		d = add(d, i, 1e15);
	tally_digest_compress(d);
	tap_ok(d->ncentroids <= 20 * TALLY_DIGEST_ROOM * 3 / 4,
		   "heavy centroids leave room, too");
	tap_ok(fabs(at(d, 0.5) - 499.5) < 20, "and are near");
	free(d);
}

int
main(void)
{
	TallyDigest *one = add(make(20), 7, 1);

	tap_ok(at(one, 0) == 7 && at(one, 0.3) == 7 && at(one, 1) == 7,
		   "of one value every percentile is it");
	free(one);
	test_exact();
	test_near();
	test_idempotent();
	test_heavy();
	return tap_done();
}
