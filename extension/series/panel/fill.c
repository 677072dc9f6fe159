/*-------------------------------------------------------------------------
 *
 * fill.c
 *	  What stands in a bucket into which no value fell; fill.h has the rules.
 *
 * A fill first finds out where its value comes from, which is the same for
 * every type, and then makes the value: in the measure's own type, or as
 * double precision.
 *
 *	  bucket	0	  1		2	  3		4	  5
 *	  fell		.	  x		.	  .		x	  .
 *	  prev		-1	  1		1	  1		4	  4		moves when a value is met
 *	  next		1	  1		4	  4		4	  6		looked for when it is behind
 *
 * Each bucket is looked at once as the present one and once in the search for
 * the next, so a walk is linear in the buckets.  The values of prev and next
 * are kept while they stand: a percentile costs more than a look.  Backwards
 * it is the same with the two changed: what was prev is next, and prev is
 * looked for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "budget.h"
#include "series/panel/fill.h"
#include "series/panel/number.h"
#include "time/move.h"

static const char *const mode_names[TALLY_FILL__COUNT] = {
	[TALLY_FILL_DEFAULT] = "default",
	[TALLY_FILL_NULL] = "null",
	[TALLY_FILL_ZERO] = "zero",
	[TALLY_FILL_CONSTANT] = "constant",
	[TALLY_FILL_PREVIOUS] = "previous",
	[TALLY_FILL_NEXT] = "next",
	[TALLY_FILL_LINEAR] = "linear",
};

/* Where the value of a bucket comes from. */
typedef enum Source
{
	FROM_CELL, /* the bucket's own cell, whether values fell or not */
	FROM_NOTHING /* null */,
	FROM_NUMBER,
	FROM_SEED,
	FROM_PREV,
	FROM_NEXT,
	FROM_LINE /* at a share part / whole of the way */
} Source;

/* One bucket that is looked at. */
typedef struct Look
{
	const TallyFill *fill;
	const TallyPanel *panel;
	int32 group;
	int measure;
	int32 bucket;
	TallyFillWalk *walk;
	bool as_float8;
	Oid type; /* the result type of the measure */
	bool is_empty;
	float8 number;
	bool line_from_seed;
	int64 part;
	int64 whole;
} Look;

const char *
tally_fill_mode_name(TallyFillMode mode)
{
	Assert(mode >= 0 && mode < TALLY_FILL__COUNT);
	return mode_names[mode];
}

void
tally_fill_parse(TallyFill *fill, const char *text)
{
	char *end;

	memset(fill, 0, sizeof(*fill));
	if (text == NULL)
		return;
	for (int i = TALLY_FILL_NULL; i < TALLY_FILL__COUNT; i++)
		if (i != TALLY_FILL_CONSTANT && strcmp(text, mode_names[i]) == 0)
		{
			fill->mode = (TallyFillMode) i;
			return;
		}

	/* strtod() also takes names, blanks and hexadecimal digits. */
	fill->mode = TALLY_FILL_CONSTANT;
	fill->constant = strtod(text, &end);
	if (text[0] == '\0' || *end != '\0' ||
		strspn(text, "0123456789+-.eE") != strlen(text) ||
		!isfinite(fill->constant))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown fill \"%s\"", text),
				 errhint("It is null, zero, previous, next, linear or a "
						 "number.")));
}

bool
tally_fill_equal(const TallyFill *a, const TallyFill *b)
{
	if (a->mode != b->mode || a->has_max_gap != b->has_max_gap ||
		a->has_seed != b->has_seed)
		return false;
	if (a->mode == TALLY_FILL_CONSTANT && a->constant != b->constant)
		return false;
	/* Not as intervals are compared: a day is not always 24 hours. */
	if (a->has_max_gap && (a->max_gap.month != b->max_gap.month ||
						   a->max_gap.day != b->max_gap.day ||
						   a->max_gap.time != b->max_gap.time))
		return false;
	return !a->has_seed ||
		   (float8_eq(a->seed, b->seed) && a->seed_at == b->seed_at);
}

char *
tally_fill_text(const TallyFill *fill)
{
	StringInfoData text;

	initStringInfo(&text);
	if (fill->mode == TALLY_FILL_DEFAULT)
		appendStringInfoString(&text, "nothing");
	else if (fill->mode == TALLY_FILL_CONSTANT)
		appendStringInfoString(&text, float8out_internal(fill->constant));
	else
		appendStringInfoString(&text, mode_names[fill->mode]);
	if (fill->has_max_gap)
		appendStringInfo(&text,
						 ", max_gap %s",
						 tally_interval_text(&fill->max_gap));
	if (fill->has_seed)
		appendStringInfo(&text, ", seed %s", float8out_internal(fill->seed));
	return text.data;
}

