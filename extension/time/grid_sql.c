/*-------------------------------------------------------------------------
 *
 * grid_sql.c
 *	  The SQL face of grids and timeframes: how one is made and asked.
 *
 * tally.grid() has one C function a kind of range, and for ranges of instants
 * and of dates two SQL functions over it.  The one with a zone is IMMUTABLE,
 * so that the planner makes a constant of it; the one without takes the
 * session's zone, has an argument less, and is STABLE.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/rangetypes.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "time/earlier.h"
#include "time/grid.h"
#include "time/timeframe.h"

/* Arguments of tally.grid() when it has a zone; otherwise one less. */
#define ARGS_WITH_ZONE 5

/* session_zone -- the zone of the session, if grids can be made in it. */
static pg_tz *
session_zone(void)
{
	return tally_zone(pg_get_timezone_name(session_timezone));
}

/*
 * grid_arguments -- all but "during" of a call of tally.grid(): (every,
 * during, tz, origin, week_start) or (every, during, week_start, origin).
 */
static void
grid_arguments(FunctionCallInfo fcinfo, TallyGridSpec *spec)
{
	bool has_zone = PG_NARGS() == ARGS_WITH_ZONE;
	int week_start = has_zone ? 4 : 2;
	Interval *every = PG_GETARG_INTERVAL_P(0);

	spec->months = every->month;
	spec->days = every->day;
	spec->us = every->time;

	if (!has_zone)
		spec->zone = session_zone();
	else if (!PG_ARGISNULL(2))
		spec->zone = tally_zone(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	else
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("time zone of a grid is null"),
				 errhint("Leave it out to have the time zone of the "
						 "session.")));

	spec->has_origin = !PG_ARGISNULL(3);
	if (spec->has_origin)
		spec->origin = PG_GETARG_TIMESTAMPTZ(3);
	spec->week_start =
		PG_ARGISNULL(week_start) ? 1 : PG_GETARG_INT32(week_start);
}

/* range_ends -- take apart argument 1, which must not be empty. */
static void
range_ends(FunctionCallInfo fcinfo, RangeBound *lower, RangeBound *upper)
{
	RangeType *range = PG_GETARG_RANGE_P(1);
	TypeCacheEntry *typcache =
		range_get_typcache(fcinfo, RangeTypeGetOid(range));
	bool empty;

	range_deserialize(typcache, range, lower, upper, &empty);
	if (empty)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("range of the buckets is empty"),
				 errhint("The start must be before the end.")));
}

/*
 * instant_of_end -- one end of a range, as that of a half-open one: just
 * behind the instant when "behind".  An infinite one stays what it is, for
 * tally_grid_make() to refuse.
 */
static TimestampTz
instant_of_end(const RangeBound *end, bool behind, TimestampTz infinity)
{
	TimestampTz instant;

	if (end->infinite)
		return infinity;
	instant = DatumGetTimestampTz(end->val);
	if (TIMESTAMP_NOT_FINITE(instant))
		return instant;
	return behind ? instant + 1 : instant;
}

PG_FUNCTION_INFO_V1(tally_grid_of_instants);

/* tally.grid(every interval, during tstzrange, ..) */
Datum
tally_grid_of_instants(PG_FUNCTION_ARGS)
{
	TallyGridSpec spec = {0};
	RangeBound lower;
	RangeBound upper;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	grid_arguments(fcinfo, &spec);
	range_ends(fcinfo, &lower, &upper);
	spec.during.lower = instant_of_end(&lower, !lower.inclusive, DT_NOBEGIN);
	spec.during.upper = instant_of_end(&upper, upper.inclusive, DT_NOEND);
	PG_RETURN_POINTER(tally_grid_make(&spec));
}

/*
 * instant_of_date -- where a day starts on the clock of the zone.  Dates go
 * on for five million years after timestamps end.
 */
