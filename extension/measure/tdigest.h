/*
 * tdigest.h
 *	  t-digest: about which value stands where in order, in a few kB, most
 *	  exactly near both ends.
 *
 * Free-standing: no server, memory given by the caller.
 *
 * Values that are near each other are put together as a centroid: their mean
 * and their number ("weight").  The fewer values there are before or behind a
 * centroid, the fewer it may hold; at both ends there are single values.  As
 * long as there are no more values than room, each is kept by itself and every
 * answer is exact.
 *
 *	  c: | centroids, in order of their means | values as they came | free |
 *		   ncentroids						   nbuffered			   .. room
 */
#ifndef TALLY_TDIGEST_H
#define TALLY_TDIGEST_H

#include <stdbool.h>
#include <stddef.h>

#define TALLY_DIGEST_MIN_COMPRESSION 20
#define TALLY_DIGEST_MAX_COMPRESSION 1000

/* Most centroids and values, for each unit of compression. */
#define TALLY_DIGEST_ROOM 8

typedef struct TallyCentroid
{
	double mean;
	double weight;
} TallyCentroid;

typedef struct TallyDigest
{
	int compression;
	int ncentroids;
	int nbuffered;
	int room;
	bool is_exact; /* every weight is 1 */
	double weight; /* of all */
	double least;  /* these two are kept as they are */
	double greatest;
	TallyCentroid c[];
} TallyDigest;

/* Bytes of a digest with so much room. */
static inline size_t
tally_digest_size(int room)
{
	return offsetof(TallyDigest, c) + (size_t) room * sizeof(TallyCentroid);
}

/* The first room, and the next after one; the last one comes again. */
extern int tally_digest_next_room(int compression, int room);

/* Makes an empty one. */
extern void tally_digest_init(TallyDigest *d, int compression, int room);

static inline bool
tally_digest_is_full(const TallyDigest *d)
{
	return d->ncentroids + d->nbuffered == d->room;
}

/*
 * Adds a finite value of weight 1, or a centroid of another digest, which has
 * more.  There must be room: when it is full, move it to a larger place and
 * tell it its new room, or compress it.
 */
extern void tally_digest_add(TallyDigest *d, double mean, double weight);

/* Puts all in order; nothing is put together. */
extern void tally_digest_sort(TallyDigest *d);

/* Puts values together; leaves at least a quarter of the largest room free. */
extern void tally_digest_compress(TallyDigest *d);

/*
 * The value of row "row", 0 to weight - 1, of all values in order.  Must be
 * sorted and not empty.
 */
extern double tally_digest_row(const TallyDigest *d, double row);

/*
 * The value at the share "p", 0 to 1, of "n" rows in order, on the straight
 * line between two rows: percentile_cont() of SQL.
 */
typedef double (*TallyRowReader)(const void *rows, double row);
extern double tally_quantile(const void *rows, TallyRowReader read, double n,
							 double p);

#endif