/* check_max_gap -- refuse what no distance can be compared with. */
static void
check_max_gap(const TallyFill *fill)
{
	const Interval *gap = &fill->max_gap;

	if (fill->mode == TALLY_FILL_DEFAULT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a max_gap needs a fill"),
				 errhint("Fills that take one are previous, next and "
						 "linear.")));
	if (fill->mode < TALLY_FILL_PREVIOUS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fill \"%s\" takes no max_gap",
						mode_names[fill->mode]),
				 errhint("Fills that take one are previous, next and "
						 "linear.")));
	if (gap->month < 0 || gap->day < 0 || gap->time < 0 ||
		(gap->month == 0 && gap->day == 0 && gap->time == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_gap \"%s\" is not positive",
						tally_interval_text(gap))));
}

void
tally_fill_check(TallyFill *fill, const TallyGrid *grid, Oid result)
{
	if (fill->has_max_gap)
		check_max_gap(fill);
	if (fill->has_seed && fill->mode != TALLY_FILL_PREVIOUS &&
		fill->mode != TALLY_FILL_LINEAR)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fill \"%s\" takes no seed", mode_names[fill->mode]),
				 errhint("Fills that take one are previous and linear.")));
	if (!tally_type_is_number(result) &&
		(fill->mode == TALLY_FILL_ZERO || fill->mode == TALLY_FILL_CONSTANT ||
		 fill->mode == TALLY_FILL_LINEAR))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fill \"%s\" is for numbers, and the measure is of "
						"type %s",
						mode_names[fill->mode],
						format_type_be(result)),
				 errhint("Fills for it are null, previous and next.")));
	if (fill->mode == TALLY_FILL_CONSTANT)
		tally_number_of(result, fill->constant);
	if (fill->has_seed && !fill->seed_is_exact)
		tally_number_of(result, fill->seed);
	fill->zone = tally_zone(tally_grid_zone(grid));
}

bool
tally_fill_fits(const TallyFill *fill, Oid result)
{
	if (fill->has_seed && !fill->seed_is_exact &&
		!tally_number_fits(result, fill->seed))
		return false;
	if (fill->mode == TALLY_FILL_LINEAR)
		return result != INT2OID && result != INT4OID && result != INT8OID;
	return fill->mode != TALLY_FILL_CONSTANT ||
		   tally_number_fits(result, fill->constant);
}

/* reach -- the last instant that is within max_gap of "from". */
static TimestampTz
reach(const Look *look, TimestampTz from)
{
	const TallyFill *fill = look->fill;
	pg_tz *zone = fill->zone;

	if (!fill->has_max_gap)
		return PG_INT64_MAX;
	if (zone == NULL)
		zone = tally_zone(tally_grid_zone(tally_panel_grid(look->panel)));
	return tally_move(from, &fill->max_gap, zone);
}

/*
 * has_value -- does a value that is not null stand in the cell?  Of more than
 * one value every measure says something.
 */
static bool
has_value(const Look *look, int32 bucket)
{
	int64 n =
		tally_panel_nvalues(look->panel, bucket, look->group, look->measure);
	bool isnull;

	if (n != 1)
		return n > 0;
	tally_panel_value(
		look->panel, bucket, look->group, look->measure, &isnull);
	return !isnull;
}

/* forget -- what was kept of a bucket that is not the one any more. */
static void
forget(const Look *look, Datum value, bool *is_kept)
{
	if (*is_kept && !look->as_float8 && !get_typbyval(look->type))
		pfree(DatumGetPointer(value));
	*is_kept = false;
}

/* keep -- the value of prev or next, made when it is first needed. */
static Datum
keep(const Look *look, int32 bucket, Datum *kept, bool *is_kept)
{
	MemoryContext cxt = tally_panel_context(look->panel);
	MemoryContext old;
	bool isnull;
	int16 typlen;
	bool typbyval;

	if (*is_kept)
		return *kept;
	*kept = tally_panel_value(
		look->panel, bucket, look->group, look->measure, &isnull);
	if (look->as_float8)
		*kept = Float8GetDatum(tally_number_float8(look->type, *kept));
	else
	{
		get_typlenbyval(look->type, &typlen, &typbyval);
		if (!typbyval)
		{
			tally_budget_memory((int64) MemoryContextMemAllocated(cxt, false) +
								(int64) datumGetSize(*kept, typbyval, typlen));
			old = MemoryContextSwitchTo(cxt);
			*kept = datumCopy(*kept, typbyval, typlen);
			MemoryContextSwitchTo(old);
		}
	}
	*is_kept = true;
	return *kept;
}

