/*
 * grid.h
 *	  A grid: the buckets of one time series, as a value.
 *
 * A grid holds the boundaries of its buckets as instants, already resolved
 * in their time zone, and the range that was asked for.  The same boundaries
 * make the spine of an answer and put each row in its bucket, so the two
 * cannot disagree, and a zone costs nothing a row.
 *
 * Bucket i is [tally_grid_start(g, i), tally_grid_end(g, i)).  The first and
 * the last may reach outside the range asked for, [lower, upper): they are
 * "partial", and instants outside the range belong to no bucket.
 *
 * A grid is an ordinary varlena value (SQL type tally.grid, STORAGE
 * external) and never changes after it was made.
 */
#ifndef TALLY_GRID_H
#define TALLY_GRID_H

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "pgtime.h"

#define TALLY_GRID_VERSION 1

/* The origin was given, rather than taken from the defaults of grid.c. */
#define TALLY_GRID_HAS_ORIGIN 0x0001

typedef struct TallyGrid
{
	int32 vl_len_;	  /* varlena header: do not touch */
	uint8 version;	  /* TALLY_GRID_VERSION */
	uint8 week_start; /* ISO day that weeks start on: 1 Monday .. 7 Sunday */
	uint16 zone_len;  /* bytes of the zone's name, which ends the value */
	/*
	 * Hash of all that follows.  Two grids are equal when the first 16 bytes
	 * are: enough to compare a row, and enough to read of a toasted one.
	 */
	uint64 fingerprint;

	int32 nbuckets;		/* at least 1 */
	int32 every_months; /* the step asked for: exactly one of these three */
	int32 every_days;
	int32 flags; /* TALLY_GRID_HAS_ORIGIN */
	int64 every_us;
	int64 width_us;	   /* of every bucket, when all are equal; otherwise 0 */
	TimestampTz first; /* where bucket 0 starts: <= lower */
	TimestampTz last;  /* where the last bucket ends: >= upper */
	TimestampTz lower; /* the range asked for, half open */
	TimestampTz upper;
	TimestampTz origin; /* what buckets are counted from */
	/*
	 * When width_us is 0: nbuckets + 1 boundaries, strictly ascending, the
	 * first is "first" and the last is "last".  Then the zone's name, which
	 * is not terminated.
	 */
	TimestampTz bound[FLEXIBLE_ARRAY_MEMBER];
} TallyGrid;

#define DatumGetTallyGrid(d) ((TallyGrid *) PG_DETOAST_DATUM(d))
#define PG_GETARG_TALLY_GRID(n) DatumGetTallyGrid(PG_GETARG_DATUM(n))

/* A range whose ends are instants: lower < upper, both finite. */
typedef struct TallySpan
{
	TimestampTz lower;
	TimestampTz upper;
} TallySpan;

/* What a grid is made of.  Exactly one of months, days, us is positive. */
typedef struct TallyGridSpec
{
	int32 months;
	int32 days;
	int64 us;
	TallySpan during;
	pg_tz *zone;
	int week_start;		/* 1 .. 7; counts only where the step is weeks */
	bool has_origin;	/* false: the defaults that grid.c explains */
	TimestampTz origin; /* when has_origin */
} TallyGridSpec;

/*
 * Makes a grid in the current memory context.  Raises 22023 for a spec that
 * makes no sense and 54000 for more than tally.max_buckets buckets, before
 * it allocates for them.  Uniform boundaries are never listed.
 */
extern TallyGrid *tally_grid_make(const TallyGridSpec *spec);

/* The name of the grid's zone, in the current memory context. */
extern char *tally_grid_zone(const TallyGrid *grid);

/*
 * The first instant at which the local clock of "zone" shows "local" (in
 * microseconds from 2000-01-01 00:00 local) or later.  Where the clock is
 * put back over it that is the first time it shows it; where the clock skips
 * it, the instant of the change.
 */
extern TimestampTz tally_local_to_instant(int64 local, pg_tz *zone);

/* What the local clock of "zone" shows at "instant", in the same unit. */
extern int64 tally_instant_to_local(TimestampTz instant, pg_tz *zone);

/* The zone of that name, or an error 22023 that names it. */
extern pg_tz *tally_zone(const char *name);

/*
 * The zone of a fixed offset, in seconds east of UTC (as Keen clients send
 * it), or an error 22023 when it is not within a day.
 */
extern pg_tz *tally_zone_of_offset(int64 seconds_east);

static inline TimestampTz
tally_grid_start(const TallyGrid *grid, int32 bucket)
{
	if (grid->width_us > 0)
		return grid->first + bucket * grid->width_us;
	return grid->bound[bucket];
}

static inline TimestampTz
tally_grid_end(const TallyGrid *grid, int32 bucket)
{
	return tally_grid_start(grid, bucket + 1);
}

/* Does the bucket reach outside of the range that was asked for? */
static inline bool
tally_grid_partial(const TallyGrid *grid, int32 bucket)
{
	return tally_grid_start(grid, bucket) < grid->lower ||
		   tally_grid_end(grid, bucket) > grid->upper;
}

/*
 * Where the buckets of many instants are looked for: in the one found last,
 * then, whether boundaries are listed or not, near where their average width
 * says.
 */
typedef struct TallyGridCursor
{
	TimestampTz lower; /* what of the bucket found last is in the range, */
	TimestampTz upper; /* at first nothing */
	int32 bucket;
	double per_us; /* buckets a microsecond, on average */
	double before; /* buckets, or part of one, before the range */
} TallyGridCursor;

extern void tally_grid_cursor_init(TallyGridCursor *cursor,
								   const TallyGrid *grid);

/* For tally_grid_bucket(): "t" is not in the bucket found last. */
extern int32 tally_grid_search(const TallyGrid *grid, TallyGridCursor *cursor,
							   TimestampTz t);

/*
 * The bucket of instant "t", or -1 when it is outside of the range asked
 * for.  Rows in time order need no search at all.
 */
static inline int32
tally_grid_bucket(const TallyGrid *grid, TallyGridCursor *cursor,
				  TimestampTz t)
{
	if (likely(t >= cursor->lower && t < cursor->upper))
		return cursor->bucket;
	return tally_grid_search(grid, cursor, t);
}

/* Are the two the same?  Reads nothing but their headers. */
static inline bool
tally_grid_equal(const TallyGrid *a, const TallyGrid *b)
{
	return a->fingerprint == b->fingerprint && a->nbuckets == b->nbuckets &&
		   a->first == b->first && a->lower == b->lower &&
		   a->upper == b->upper && a->last == b->last;
}

#endif
