/*
 * panel.h
 *	  A panel: the dense state of many groups over one grid.
 *
 * For every bucket and every group a panel has one cell, and in it the state
 * of each measure.  It is what all series are made in: rows are put in with
 * tally_panel_add(), partial panels of parallel workers are merged, and the
 * answer is read out, every bucket for every group, whether rows fell there
 * or not.
 *
 * It is an expanded object: the Datum of SQL type tally.panel.  A panel lives
 * in a memory context of its own and is changed in place; a flat copy is made
 * only to cross a process or to be stored.
 *
 * LAYOUT.  Cells are bucket-major: one row of cells a bucket, indexed by
 * group number, allocated when the first value falls in the bucket and grown
 * as groups appear.  A group's number is the order in which it was first seen.
 *
 * LIMITS.  tally.max_groups, tally.max_cells and tally.max_memory are checked
 * when a group appears and when a row is grown; the error (54000) says the
 * numbers and the remedy.
 */
#ifndef TALLY_PANEL_H
#define TALLY_PANEL_H

#include "time/grid.h"
#include "utils/expandeddatum.h"
#include "utils/jsonb.h"

typedef struct TallyPanel TallyPanel;

typedef enum TallyMeasureKind
{
	TALLY_COUNT,
	TALLY_SUM,
	TALLY_AVG,
	TALLY_MIN,
	TALLY_MAX,
	/* Stored panels name a kind by its number: new ones come last. */
	TALLY_FIRST,
	TALLY_LAST,
	TALLY_STDDEV,	/* of a sample, as core's stddev() */
	TALLY_VARIANCE, /* likewise */
	TALLY_STATS,	/* count, sum, mean, least, greatest, stddev at once */
	TALLY_MEDIAN,
	TALLY_PERCENTILE,
	TALLY_DISTINCT,
	TALLY_VALUES, /* every value once, in order */
	TALLY_MEASURE__COUNT
} TallyMeasureKind;

/*
 * One measure.  A count takes no value or any value (nulls are not counted).
 * sum, avg, stddev, variance, stats, median and percentile take int2, int4,
 * int8, float4, float8 and numeric; min, max, first, last and values any type
 * with a default btree order; distinct any that can be hashed, too.
 */
typedef struct TallyMeasure
{
	TallyMeasureKind kind;
	Oid type;	   /* of the values, InvalidOid for count(*) */
	Oid collation; /* where the type has one */
	float8 param;  /* percentile: which, from 0 to 1; otherwise 0 */
	int precision; /* 0: exact; distinct: bits of a HyperLogLog, 4 to 16;
					* median, percentile: compression of a t-digest, 20 to
					* 1000 */
} TallyMeasure;

/*
 * One part of a group's key.  When is_json is set the Datums given to
 * tally_panel_group() are pointers to JsonbValue (a scalar, or jbvBinary),
 * and those that tally_panel_key() returns are jsonb.  Numbers that are equal
 * are one group (1 and 1.0), and a number is never equal to a string.
 */
typedef struct TallyKey
{
	Oid type;
	Oid collation;
	bool is_json;
} TallyKey;

/*
 * Makes an empty panel in a new child of "parent"; for an aggregate that is
 * the context that AggCheckCallContext() gives.  Copies all it is given.
 * Without keys it has one group, number 0, from the start.
 */
extern TallyPanel *tally_panel_create(MemoryContext parent,
									  const TallyGrid *grid, int nmeasures,
									  const TallyMeasure *measures, int nkeys,
									  const TallyKey *keys);

/* The panel as a Datum that may be changed in place, and back. */
extern Datum tally_panel_datum(TallyPanel *panel);
/* Expands a flat panel into "parent" if it has to. */
extern TallyPanel *tally_panel_from_datum(Datum value, MemoryContext parent);

extern MemoryContext tally_panel_context(const TallyPanel *panel);
extern const TallyGrid *tally_panel_grid(const TallyPanel *panel);

/*
 * The fill that a panel carries, for whoever reads it: fill.h.  None is the
 * default fill.  Panels of different fills are not merged.
 */
struct TallyFill;
extern const struct TallyFill *tally_panel_fill(const TallyPanel *panel);
extern void tally_panel_set_fill(TallyPanel *panel,
								 const struct TallyFill *fill);

/* A place for whoever fills the panel; not copied, not merged. */
extern void *tally_panel_user(const TallyPanel *panel);
extern void tally_panel_set_user(TallyPanel *panel, void *user);

/* The bucket of an instant, -1 outside of the grid's range. */
extern int32 tally_panel_bucket(TallyPanel *panel, TimestampTz t);

/* The number of the group with these keys, which is made if it is new. */
extern int32 tally_panel_group(TallyPanel *panel, const Datum *keys,
							   const bool *nulls);

/* The same, but -1 when there is none. */
extern int32 tally_panel_find_group(TallyPanel *panel, const Datum *keys,
									const bool *nulls);

/*
 * The group that stands for all others: it has no key, is equal to no group
 * and is not in tally_panel_order().  It has a number like any other, is
 * merged with that of another panel, and goes where the panel goes.  Made when
 * "make" says so; -1 while there is none.
 */
extern int32 tally_panel_other_group(TallyPanel *panel, bool make);

/*
 * Adds one value to one measure of one cell.  For count(*) the value is not
 * looked at; for every other measure the caller leaves nulls out.  "at" is the
 * row's instant, which tells the first from the last.  Values of by-reference
 * types are copied when they have to be kept.
 */
extern void tally_panel_add(TallyPanel *panel, int32 bucket, int32 group,
							int measure, Datum value, TimestampTz at);

/*
 * Refuses (22023) a panel whose measures or keys are not these.  For whoever
 * fills a panel that came from elsewhere: SQL can start an aggregate from any
 * value of the type (CREATE AGGREGATE .. INITCOND).
 */
