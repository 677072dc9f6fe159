/*-------------------------------------------------------------------------
 *
 * series_query.c
 *	  The queries that answer a series: written, and run with the caller's
 *	  rights.
 *
 * They are plain SQL over the source, so row security, column privileges,
 * partitions, views and indexes all work as in any query.  Names come from the
 * catalogs and are quoted; functions and operators are named with their
 * schema, so no search_path can change their meaning; values are parameters.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "series/part/series_query.h"

void
series_part_init(SeriesPart *part, const SeriesSpec *spec)
{
	memset(part, 0, sizeof(*part));
	part->grid = spec->grid;
	part->nmeasures = spec->nmeasures;
}

/* set_column -- a column of the spec as the aggregate takes it. */
static void
set_column(CollectColumn *to, const SeriesColumn *from)
{
	to->column = from->column;
	to->type = from->type;
	to->collation = from->collation;
	to->npath = from->npath;
	to->path = from->path;
}

void
series_query_collect(CollectSpec *collect, const SeriesSpec *spec,
					 const SeriesPart *part)
{
	CollectMeasure *measures =
		palloc0(part->nmeasures * sizeof(CollectMeasure));
	CollectColumn *keys = palloc0(Max(spec->nkeys, 1) * sizeof(CollectColumn));

	for (int i = 0; i < part->nmeasures; i++)
	{
		const SeriesMeasure *m = &spec->measures[part->first_measure + i];

		measures[i].def = m->def;
		measures[i].of_rows = m->of_rows;
		if (!m->of_rows)
			set_column(&measures[i].from, &m->from);
	}
	for (int i = 0; i < spec->nkeys; i++)
		set_column(&keys[i], &spec->keys[i]);
	memset(collect, 0, sizeof(*collect));
	collect->grid = part->grid;
	collect->axis = spec->axis;
	collect->axis_type = spec->axis_type;
	collect->nmeasures = part->nmeasures;
	collect->measures = measures;
	collect->nkeys = spec->nkeys;
	collect->keys = keys;
	collect->key_defs = spec->key_defs;
	collect->members = part->members;
	collect->others = part->others;
	collect->as_record = spec->source->may_be_sharded;
}

void
series_query_range(SeriesQuery *query, const SeriesSpec *spec,
				   TimestampTz lower, TimestampTz upper)
{
	const char *axis = quote_identifier(spec->axis);
	Oid type = spec->is_local ? TIMESTAMPOID : TIMESTAMPTZOID;
	int n = series_params_add(&query->params,
							  type,
							  TimestampTzGetDatum(lower),
							  false);

	(void) series_params_add(&query->params,
							 type,
							 TimestampTzGetDatum(upper),
							 false);
	appendStringInfo(&query->sql,
					 "q.%s OPERATOR(pg_catalog.>=) $%d AND q.%s "
					 "OPERATOR(pg_catalog.<) $%d",
					 axis,
					 n,
					 axis,
					 n + 1);
}

/* write_from -- FROM and WHERE; "grid" is NULL for any time. */
static void
write_from(SeriesQuery *query, const SeriesSpec *spec, const TallyGrid *grid)
{
	appendStringInfo(&query->sql, " FROM %s q", spec->source->from);
	if (grid != NULL || spec->where != NULL)
		appendStringInfoString(&query->sql, " WHERE ");
	if (grid != NULL)
		series_query_range(query, spec, grid->lower, grid->upper);
	if (spec->where != NULL)
		appendStringInfo(&query->sql,
						 "%s%s",
						 grid != NULL ? " AND " : "",
						 spec->where);
}

static void
begin(SeriesQuery *query, const SeriesSpec *spec)
{
	initStringInfo(&query->sql);
	series_params_copy(&query->params, &spec->params);
	appendStringInfoString(&query->sql, "SELECT ");
}

