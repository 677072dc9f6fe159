/*-------------------------------------------------------------------------
 *
 * collect_spec.c
 *	  What tally.collect() is asked for, as the one value that it takes.
 *
 * A plan carries the specification to each of its parallel workers, which
 * begins with it: so it is a value, of type bytea, that is the same for all
 * rows and is looked at by the first of them.
 *
 * FORMAT, integers big-endian:
 *
 *	  byte	   COLLECT_FORMAT
 *	  byte	   CollectOthers
 *	  routes   of each measure, then of each key:
 *				 byte	number of the argument that it comes from, 0 for rows
 *				 byte	number of the steps of its path, 0 for none; for each
 *						its name, terminated
 *	  byte	   0xFF, where the next route would be
 *	  panel	   in the portable form of panel_codec.h, for the rest: grid,
 *			   measures, keys, and the members as its groups
 *
 * Anyone may call the transition function with any bytes.  The portable form
 * believes nothing, and here every number of an argument and every type is
 * checked against the call.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "json/member.h"
#include "series/collect/collect_internal.h"
#include "series/panel/panel_internal.h"

#define COLLECT_FORMAT 1
#define ROUTES_END 0xFF

/* A path as deep as this is none that anybody wrote. */
#define MAX_STEPS 64

/* The distinct columns of a specification, in the order of the arguments. */
typedef struct Columns
{
	int n;
	const char *name[FUNC_MAX_ARGS];
} Columns;

/* argument_of -- the number of the argument of a column, a new one at need. */
static int
argument_of(Columns *columns, const char *name)
{
	for (int i = 0; i < columns->n; i++)
		if (strcmp(columns->name[i], name) == 0)
			return ARG_AT + i;
	if (ARG_AT + columns->n >= FUNC_MAX_ARGS - 1)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a series can use at most %d columns",
						FUNC_MAX_ARGS - 1 - ARG_AT),
				 errhint("Ask for fewer measures and groups at a time.")));
	columns->name[columns->n++] = name;
	return ARG_AT + columns->n - 1;
}

static void
write_route(StringInfo out, Columns *columns, const CollectColumn *from)
{
	pq_sendbyte(out, (uint8) argument_of(columns, from->column));
	if (from->npath > MAX_STEPS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("path into column \"%s\" is too deep", from->column),
				 errdetail("It has %d steps; at most %d are allowed.",
						   from->npath,
						   MAX_STEPS)));
	pq_sendbyte(out, (uint8) from->npath);
	for (int i = 0; i < from->npath; i++)
		appendBinaryStringInfo(out,
							   from->path[i],
							   (int) strlen(from->path[i]) + 1);
}

TallyPanel *
tally_collect_empty(MemoryContext parent, const CollectSpec *spec)
{
	TallyMeasure *measures = palloc(spec->nmeasures * sizeof(TallyMeasure));
	Datum *values = palloc(Max(spec->nkeys, 1) * sizeof(Datum));
	bool *nulls = palloc(Max(spec->nkeys, 1) * sizeof(bool));
	int32 nmembers = 0;
	TallyPanel *panel;

	for (int i = 0; i < spec->nmeasures; i++)
		measures[i] = spec->measures[i].def;
	panel = tally_panel_create(parent,
							   spec->grid,
							   spec->nmeasures,
							   measures,
							   spec->nkeys,
							   spec->key_defs);
	if (spec->members != NULL && spec->nkeys > 0)
		nmembers = tally_panel_ngroups(spec->members);
	for (int32 g = 0; g < nmembers; g++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < spec->nkeys; i++)
			values[i] = tally_panel_key(spec->members, g, i, &nulls[i]);
		(void) tally_panel_group(panel, values, nulls);
	}
	return panel;
}

/*
 * check_updated -- the library is there as soon as its file is, the aggregate
 * only when the extension of this database was updated.
 */
static void
check_updated(void)
{
	static const Oid types[] = {BYTEAOID, ANYOID};
	List *name = list_make2(makeString("tally"), makeString("collect"));

	if (!OidIsValid(LookupFuncName(name, lengthof(types), types, true)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension tally of this database is older than its "
						"library"),
				 errhint("ALTER EXTENSION tally UPDATE;")));
}

