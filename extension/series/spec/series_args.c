/*-------------------------------------------------------------------------
 *
 * series_args.c
 *	  The argument list that tally.series() and its like share:
 *
 *	  source regclass | query text, params jsonb,
 *	  axis name, every interval, during tstzrange | daterange | text,
 *	  measures text[], group_by text[], tz text, origin timestamptz,
 *	  week_start int, filters jsonb, groups text, members jsonb, top int,
 *	  top_by text, other text, fill jsonb, seed bool, max_gap interval,
 *	  compare interval
 *
 * Functions of version 0.1 end with week_start, and group_by is a name[].
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "compat.h"
#include "series/spec/series_spec.h"

/* Numbers of the arguments from "axis" on. */
enum
{
	ARG_AXIS,
	ARG_EVERY,
	ARG_DURING,
	ARG_MEASURES,
	ARG_GROUP_BY,
	ARG_TZ,
	ARG_ORIGIN,
	ARG_WEEK_START,
	ARG_FILTERS,
	ARG_GROUPS,
	ARG_MEMBERS,
	ARG_TOP,
	ARG_TOP_BY,
	ARG_OTHER,
	ARG_FILL,
	ARG_SEED,
	ARG_MAX_GAP,
	ARG_COMPARE
};

/* A call, and how many arguments come before "axis". */
typedef struct Call
{
	FunctionCallInfo fcinfo;
	int before;
} Call;

/* is_given -- is there such an argument, and is it not null? */
static bool
is_given(const Call *call, int arg)
{
	int n = arg + call->before;

	return n < call->fcinfo->nargs && !call->fcinfo->args[n].isnull;
}

static Datum
argument(const Call *call, int arg)
{
	return call->fcinfo->args[arg + call->before].value;
}

pg_noreturn static void missing(const char *name);

static void
missing(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("argument \"%s\" must not be null", name)));
}

/* require -- an argument that must not be null. */
static Datum
require(const Call *call, int arg, const char *name)
{
	if (!is_given(call, arg))
		missing(name);
	return argument(call, arg);
}

static char *
text_of(const Call *call, int arg)
{
	return is_given(call, arg) ? TextDatumGetCString(argument(call, arg))
							   : NULL;
}

static Jsonb *
json_of(const Call *call, int arg)
{
	return is_given(call, arg) ? DatumGetJsonbPCopy(argument(call, arg))
							   : NULL;
}

static Interval *
interval_of(const Call *call, int arg)
{
	Interval *copy;

	if (!is_given(call, arg))
		return NULL;
	copy = palloc(sizeof(Interval));
	*copy = *DatumGetIntervalP(argument(call, arg));
	return copy;
}

/* grid_of -- tally.grid(every, during, tz, origin, week_start). */
static TallyGrid *
grid_of(const Call *call)
{
	static const int args[] = {
		ARG_EVERY, ARG_DURING, ARG_TZ, ARG_ORIGIN, ARG_WEEK_START};
	Oid types[] = {INTERVALOID,
				   get_fn_expr_argtype(call->fcinfo->flinfo,
									   ARG_DURING + call->before),
				   TEXTOID,
				   TIMESTAMPTZOID,
				   INT4OID};
	MemoryContext caller = CurrentMemoryContext;
	Datum values[lengthof(args)];
	char nulls[lengthof(args)];
	TallyGrid *grid;
	bool isnull;
	Datum value;

	for (int i = 0; i < lengthof(args); i++)
	{
		values[i] = argument(call, args[i]);
		nulls[i] = is_given(call, args[i]) ? ' ' : 'n';
		if (args[i] == ARG_TZ && nulls[i] == 'n')
		{
			/* tally.grid() wants a name wherever it is immutable. */
			values[i] =
				CStringGetTextDatum(pg_get_timezone_name(session_timezone));
			nulls[i] = ' ';
		}
	}
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	if (SPI_execute_with_args("SELECT tally.grid($1, $2, $3, $4, $5)",
							  lengthof(args),
							  types,
							  values,
							  nulls,
							  true,
							  1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "tally.grid() gave no grid");
	value = SPI_getbinval(SPI_tuptable->vals[0],
						  SPI_tuptable->tupdesc,
						  1,
						  &isnull);
	if (isnull)
		elog(ERROR, "tally.grid() gave no grid");
	grid = (TallyGrid *) PG_DETOAST_DATUM(value);
	grid =
		memcpy(MemoryContextAlloc(caller, VARSIZE(grid)), grid, VARSIZE(grid));
	SPI_finish();
	return grid;
}

/* read_source -- what comes before the axis. */
static void
read_source(SeriesArgs *args, const Call *call, bool is_query)
{
	NullableDatum *given = call->fcinfo->args;

	if (given[0].isnull)
		missing(is_query ? "query" : "source");
	if (is_query)
	{
		args->query = TextDatumGetCString(given[0].value);
		if (!given[1].isnull)
			args->params = DatumGetJsonbPCopy(given[1].value);
	}
	else
		args->table = DatumGetObjectId(given[0].value);
}

void
series_args_read(SeriesArgs *args, FunctionCallInfo fcinfo, bool is_query)
{
	Call call = {fcinfo, is_query ? 2 : 1};

	memset(args, 0, sizeof(*args));
	read_source(args, &call, is_query);
	args->axis =
		pstrdup(NameStr(*DatumGetName(require(&call, ARG_AXIS, "axis"))));
	args->measures =
		DatumGetArrayTypeP(require(&call, ARG_MEASURES, "measures"));
	args->group_by =
		DatumGetArrayTypeP(require(&call, ARG_GROUP_BY, "group_by"));
	require(&call, ARG_EVERY, "every");
	require(&call, ARG_DURING, "during");
	require(&call, ARG_WEEK_START, "week_start");
	args->grid = grid_of(&call);

	args->filters = json_of(&call, ARG_FILTERS);
	args->groups = text_of(&call, ARG_GROUPS);
	args->members = json_of(&call, ARG_MEMBERS);
	args->has_top = is_given(&call, ARG_TOP);
	if (args->has_top)
		args->top = DatumGetInt32(argument(&call, ARG_TOP));
	args->top_by = text_of(&call, ARG_TOP_BY);
	args->other = text_of(&call, ARG_OTHER);
	args->fill = json_of(&call, ARG_FILL);
	args->seed =
		is_given(&call, ARG_SEED) && DatumGetBool(argument(&call, ARG_SEED));
	args->max_gap = interval_of(&call, ARG_MAX_GAP);
	args->compare = interval_of(&call, ARG_COMPARE);
}