void
series_query_write(SeriesQuery *query, const SeriesSpec *spec,
				   const SeriesPart *part)
{
	CollectSpec collect;
	Oid type;
	Datum value;

	series_query_collect(&collect, spec, part);
	begin(query, spec);
	tally_collect_call(
		&query->sql, &collect, query->params.n + 1, &type, &value);
	(void) series_params_add(&query->params, type, value, false);
	if (part->nrows != NULL)
		appendStringInfoString(&query->sql, ", pg_catalog.count(*)");
	write_from(query, spec, part->without_range ? NULL : part->grid);
}

void
series_query_keys(SeriesQuery *query, const SeriesSpec *spec)
{
	for (int i = 0; i < spec->nkeys; i++)
	{
		if (i > 0)
			appendStringInfoString(&query->sql, ", ");
		series_column_sql_text(&query->sql, &spec->keys[i], &query->params);
	}
}

void
series_query_write_groups(SeriesQuery *query, const SeriesSpec *spec,
						  const TallyGrid *grid)
{
	begin(query, spec);
	series_query_keys(query, spec);
	write_from(query, spec, grid);
	appendStringInfoString(&query->sql, " GROUP BY ");
	for (int i = 0; i < spec->nkeys; i++)
		appendStringInfo(&query->sql, "%s%d", i > 0 ? ", " : "", i + 1);
}

TallyPanel *
series_query_panel(const SeriesSpec *spec, const SeriesPart *part,
				   MemoryContext parent)
{
	SeriesQuery query;
	CollectSpec collect;
	TallyPanel *panel;

	series_query_write(&query, spec, part);
	panel = tally_panel_from_query_counted(parent,
										   query.sql.data,
										   query.params.n,
										   query.params.types,
										   query.params.values,
										   query.params.nulls,
										   part->nrows);
	if (panel != NULL)
		return panel;
	series_query_collect(&collect, spec, part);
	return tally_collect_empty(parent, &collect);
}

/* What takes the rows of a query, one by one. */
typedef struct RowReceiver
{
	DestReceiver pub;
	SeriesRowFunc each;
	void *arg;
	MemoryContext scratch;
} RowReceiver;

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	RowReceiver *receiver = (RowReceiver *) self;
	MemoryContext old = MemoryContextSwitchTo(receiver->scratch);

	CHECK_FOR_INTERRUPTS();
	slot_getallattrs(slot);
	receiver->each(slot, receiver->arg);
	MemoryContextSwitchTo(old);
	MemoryContextReset(receiver->scratch);
	return true;
}

static void
receive_startup(DestReceiver *self, int operation, TupleDesc typeinfo)
{
}

static void
receive_end(DestReceiver *self)
{
}

void
series_query_rows(const SeriesQuery *query, SeriesRowFunc each, void *arg)
{
	/* DestTuplestore: SPI accepts no other kind of foreign receiver. */
	RowReceiver receiver = {
		.pub =
			{
				.receiveSlot = receive_row,
				.rStartup = receive_startup,
				.rShutdown = receive_end,
				.rDestroy = receive_end,
				.mydest = DestTuplestore,
			},
		.each = each,
		.arg = arg,
	};
	ParamListInfo params = makeParamList(query->params.n);
	SPIExecuteOptions options = {
		.params = params,
		.read_only = true,
		.dest = &receiver.pub,
	};
	int rc;

	for (int i = 0; i < query->params.n; i++)
	{
		params->params[i].ptype = query->params.types[i];
		params->params[i].value = query->params.values[i];
		params->params[i].isnull = query->params.nulls[i];
		params->params[i].pflags = PARAM_FLAG_CONST;
	}
	receiver.scratch = AllocSetContextCreate(CurrentMemoryContext,
											 "tally series query row",
											 ALLOCSET_SMALL_SIZES);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	rc = SPI_execute_extended(query->sql.data, &options);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "query of a series gave %s", SPI_result_code_string(rc));
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "could not disconnect from SPI");
	MemoryContextDelete(receiver.scratch);
}
