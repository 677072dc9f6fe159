/*-------------------------------------------------------------------------
 *
 * collect.c
 *	  tally.collect(): the aggregate that tally.series() runs over a table.
 *
 * collect(grid, measures text, at, VARIADIC values and keys)
 *
 * "measures" has one character a measure: '*' counts rows and takes no
 * argument; the others, in measure_chars[], are of the next argument.  The
 * arguments left over are the keys of the group.  "at" is a timestamptz,
 * timestamp or date, the latter two on the clock that the grid is of.
 *
 * All that is remembered from row to row is in the panel, never in fn_extra:
 * a distributed plan looks the function up again for each row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "series/collect.h"
#include "series/panel.h"

PG_FUNCTION_INFO_V1(tally_collect);

/* Arguments of the transition function. */
enum
{
	ARG_STATE,
	ARG_GRID,
	ARG_MEASURES,
	ARG_AT,
	ARG_FIRST
};

/* What a row is put in by, kept with the panel. */
typedef struct Collector
{
	bool at_is_date;
	int nmeasures;
	int nvalues; /* arguments before the keys */
	int nkeys;
	int8 arg[FUNC_MAX_ARGS]; /* of each measure; -1 for count(*) */
} Collector;

static const char measure_chars[] = {
	[TALLY_COUNT] = 'n',
	[TALLY_SUM] = 's',
	[TALLY_AVG] = 'a',
	[TALLY_MIN] = 'l',
	[TALLY_MAX] = 'g',
	[TALLY_FIRST] = 'f',
	[TALLY_LAST] = 'z',
	[TALLY_STDDEV] = 'd',
	[TALLY_VARIANCE] = 'v',
	[TALLY_STATS] = 't',
	[TALLY_MEDIAN] = 'm',
	[TALLY_PERCENTILE] = 'p',
	[TALLY_DISTINCT] = 'u',
	[TALLY_VALUES] = 'w',
};

char
tally_collect_char(TallyMeasureKind kind, bool of_rows)
{
	return of_rows ? '*' : measure_chars[kind];
}

static TallyMeasureKind
measure_kind(char c)
{
	for (int kind = 0; kind < lengthof(measure_chars); kind++)
		if (measure_chars[kind] == c)
			return (TallyMeasureKind) kind;
	if (c != '*')
		elog(ERROR, "tally.collect: unknown measure '%c'", c);
	return TALLY_COUNT;
}

/* start -- make the panel of the first row's arguments. */
static TallyPanel *
start(FunctionCallInfo fcinfo, MemoryContext aggcontext)
{
	char *chars;
	Oid at_type = get_fn_expr_argtype(fcinfo->flinfo, ARG_AT);
	TallyMeasure measures[FUNC_MAX_ARGS];
	TallyKey keys[FUNC_MAX_ARGS];
	Collector *collector;
	TallyPanel *panel;
	int next = ARG_FIRST;

	/* Anyone may make an aggregate of the transition function. */
	if (PG_ARGISNULL(ARG_GRID) || PG_ARGISNULL(ARG_MEASURES))
		elog(ERROR, "tally.collect: grid and measures must not be null");
	if (at_type != TIMESTAMPTZOID && at_type != TIMESTAMPOID &&
		at_type != DATEOID)
		elog(ERROR, "tally.collect: no instant is of type %u", at_type);
	chars = text_to_cstring(PG_GETARG_TEXT_PP(ARG_MEASURES));
	if (strlen(chars) > FUNC_MAX_ARGS)
		elog(ERROR, "tally.collect: too many measures");
	collector = palloc0(sizeof(Collector));
	collector->at_is_date = at_type == DATEOID;
	for (; chars[collector->nmeasures] != '\0'; collector->nmeasures++)
	{
		TallyMeasure *m = &measures[collector->nmeasures];

		memset(m, 0, sizeof(*m));
		m->kind = measure_kind(chars[collector->nmeasures]);
		collector->arg[collector->nmeasures] = -1;
		if (chars[collector->nmeasures] == '*')
			continue;
		if (next >= PG_NARGS())
			elog(ERROR, "tally.collect: fewer arguments than measures");
		m->type = get_fn_expr_argtype(fcinfo->flinfo, next);
		m->collation = tally_collation_of(m->type, PG_GET_COLLATION());
		collector->arg[collector->nmeasures] = (int8) next++;
	}
	collector->nvalues = next - ARG_FIRST;
	for (; next < PG_NARGS(); next++)
	{
		TallyKey *key = &keys[collector->nkeys++];

		key->type = get_fn_expr_argtype(fcinfo->flinfo, next);
		key->collation = tally_collation_of(key->type, PG_GET_COLLATION());
		key->is_json = false;
	}

	panel = tally_panel_create(aggcontext,
							   PG_GETARG_TALLY_GRID(ARG_GRID),
							   collector->nmeasures,
							   measures,
							   collector->nkeys,
							   keys);
	tally_panel_set_user(panel,
						 memcpy(MemoryContextAlloc(tally_panel_context(panel),
												   sizeof(Collector)),
								collector,
								sizeof(Collector)));
	return panel;
}

/*
 * Not strict: a row whose time or value is null still makes its group, so
 * that the group is shown with all its buckets.
 */
Datum
tally_collect(PG_FUNCTION_ARGS)
{
	MemoryContext aggcontext;
	TallyPanel *panel;
	Collector *collector;
	Datum keys[FUNC_MAX_ARGS];
	bool nulls[FUNC_MAX_ARGS];
	int first_key;
	int32 group;
	int32 bucket;
	TimestampTz at;

	/* Otherwise the panel may be of a call with other arguments. */
	if (!AggCheckCallContext(fcinfo, &aggcontext))
		elog(ERROR, "tally.collect called outside an aggregate");
	panel =
		PG_ARGISNULL(ARG_STATE)
			? start(fcinfo, aggcontext)
			: tally_panel_from_datum(PG_GETARG_DATUM(ARG_STATE), aggcontext);
	collector = tally_panel_user(panel);
	if (collector == NULL)
		elog(ERROR, "tally.collect: the panel was not made by it");

	first_key = ARG_FIRST + collector->nvalues;
	if (first_key + collector->nkeys != PG_NARGS())
		elog(ERROR, "tally.collect: the panel is of other arguments");
	for (int i = 0; i < collector->nkeys; i++)
	{
		keys[i] = PG_GETARG_DATUM(first_key + i);
		nulls[i] = PG_ARGISNULL(first_key + i);
	}
	group = tally_panel_group(panel, keys, nulls);

	if (PG_ARGISNULL(ARG_AT))
		PG_RETURN_DATUM(tally_panel_datum(panel));
	if (collector->at_is_date)
		at = tally_date_instant(PG_GETARG_DATEADT(ARG_AT));
	else
		at = PG_GETARG_TIMESTAMPTZ(ARG_AT);
	bucket = tally_panel_bucket(panel, at);
	if (bucket < 0)
		PG_RETURN_DATUM(tally_panel_datum(panel));

	for (int i = 0; i < collector->nmeasures; i++)
	{
		int arg = collector->arg[i];

		if (arg < 0)
			tally_panel_add(panel, bucket, group, i, (Datum) 0, at);
		else if (!PG_ARGISNULL(arg))
			tally_panel_add(panel, bucket, group, i, PG_GETARG_DATUM(arg), at);
	}
	PG_RETURN_DATUM(tally_panel_datum(panel));
}