/* move_prev -- the present bucket is the last one with a value. */
static void
move_prev(const Look *look)
{
	TallyFillWalk *w = look->walk;

	if (w->prev >= 0)
		forget(look, w->prev_value, &w->prev_is_kept);
	w->prev_is_kept = w->until_is_kept = false;
	if (w->next == look->bucket)
	{
		w->prev_value = w->next_value;
		w->prev_is_kept = w->next_is_kept;
		w->next_is_kept = false;
	}
	w->prev = look->bucket;
}

/* find_next -- the first bucket after this one with a value, if any. */
static bool
find_next(const Look *look)
{
	TallyFillWalk *w = look->walk;
	int32 nbuckets = tally_panel_grid(look->panel)->nbuckets;

	if (w->next <= look->bucket)
	{
		int32 b = look->bucket + 1;

		w->next_is_kept = false;
		for (; b < nbuckets && !has_value(look, b); b++)
			CHECK_FOR_INTERRUPTS();
		w->next = b;
	}
	return w->next < nbuckets;
}

void
tally_fill_back(const TallyPanel *panel, int32 group, int measure,
				int32 bucket, TallyFillWalk *walk, bool as_float8)
{
	Look look = {NULL, panel, group, measure, bucket, walk, as_float8};

	if (walk->prev < bucket)
		return;
	look.type = tally_panel_result_type(panel, measure);
	forget(&look, walk->next_value, &walk->next_is_kept);
	walk->next = -1;
	if (walk->prev <= bucket + 1)
	{
		walk->next = walk->prev;
		walk->next_value = walk->prev_value;
		walk->next_is_kept = walk->prev_is_kept;
		walk->prev_is_kept = false;
	}
	else
		forget(&look, walk->prev_value, &walk->prev_is_kept);
	walk->until_is_kept = false;
	for (walk->prev = bucket - 1;
		 walk->prev >= 0 && !has_value(&look, walk->prev);
		 walk->prev--)
		CHECK_FOR_INTERRUPTS();
}

/* last_until -- until when the value of prev, or the seed, lasts. */
static TimestampTz
last_until(const Look *look, TimestampTz from)
{
	TallyFillWalk *w = look->walk;

	/* A walk that has met no value yet holds nothing that is valid. */
	if (w->prev < 0)
		return reach(look, from);
	if (!w->until_is_kept)
		w->until = reach(look, from);
	w->until_is_kept = true;
	return w->until;
}

static Source
look_back(const Look *look)
{
	const TallyGrid *grid = tally_panel_grid(look->panel);
	TimestampTz start = tally_grid_start(grid, look->bucket);
	int32 prev = look->walk->prev;

	if (prev < 0 && !look->fill->has_seed)
		return FROM_CELL;
	if (start > last_until(look,
						   prev >= 0 ? tally_grid_start(grid, prev)
									 : look->fill->seed_at))
		return FROM_CELL;
	return prev >= 0 ? FROM_PREV : FROM_SEED;
}

static Source
look_ahead(const Look *look)
{
	const TallyGrid *grid = tally_panel_grid(look->panel);

	if (!find_next(look) ||
		tally_grid_start(grid, look->walk->next) >
			reach(look, tally_grid_start(grid, look->bucket)))
		return FROM_CELL;
	return FROM_NEXT;
}

static Source
look_both_ways(Look *look)
{
	const TallyGrid *grid = tally_panel_grid(look->panel);
	int32 prev = look->walk->prev;
	TimestampTz from;
	TimestampTz to;

	if ((prev < 0 && !look->fill->has_seed) || !find_next(look))
		return FROM_CELL;
	from = prev >= 0 ? tally_grid_start(grid, prev) : look->fill->seed_at;
	to = tally_grid_start(grid, look->walk->next);
	if (from >= to || to > last_until(look, from))
		return FROM_CELL;
	look->line_from_seed = prev < 0;
	look->whole = to - from;
	look->part = Max(tally_grid_start(grid, look->bucket) - from, 0);
	return FROM_LINE;
}