static TimestampTz
instant_of_date(const RangeBound *end, pg_tz *zone, TimestampTz infinity)
{
	DateADT date;

	if (end->infinite)
		return infinity;
	date = DatumGetDateADT(end->val);
	if (DATE_NOT_FINITE(date))
		return infinity;
	if (date >= TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a date of the range is beyond the last timestamp")));
	return tally_local_to_instant(date * USECS_PER_DAY, zone);
}

PG_FUNCTION_INFO_V1(tally_grid_of_dates);

/*
 * tally.grid(every interval, during daterange, ..)
 *
 * The server keeps ranges of dates in the form [from, until).
 */
Datum
tally_grid_of_dates(PG_FUNCTION_ARGS)
{
	TallyGridSpec spec = {0};
	RangeBound lower;
	RangeBound upper;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	grid_arguments(fcinfo, &spec);
	range_ends(fcinfo, &lower, &upper);
	spec.during.lower = instant_of_date(&lower, spec.zone, DT_NOBEGIN);
	spec.during.upper = instant_of_date(&upper, spec.zone, DT_NOEND);
	PG_RETURN_POINTER(tally_grid_make(&spec));
}

PG_FUNCTION_INFO_V1(tally_grid_of_text);

/*
 * tally.grid(every interval, during text, tz text, origin timestamptz,
 *			  week_start int)
 *
 * STABLE anyway, so a tz that is null is the session's.
 */
Datum
tally_grid_of_text(PG_FUNCTION_ARGS)
{
	TallyGridSpec spec = {0};
	text *during;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(2))
	{
		fcinfo->args[2].value =
			CStringGetTextDatum(pg_get_timezone_name(session_timezone));
		fcinfo->args[2].isnull = false;
	}
	grid_arguments(fcinfo, &spec);
	during = PG_GETARG_TEXT_PP(1);
	tally_during_parse(VARDATA_ANY(during),
					   VARSIZE_ANY_EXHDR(during),
					   spec.zone,
					   spec.week_start,
					   GetCurrentTransactionStartTimestamp(),
					   &spec.during);
	PG_RETURN_POINTER(tally_grid_make(&spec));
}

PG_FUNCTION_INFO_V1(tally_timeframe);