void
tally_collect_call(StringInfo sql, const CollectSpec *spec, int n, Oid *type,
				   Datum *value)
{
	Columns columns = {.n = 1, .name = {spec->axis}};
	TallyPanel *panel;
	StringInfoData out;

	check_updated();
	panel = tally_collect_empty(CurrentMemoryContext, spec);
	pq_begintypsend(&out);
	pq_sendbyte(&out, COLLECT_FORMAT);
	pq_sendbyte(&out, (uint8) spec->others);
	for (int i = 0; i < spec->nmeasures; i++)
		if (spec->measures[i].of_rows)
			pq_sendint16(&out, 0);
		else
			write_route(&out, &columns, &spec->measures[i].from);
	for (int i = 0; i < spec->nkeys; i++)
		write_route(&out, &columns, &spec->keys[i]);
	pq_sendbyte(&out, ROUTES_END);
	panel_write_portable(&out, panel);
	MemoryContextDelete(tally_panel_context(panel));

	*type = BYTEAOID;
	*value = PointerGetDatum(pq_endtypsend(&out));
	appendStringInfo(sql,
					 spec->as_record ? "tally.collect_record($%d, ROW("
									 : "tally.collect($%d, ",
					 n);
	for (int i = 0; i < columns.n; i++)
		appendStringInfo(sql,
						 "%sq.%s",
						 i > 0 ? ", " : "",
						 quote_identifier(columns.name[i]));
	appendStringInfoString(sql, spec->as_record ? "))" : ")");
}

/* refuse -- the one complaint about bytes that are not of our making. */
static void
refuse(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("specification of tally.collect() does not fit its "
					"arguments"),
			 errdetail("Its %s cannot be right.", what),
			 errhint("Call tally.series() or tally.series_long().")));
}

/* A route as it was read, before the panel says what it is for. */
typedef struct ReadRoute
{
	int arg;
	int nsteps;
	char *steps[MAX_STEPS];
} ReadRoute;

static int
read_routes(StringInfo in, int nargs, ReadRoute **routes)
{
	int n = 0;

	*routes = palloc(2 * FUNC_MAX_ARGS * sizeof(ReadRoute));
	for (;;)
	{
		ReadRoute *r = &(*routes)[n];

		r->arg = pq_getmsgbyte(in);
		if (r->arg == ROUTES_END)
			return n;
		if (n++ >= 2 * FUNC_MAX_ARGS - 1)
			refuse("number of values");
		r->nsteps = pq_getmsgbyte(in);
		if (r->arg != 0 && (r->arg < ARG_AT || r->arg >= nargs))
			refuse("number of an argument");
		if (r->nsteps > MAX_STEPS || (r->arg == 0 && r->nsteps > 0))
			refuse("path");
		for (int i = 0; i < r->nsteps; i++)
			r->steps[i] = pstrdup(pq_getmsgrawstring(in));
	}
}

/* document_of -- the number of a jsonb argument, which is new at first. */
static int
document_of(Collector *c, int arg)
{
	for (int i = 0; i < c->ndocuments; i++)
		if (c->documents[i].arg == arg)
			return i;
	c->documents[c->ndocuments].arg = arg;
	c->documents[c->ndocuments].room = palloc(JSON_ROOM_BYTES);
	return c->ndocuments++;
}

/*
 * make_route -- how a value of "type" is had from an argument of "arg_type";
 * "counts" when only whether there is one is asked.
 */
static void
make_route(Collector *c, CollectRoute *route, const ReadRoute *r, Oid type,
		   bool counts, Oid arg_type)
{
	route->arg = r->arg;
	if (r->arg == 0)
	{
		if (!counts)
			refuse("number of an argument");
		route->how = HOW_ROW;
		return;
	}
	if (r->nsteps == 0)
	{
		if (type != arg_type)
			refuse("type of an argument");
		route->how = HOW_COLUMN;
		return;
	}
	if (arg_type != JSONBOID && arg_type != JSONOID)
		refuse("path");
	if (type != TEXTOID && type != NUMERICOID && !counts)
		refuse("type at a path");
	tally_json_path_make(&route->path, r->nsteps, r->steps);
	if (arg_type == JSONOID)
		route->how =
			type == NUMERICOID && !counts ? HOW_JSON_NUMBER : HOW_JSON_TEXT;
	else
	{
		route->document = document_of(c, r->arg);
		route->text = palloc(VARATT_SHORT_MAX);
		route->how = counts				  ? HOW_JSONB_THERE
					 : type == NUMERICOID ? HOW_JSONB_NUMBER
										  : HOW_JSONB_TEXT;
	}
}