/* source_of -- where the value of the present bucket comes from. */
static Source
source_of(Look *look)
{
	look->is_empty = tally_panel_nvalues(look->panel,
										 look->bucket,
										 look->group,
										 look->measure) == 0;
	if (!look->is_empty)
	{
		if (look->fill->mode >= TALLY_FILL_PREVIOUS &&
			has_value(look, look->bucket))
			move_prev(look);
		return FROM_CELL;
	}
	switch (look->fill->mode)
	{
		case TALLY_FILL_DEFAULT:
			return FROM_CELL;
		case TALLY_FILL_NULL:
			return FROM_NOTHING;
		case TALLY_FILL_ZERO:
			look->number = 0;
			return FROM_NUMBER;
		case TALLY_FILL_CONSTANT:
			look->number = look->fill->constant;
			return FROM_NUMBER;
		case TALLY_FILL_PREVIOUS:
			return look_back(look);
		case TALLY_FILL_NEXT:
			return look_ahead(look);
		case TALLY_FILL_LINEAR:
			return look_both_ways(look);
		case TALLY_FILL__COUNT:
			break;
	}
	elog(ERROR, "invalid fill");
	return FROM_CELL;
}

/* seed_as_value -- the seed in the measure's result type. */
static Datum
seed_as_value(const Look *look)
{
	return look->fill->seed_is_exact
			   ? look->fill->seed_value
			   : tally_number_of(look->type, look->fill->seed);
}

static float8
seed_as_float8(const Look *look)
{
	return look->fill->seed_is_exact
			   ? tally_number_float8(look->type, look->fill->seed_value)
			   : look->fill->seed;
}

static Datum
prev_kept(const Look *look)
{
	TallyFillWalk *w = look->walk;

	return keep(look, w->prev, &w->prev_value, &w->prev_is_kept);
}

static Datum
next_kept(const Look *look)
{
	TallyFillWalk *w = look->walk;

	return keep(look, w->next, &w->next_value, &w->next_is_kept);
}

Datum
tally_fill_value(const TallyFill *fill, const TallyPanel *panel, int32 group,
				 int measure, int32 bucket, TallyFillWalk *walk, bool *isnull,
				 bool *is_filled)
{
	Look look = {fill, panel, group, measure, bucket, walk};
	Source source;

	look.type = tally_panel_result_type(panel, measure);
	source = source_of(&look);
	*isnull = source == FROM_NOTHING;
	*is_filled = look.is_empty && !*isnull;
	switch (source)
	{
		case FROM_CELL:
		{
			Datum value =
				tally_panel_value(panel, bucket, group, measure, isnull);

			*is_filled = look.is_empty && !*isnull;
			return value;
		}
		case FROM_NOTHING:
			break;
		case FROM_NUMBER:
			return tally_number_of(look.type, look.number);
		case FROM_SEED:
			return seed_as_value(&look);
		case FROM_PREV:
			return prev_kept(&look);
		case FROM_NEXT:
			return next_kept(&look);
		case FROM_LINE:
			return tally_number_line(look.type,
									 look.part,
									 look.whole,
									 look.line_from_seed ? seed_as_value(&look)
														 : prev_kept(&look),
									 next_kept(&look));
	}
	return (Datum) 0;
}

float8
tally_fill_float8(const TallyFill *fill, const TallyPanel *panel, int32 group,
				  int measure, int32 bucket, TallyFillWalk *walk, bool *isnull,
				  bool *is_filled)
{
	Look look = {fill, panel, group, measure, bucket, walk, true};
	Source source;

	look.type = tally_panel_result_type(panel, measure);
	source = source_of(&look);
	*isnull = source == FROM_NOTHING;
	*is_filled = look.is_empty && !*isnull;
	switch (source)
	{
		case FROM_CELL:
		{
			Datum value =
				tally_panel_value(panel, bucket, group, measure, isnull);

			*is_filled = look.is_empty && !*isnull;
			return *isnull ? 0 : tally_number_float8(look.type, value);
		}
		case FROM_NOTHING:
			break;
		case FROM_NUMBER:
			return look.number;
		case FROM_SEED:
			return seed_as_float8(&look);
		case FROM_PREV:
			return DatumGetFloat8(prev_kept(&look));
		case FROM_NEXT:
			return DatumGetFloat8(next_kept(&look));
		case FROM_LINE:
			return tally_number_line_float8(look.part,
											look.whole,
											look.line_from_seed
												? seed_as_float8(&look)
												: DatumGetFloat8(
													  prev_kept(&look)),
											DatumGetFloat8(next_kept(&look)));
	}
	return 0;
}