/* tally.timeframe(spec text, tz text, at timestamptz, week_start int) */
Datum
tally_timeframe(PG_FUNCTION_ARGS)
{
	TypeCacheEntry *typcache = range_get_typcache(fcinfo, TSTZRANGEOID);
	RangeBound lower = {.inclusive = true, .lower = true};
	RangeBound upper = {.inclusive = false, .lower = false};
	TallySpan span;
	text *words;
	pg_tz *zone;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		PG_RETURN_NULL();
	words = PG_GETARG_TEXT_PP(0);
	zone = PG_ARGISNULL(1) ? session_zone()
						   : tally_zone(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	tally_during_parse(VARDATA_ANY(words),
					   VARSIZE_ANY_EXHDR(words),
					   zone,
					   PG_GETARG_INT32(3),
					   PG_GETARG_TIMESTAMPTZ(2),
					   &span);
	lower.val = TimestampTzGetDatum(span.lower);
	upper.val = TimestampTzGetDatum(span.upper);
	PG_RETURN_RANGE_P(TallyMakeRange(typcache, &lower, &upper));
}

PG_FUNCTION_INFO_V1(tally_grid_local);

/* tally.local(grid, timestamptz) returns timestamp */
Datum
tally_grid_local(PG_FUNCTION_ARGS)
{
	TallyGrid *grid = PG_GETARG_TALLY_GRID(0);
	TimestampTz instant = PG_GETARG_TIMESTAMPTZ(1);
	Timestamp local;

	if (TIMESTAMP_NOT_FINITE(instant))
		PG_RETURN_TIMESTAMP(instant);
	local = tally_instant_to_local(instant, tally_zone(tally_grid_zone(grid)));
	if (!IS_VALID_TIMESTAMP(local))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	PG_RETURN_TIMESTAMP(local);
}

PG_FUNCTION_INFO_V1(tally_grid_instant);

/* tally.instant(grid, timestamp) returns timestamptz */
Datum
tally_grid_instant(PG_FUNCTION_ARGS)
{
	TallyGrid *grid = PG_GETARG_TALLY_GRID(0);
	Timestamp local = PG_GETARG_TIMESTAMP(1);

	if (TIMESTAMP_NOT_FINITE(local))
		PG_RETURN_TIMESTAMPTZ(local);
	PG_RETURN_TIMESTAMPTZ(
		tally_local_to_instant(local, tally_zone(tally_grid_zone(grid))));
}

PG_FUNCTION_INFO_V1(tally_bucket);

/* tally.bucket(grid, timestamptz): the start of its bucket, null outside. */
Datum
tally_bucket(PG_FUNCTION_ARGS)
{
	TallyGrid *grid = PG_GETARG_TALLY_GRID(0);
	TallyGridCursor cursor;
	int32 bucket;

	tally_grid_cursor_init(&cursor, grid);
	bucket = tally_grid_bucket(grid, &cursor, PG_GETARG_TIMESTAMPTZ(1));
	if (bucket < 0)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(tally_grid_start(grid, bucket));
}

PG_FUNCTION_INFO_V1(tally_buckets);

/*
 * tally.buckets(grid) returns table(n int, bucket timestamptz,
 *									 bucket_end timestamptz, partial bool)
 *
 * A row a call, so that "SELECT tally.buckets(g) LIMIT 1" makes one.
 */
Datum
tally_buckets(PG_FUNCTION_ARGS)
{
	FuncCallContext *funcctx;
	TallyGrid *grid;
	int32 n;
	Datum values[4];
	bool nulls[4] = {false};

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		TupleDesc desc;

		funcctx = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(funcctx->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "tally.buckets() must return rows");
		funcctx->tuple_desc = BlessTupleDesc(desc);
		grid = (TallyGrid *) PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(0));
		funcctx->user_fctx = grid;
		funcctx->max_calls = grid->nbuckets;
		MemoryContextSwitchTo(old);
	}

	funcctx = SRF_PERCALL_SETUP();
	if (funcctx->call_cntr >= funcctx->max_calls)
		SRF_RETURN_DONE(funcctx);

	grid = funcctx->user_fctx;
	n = (int32) funcctx->call_cntr;
	values[0] = Int32GetDatum(n);
	values[1] = TimestampTzGetDatum(tally_grid_start(grid, n));
	values[2] = TimestampTzGetDatum(tally_grid_end(grid, n));
	values[3] = BoolGetDatum(tally_grid_partial(grid, n));
	SRF_RETURN_NEXT(funcctx,
					HeapTupleGetDatum(
						heap_form_tuple(funcctx->tuple_desc, values, nulls)));
}

PG_FUNCTION_INFO_V1(tally_buckets_support);
PG_FUNCTION_INFO_V1(tally_grid_earlier_sql);

/* How many rows tally.buckets() gives, where its grid is known. */
Datum
tally_buckets_support(PG_FUNCTION_ARGS)
{
	Node *request = (Node *) PG_GETARG_POINTER(0);
	SupportRequestRows *rows;
	List *args;
	Node *grid;

	if (!IsA(request, SupportRequestRows))
		PG_RETURN_POINTER(NULL);
	rows = (SupportRequestRows *) request;
	if (!is_funcclause(rows->node))
		PG_RETURN_POINTER(NULL);
	args = ((FuncExpr *) rows->node)->args;
	grid = estimate_expression_value(rows->root, linitial(args));
	if (!IsA(grid, Const) || ((Const *) grid)->constisnull)
		PG_RETURN_POINTER(NULL);

	rows->rows = DatumGetTallyGrid(((Const *) grid)->constvalue)->nbuckets;
	PG_RETURN_POINTER(rows);
}

/* tally.earlier(grid, by) returns grid */
Datum
tally_grid_earlier_sql(PG_FUNCTION_ARGS)
{
	TallyGrid *grid;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	grid = PG_GETARG_TALLY_GRID(0);
	PG_RETURN_POINTER(PG_ARGISNULL(1)
						  ? tally_grid_previous(grid)
						  : tally_grid_earlier(grid, PG_GETARG_INTERVAL_P(1)));
}