extern void tally_panel_require(const TallyPanel *panel, int nmeasures,
								const TallyMeasure *measures, int nkeys,
								const TallyKey *keys);

/*
 * Counts a value that the measure could not take, and how many there were.
 * They are counted for the whole panel, are merged and go where it goes.
 */
extern void tally_panel_reject(TallyPanel *panel, int measure);
extern int64 tally_panel_rejected(const TallyPanel *panel, int measure);

/*
 * Adds all that fell into the cells of the group "from" to those of "into",
 * which is another one.  "from" stays as it is.
 */
extern void tally_panel_merge_group(TallyPanel *panel, int32 into, int32 from);

/* Adds all of "from", whose shape must be the same, to "into". */
extern void tally_panel_merge(TallyPanel *into, TallyPanel *from);

/*
 * The three below are for panels without keys, such as a tally.series.
 *
 * An empty panel of the same measures and fill over another grid, in a new
 * child of "parent".
 */
extern TallyPanel *tally_panel_like(MemoryContext parent,
									const TallyPanel *panel,
									const TallyGrid *grid);

/*
 * Adds what one bucket of "from" holds to one bucket of "into".  The measures
 * must be the same, the grids need not; the two may be one panel.
 */
extern void tally_panel_merge_bucket(TallyPanel *into, int32 bucket,
									 const TallyPanel *from,
									 int32 from_bucket);

/*
 * A panel of one measure whose states are those of the only measure of
 * "panel", read as another: tally_measure_reads() says which.
 */
extern TallyPanel *tally_panel_convert(MemoryContext parent,
									   const TallyPanel *panel,
									   const TallyMeasure *measure);

/* Reading.  The number of groups, the one of all others among them. */
extern int32 tally_panel_ngroups(const TallyPanel *panel);
extern int tally_panel_nmeasures(const TallyPanel *panel);
extern int tally_panel_nkeys(const TallyPanel *panel);

/*
 * Numbers of all groups that have a key (all but that of the others), in the
 * order of their keys (each by its type's default order, nulls last; JSON:
 * null last, numbers, strings, booleans, others), palloc'd in the current
 * context; and how many that are.
 */
extern int32 *tally_panel_order(TallyPanel *panel);
extern int32 tally_panel_nkeyed(const TallyPanel *panel);

/*
 * A part of a group's key; the Datum belongs to the panel, but JSON is made
 * anew, in the current context.
 */
extern Datum tally_panel_key(const TallyPanel *panel, int32 group, int key,
							 bool *isnull);

/*
 * The same for a part that is JSON, as the panel keeps it, and NULL for null.
 * To compare or to look at many: it allocates nothing.
 */
extern const JsonbValue *tally_panel_key_json(const TallyPanel *panel,
											  int32 group, int key);

/* What a measure is: its kind and the type of its values. */
extern const TallyMeasure *tally_panel_measure(const TallyPanel *panel,
											   int measure);

/* The type that tally_panel_value() returns for a measure. */
extern Oid tally_panel_result_type(const TallyPanel *panel, int measure);

/*
 * The value of a measure in a cell, by-reference ones in the current context
 * or the panel's.  count and distinct are 0 and the rest null where no value
 * fell; stddev and variance are null of one value, too.
 * Result types: count and distinct int8; sum of int2/int4 int8, of int8 and
 * numeric numeric, of floats float8; avg, stddev, variance and stats (the mean)
 * of floats float8, otherwise numeric; median and percentile float8; min, max,
 * first and last the type of the values; values an array of it.
 */
extern Datum tally_panel_value(const TallyPanel *panel, int32 bucket,
							   int32 group, int measure, bool *isnull);

/*
 * The value of a measure over all buckets of a group, from their merged
 * states; a by-reference one is made in the current context.
 */
extern Datum tally_panel_total(TallyPanel *panel, int32 group, int measure,
							   bool *isnull);

/* How many values fell into the cell for this measure: 0 means filled. */
extern int64 tally_panel_nvalues(const TallyPanel *panel, int32 bucket,
								 int32 group, int measure);

/* What a bucket takes before anything falls into it. */
extern Size tally_panel_bucket_bytes(void);

/*
 * The cell will be read soon.  In the order of the keys cells lie anywhere in
 * the row of their bucket: unforeseen, each is waited for.
 */
extern void tally_panel_expect(const TallyPanel *panel, int32 bucket,
							   int32 group);

/*
 * The same of "n" buckets from "first" on, in little room: PG_UINT16_MAX for
 * all that are as many or more.
 */
extern void tally_panel_counts(const TallyPanel *panel, int32 first, int32 n,
							   int32 group, int measure, uint16 *counts);

/* The OID of a type of this extension, "grid" or "panel". */
extern Oid tally_type(const char *name);

/*
 * Running one query that ends in a panel, without copying it.
 *
 * "sql" must be one SELECT of one column: an aggregate without GROUP BY whose
 * state is a tally.panel and whose final function is tally.panel_hand_over
 * (FINALFUNC_MODIFY = READ_WRITE).  It is run read-only with the ordinary
 * planner, in parallel where the server finds that worth it.  The panel lives
 * in "parent" afterwards; NULL when no row was aggregated.
 */
extern TallyPanel *tally_panel_from_query(MemoryContext parent,
										  const char *sql, int nargs,
										  const Oid *argtypes,
										  const Datum *args,
										  const bool *argnulls);

/*
 * The same of a query with a second column, a count of rows, which *nrows is
 * set to.
 */
extern TallyPanel *tally_panel_from_query_counted(
	MemoryContext parent, const char *sql, int nargs, const Oid *argtypes,
	const Datum *args, const bool *argnulls, int64 *nrows);

#endif