/*
 * share_paths -- a route begins where that of a key came to, if it can.  Keys
 * are looked up in every row, one after the other and before all measures.
 */
static void
share_paths(CollectRoute *route, CollectRoute *keys, int nkeys)
{
	if (route->path.nsteps == 0)
		return;
	for (int i = 0; i < nkeys && route->path.sibling == NULL; i++)
		if (keys[i].arg == route->arg)
			tally_json_path_share(&route->path, &keys[i].path);
}

/*
 * holds_values -- are the values of a row worth being held, and can they be?
 * To count is done in a moment.
 */
static bool
holds_values(const TallyPanel *panel)
{
	bool holds = true;
	bool counts = true;

	for (int i = 0; i < panel->nmeasures; i++)
	{
		holds &= tally_measure_holds(&panel->measures[i]);
		counts &= panel->measures[i].state == STATE_COUNT;
	}
	return holds && !counts;
}

TallyPanel *
collect_spec_read(MemoryContext parent, bytea *spec, int nargs,
				  const Oid *types)
{
	StringInfoData in;
	CollectOthers others;
	ReadRoute *routes;
	int nroutes;
	TallyPanel *panel;
	MemoryContext old;
	Collector *c;

	/* A copy is terminated, as names in it have to be. */
	initStringInfo(&in);
	appendBinaryStringInfo(&in, VARDATA_ANY(spec), VARSIZE_ANY_EXHDR(spec));
	if (pq_getmsgbyte(&in) != COLLECT_FORMAT)
		refuse("format");
	others = pq_getmsgbyte(&in);
	if (others >= COLLECT_OTHERS__COUNT)
		refuse("others");
	nroutes = read_routes(&in, nargs, &routes);
	panel = panel_read_portable(&in, parent);
	if (nroutes != panel->nmeasures + panel->nkeys)
		refuse("number of values");

	old = MemoryContextSwitchTo(panel->cxt);
	c = palloc0(sizeof(Collector));
	c->at_is_date = types[ARG_AT] == DATEOID;
	c->others = others;
	c->nargs = nargs;
	c->documents = palloc0(nargs * sizeof(CollectDocument));
	c->nmeasures = panel->nmeasures;
	c->measures = palloc0(Max(c->nmeasures, 1) * sizeof(CollectRoute));
	for (int i = 0; i < c->nmeasures; i++)
		make_route(c,
				   &c->measures[i],
				   &routes[i],
				   panel->measures[i].def.type,
				   panel->measures[i].state == STATE_COUNT,
				   types[routes[i].arg]);
	c->nkeys = panel->nkeys;
	c->keys = palloc0(Max(c->nkeys, 1) * sizeof(CollectRoute));
	for (int i = 0; i < c->nkeys; i++)
	{
		if (panel->keys[i].def.is_json)
			refuse("key");
		make_route(c,
				   &c->keys[i],
				   &routes[c->nmeasures + i],
				   panel->keys[i].def.type,
				   false,
				   types[routes[c->nmeasures + i].arg]);
	}
	for (int i = 0; i < c->nkeys; i++)
		share_paths(&c->keys[i], c->keys, i);
	for (int i = 0; i < c->nmeasures; i++)
		share_paths(&c->measures[i], c->keys, c->nkeys);
	c->holds = holds_values(panel);
	c->held.is_there = palloc(Max(c->nmeasures, 1) * sizeof(bool));
	c->held.values = palloc(Max(c->nmeasures, 1) * sizeof(MeasureHeld));
	c->next.is_there = palloc(Max(c->nmeasures, 1) * sizeof(bool));
	c->next.values = palloc(Max(c->nmeasures, 1) * sizeof(MeasureHeld));
	c->counts_rows = !c->at_is_date && others == COLLECT_OTHERS_NEW &&
					 c->nmeasures == 1 && c->measures[0].how == HOW_ROW &&
					 c->nkeys == 1 && c->keys[0].how == HOW_COLUMN;
	panel->user = c;
	MemoryContextSwitchTo(old);
	return panel;
}
