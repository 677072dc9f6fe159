/*-------------------------------------------------------------------------
 *
 * tdigest.c
 *	  t-digest (after Dunning and Ertl, "Computing extremely accurate
 *	  quantiles using t-digests"), the merging variant.
 *
 * HOW MUCH A CENTROID MAY HOLD.  One that lies between the shares q0 and q1 of
 * all n values holds at most
 *
 *	  n * Z * q (1 - q) / compression,	Z = 0.6 ln n
 *
 * for q = q0 and q = q1 (the scale function k2 of the paper).  So its weight
 * is proportional to what is between it and the nearer end, and the error at
 * a percentile to the percentile itself: one at 99.9 % is exact to a share of
 * 0.1 %.  Z makes the number of centroids independent of n: 2 ln n / Z = 3.3
 * times the compression when each is full, and less than 7 times, since of
 * two neighbours one is more than half full or they would be one.
 *
 * The mean of equal values is not computed anew, or it would drift.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure/tdigest.h"

#define FIRST_ROOM 4
#define SCALE 0.6

int
tally_digest_next_room(int compression, int room)
{
	int most = compression * TALLY_DIGEST_ROOM;

	if (room == 0)
		return FIRST_ROOM;
	return room > most / 2 ? most : room * 2;
}

void
tally_digest_init(TallyDigest *d, int compression, int room)
{
	memset(d, 0, offsetof(TallyDigest, c));
	d->compression = compression;
	d->room = room;
	d->is_exact = true;
}

void
tally_digest_add(TallyDigest *d, double mean, double weight)
{
	TallyCentroid *c = &d->c[d->ncentroids + d->nbuffered];

	if (d->weight == 0 || mean < d->least)
		d->least = mean;
	if (d->weight == 0 || mean > d->greatest)
		d->greatest = mean;
	d->weight += weight;
	d->is_exact = d->is_exact && weight == 1;
	c->mean = mean;
	c->weight = weight;
	d->nbuffered++;
}

/* by_mean -- the order of centroids; never 0 where it would show. */
static int
by_mean(const void *va, const void *vb)
{
	const TallyCentroid *a = va;
	const TallyCentroid *b = vb;

	if (a->mean != b->mean)
		return a->mean < b->mean ? -1 : 1;
	return a->weight < b->weight ? -1 : a->weight > b->weight;
}

void
tally_digest_sort(TallyDigest *d)
{
	if (d->nbuffered == 0)
		return;
	qsort(d->c,
		  (size_t) (d->ncentroids + d->nbuffered),
		  sizeof(TallyCentroid),
		  by_mean);
	d->ncentroids += d->nbuffered;
	d->nbuffered = 0;
}

/* join -- put "from" to "into". */
static void
join(TallyCentroid *into, const TallyCentroid *from)
{
	double weight = into->weight + from->weight;

	if (from->mean != into->mean)
	{
		/* The difference of two large ones may be no number; halves do. */
		double share = from->weight / weight;
		double mean = into->mean * (1 - share) + from->mean * share;

		/* Rounding must not carry it past either of the two. */
		if (mean < into->mean)
			mean = into->mean;
		if (mean > from->mean)
			mean = from->mean;
		into->mean = mean;
	}
	into->weight = weight;
}

/* squeeze -- one pass over sorted centroids, each as full as it may be. */
static void
squeeze(TallyDigest *d, double limit)
{
	int n = d->ncentroids;
	int last = 0;
	double before = 0; /* weight of those before "last" */

	for (int i = 1; i < n; i++)
	{
		double after = before + d->c[last].weight + d->c[i].weight;
		double q0 = before / d->weight;
		double q1 = after / d->weight;
		double most = limit * fmin(q0 * (1 - q0), q1 * (1 - q1));

		if (d->c[last].weight + d->c[i].weight <= most)
		{
			join(&d->c[last], &d->c[i]);
			d->is_exact = false;
		}
		else
		{
			before += d->c[last].weight;
			d->c[++last] = d->c[i];
		}
	}
	d->ncentroids = n > 0 ? last + 1 : 0;
}

void
tally_digest_compress(TallyDigest *d)
{
	double limit = d->weight * SCALE * log(d->weight) / d->compression;
	int most = d->compression * TALLY_DIGEST_ROOM / 4 * 3;

	tally_digest_sort(d);
	squeeze(d, limit);

	/* Only weights that no values ever had need a second pass. */
	while (d->ncentroids > most)
		squeeze(d, limit *= 2);
}

/*
 * A centroid of weight w after "before" others has its mean at the row before
 * + (w - 1) / 2, in its middle; the line between two of them is straight, and
 * from the outermost to the least and the greatest value, at rows 0 and
 * weight - 1.  With weights of 1 every row is a value.
 */
double
tally_digest_row(const TallyDigest *d, double row)
{
	double last_row = 0;
	double last_value = d->least;
	double before = 0;
	double here = d->weight - 1;
	double value = d->greatest;
	double share;

	for (int i = 0; i < d->ncentroids; i++)
	{
		double middle = before + (d->c[i].weight - 1) / 2;

		if (middle >= row)
		{
			here = middle;
			value = d->c[i].mean;
			break;
		}
		last_row = middle;
		last_value = d->c[i].mean;
		before += d->c[i].weight;
	}
	if (row >= here || here <= last_row)
		return value;
	share = (row - last_row) / (here - last_row);
	value = last_value * (1 - share) + value * share;
	return fmin(fmax(value, d->least), d->greatest);
}

double
tally_quantile(const void *rows, TallyRowReader read, double n, double p)
{
	double row = p * (n - 1);
	double low = floor(row);
	double high = ceil(row);
	double low_value = read(rows, low);

	if (low == high)
		return low_value;
	return low_value + (row - low) * (read(rows, high) - low_value);
}
