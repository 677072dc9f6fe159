/*-------------------------------------------------------------------------
 *
 * series_read.c
 *	  tally.read(series, what) and tally.percentile(series, p): what else a
 *	  series says.
 *
 * A state of stats holds all of count, sum, mean, least, greatest, deviation
 * and variance, and one of percentiles every percentile.  A reading is a series
 * of just one of them, as if it had been made of the same rows: it can be
 * stored, merged and re-bucketed, too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "measure/measure.h"
#include "series/panel/fill.h"
#include "series/panel/panel.h"

PG_FUNCTION_INFO_V1(tally_series_read);
PG_FUNCTION_INFO_V1(tally_series_percentile);

/*
 * check_fill -- a rule goes on to the reading; a number that stands for what
 * was measured does not.
 */
static void
check_fill(const TallyFill *fill)
{
	if (fill->mode == TALLY_FILL_CONSTANT || fill->has_seed)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("series is filled with a value of its measure"),
				 errdetail("It is filled with %s, which says nothing of "
						   "another measure.",
						   tally_fill_text(fill)),
				 errhint("Fill what has been read instead.")));
}

static Datum
convert(const TallyPanel *series, const TallyMeasure *measure)
{
	const TallyFill *fill = tally_panel_fill(series);
	TallyPanel *reading;

	check_fill(fill);
	reading = tally_panel_convert(CurrentMemoryContext, series, measure);
	tally_panel_set_fill(reading, fill);
	return tally_panel_datum(reading);
}

/* tally.read(series, what) returns series */
Datum
tally_series_read(PG_FUNCTION_ARGS)
{
	TallyPanel *series =
		tally_panel_from_datum(PG_GETARG_DATUM(0), CurrentMemoryContext);
	char *what = text_to_cstring(PG_GETARG_TEXT_PP(1));
	const TallyMeasure *own = tally_panel_measure(series, 0);
	TallyMeasure measure = {.type = own->type, .collation = own->collation};

	if (own->kind != TALLY_STATS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("series of %s has no other readings",
						tally_measure_kind_name(own->kind)),
				 errhint("Make it with tally.stats(); percentiles are read "
						 "with tally.percentile().")));
	for (int kind = 0; kind < TALLY_MEASURE__COUNT; kind++)
	{
		measure.kind = (TallyMeasureKind) kind;
		measure.type = kind == TALLY_COUNT ? InvalidOid : own->type;
		/* As those of the aggregates, with which it may be merged. */
		measure.collation = get_typcollation(measure.type);
		if (strcmp(what, tally_measure_kind_name(measure.kind)) == 0 &&
			tally_measure_reads(own, &measure))
			return convert(series, &measure);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown reading \"%s\"", what),
			 errhint("It is count, sum, avg, min, max, stddev or "
					 "variance.")));
}

/* tally.percentile(series, p) returns series */
Datum
tally_series_percentile(PG_FUNCTION_ARGS)
{
	TallyPanel *series =
		tally_panel_from_datum(PG_GETARG_DATUM(0), CurrentMemoryContext);
	TallyMeasure measure = *tally_panel_measure(series, 0);

	if (measure.kind != TALLY_PERCENTILE && measure.kind != TALLY_MEDIAN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("series of %s has no percentiles",
						tally_measure_kind_name(measure.kind)),
				 errhint("Make it with tally.percentiles().")));
	measure.kind = TALLY_PERCENTILE;
	measure.param = PG_GETARG_FLOAT8(1);
	PG_RETURN_DATUM(convert(series, &measure));
}
