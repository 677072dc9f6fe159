/*-------------------------------------------------------------------------
 *
 * panel_sql.c
 *	  The SQL face of panels: the type's input and output, the combine
 *	  function, and the hand-over from an aggregate to the function that ran
 *	  its query.
 *
 * HAND-OVER.  Version 15 flattens the result of an aggregate, and what takes
 * it expands it again: a tenth of the time and as much memory again.  So the
 * aggregates that only our own functions run end in panel_hand_over(), which
 * moves the panel's memory context to whoever waits for it ("the taker") and
 * returns just true.  Without a taker it refuses: the aggregates cannot be
 * used from SQL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/base64.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "series/panel/held.h"

PG_FUNCTION_INFO_V1(tally_panel_in);
PG_FUNCTION_INFO_V1(tally_panel_out);
PG_FUNCTION_INFO_V1(tally_panel_recv);
PG_FUNCTION_INFO_V1(tally_panel_send);
PG_FUNCTION_INFO_V1(tally_series_in);
PG_FUNCTION_INFO_V1(tally_series_recv);
PG_FUNCTION_INFO_V1(tally_panel_combine);
PG_FUNCTION_INFO_V1(tally_panel_hand_over);

/* Who waits for a panel, and what came. */
typedef struct Taker
{
	MemoryContext parent;
	TallyPanel *panel;
} Taker;

static Taker *taker = NULL;

Oid
tally_type(const char *name)
{
	Oid namespace = get_namespace_oid("tally", false);
	Oid type = GetSysCacheOid2(TYPENAMENSP,
							   Anum_pg_type_oid,
							   CStringGetDatum(name),
							   ObjectIdGetDatum(namespace));

	if (!OidIsValid(type))
		elog(ERROR, "type tally.%s does not exist", name);
	return type;
}

/* from_text -- a panel from base64 of its portable form. */
static TallyPanel *
from_text(const char *text, const char *type)
{
	int len = (int) strlen(text);
	StringInfoData buf;
	int decoded;

	/* void *: decoded bytes are unsigned since 18. */
	initStringInfo(&buf);
	enlargeStringInfo(&buf, pg_b64_dec_len(len));
	decoded = pg_b64_decode(text, len, (void *) buf.data, buf.maxlen);
	if (decoded < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s", type),
				 errdetail("It must be base64, as the type writes it.")));
	buf.len = decoded;
	return panel_read_portable(&buf, CurrentMemoryContext);
}

/* check_series -- a panel that is read as a series must be one. */
static TallyPanel *
check_series(TallyPanel *panel)
{
	if (panel->nkeys != 0 || panel->nmeasures != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("value is not a series"),
				 errdetail("It has %d measures and %d keys, as a panel can.",
						   panel->nmeasures,
						   panel->nkeys)));
	return panel;
}

Datum
tally_panel_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(
		tally_panel_datum(from_text(PG_GETARG_CSTRING(0), "tally.panel")));
}

Datum
tally_series_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(tally_panel_datum(
		check_series(from_text(PG_GETARG_CSTRING(0), "tally.series"))));
}

Datum
tally_panel_out(PG_FUNCTION_ARGS)
{
	TallyPanel *panel =
		tally_panel_from_datum(PG_GETARG_DATUM(0), CurrentMemoryContext);
	StringInfoData buf;
	char *text;
	int len;

	initStringInfo(&buf);
	panel_write_portable(&buf, panel);
	len = pg_b64_enc_len(buf.len);
	text = palloc(len + 1);
	len = pg_b64_encode((void *) buf.data, buf.len, text, len);
	if (len < 0)
		elog(ERROR, "could not encode a panel");
	text[len] = '\0';
	PG_RETURN_CSTRING(text);
}

Datum
tally_panel_recv(PG_FUNCTION_ARGS)
{
	StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);

	PG_RETURN_DATUM(
		tally_panel_datum(panel_read_portable(buf, CurrentMemoryContext)));
}

Datum
tally_series_recv(PG_FUNCTION_ARGS)
{
	StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);

	PG_RETURN_DATUM(tally_panel_datum(
		check_series(panel_read_portable(buf, CurrentMemoryContext))));
}

Datum
tally_panel_send(PG_FUNCTION_ARGS)
{
	TallyPanel *panel =
		tally_panel_from_datum(PG_GETARG_DATUM(0), CurrentMemoryContext);
	StringInfoData buf;

	pq_begintypsend(&buf);
	panel_write_portable(&buf, panel);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/*
 * is_combining -- is the function called to combine, in the upper half of an
 * aggregate?  It is also what tally.merge() calls for each row.
 */
static bool
is_combining(FunctionCallInfo fcinfo)
{
	Aggref *aggref = AggGetAggref(fcinfo);

	return aggref != NULL && DO_AGGSPLIT_COMBINE(aggref->aggsplit);
}

/*
 * tally.panel_combine(panel, panel) -- one panel of two, for parallel plans.
 * Not strict: the first may be null or flat.
 *
 * Bytes are added to a panel that is there more cheaply than made into one, so
 * the first state to come stays bytes until the next one does: that may be
 * the leader's, which is a panel.
 */
Datum
tally_panel_combine(PG_FUNCTION_ARGS)
{
	MemoryContext aggcontext;
	TallyPanel *into;
	TallyPanel *from;
	struct varlena *flat = NULL;

	if (!AggCheckCallContext(fcinfo, &aggcontext))
		elog(ERROR, "tally.panel_combine called outside an aggregate");
	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(PG_GETARG_DATUM(1))))
	{
		from = tally_panel_from_datum(PG_GETARG_DATUM(1), aggcontext);
		panel_adopt(from, aggcontext);
	}
	else
	{
		flat = PG_DETOAST_DATUM(PG_GETARG_DATUM(1));
		from = panel_take_back(flat, aggcontext);
	}

	if (PG_ARGISNULL(0))
	{
		if (from != NULL)
			PG_RETURN_DATUM(tally_panel_datum(from));
		if (is_combining(fcinfo))
			PG_RETURN_POINTER(flat);
		PG_RETURN_DATUM(tally_panel_datum(panel_expand(flat, aggcontext)));
	}
	if (from != NULL && MemoryContextGetParent(from->cxt) == aggcontext &&
		!VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(PG_GETARG_DATUM(0))))
	{
		tally_held_begin(from, aggcontext);
		panel_absorb(from, PG_DETOAST_DATUM(PG_GETARG_DATUM(0)));
		tally_held_end(from);
		PG_RETURN_DATUM(tally_panel_datum(from));
	}
	into = tally_panel_from_datum(PG_GETARG_DATUM(0), aggcontext);
	tally_held_begin(into, aggcontext);
	if (from != NULL)
		tally_panel_merge(into, from);
	else
		panel_absorb(into, flat);
	tally_held_end(into);
	PG_RETURN_DATUM(tally_panel_datum(into));
}

/* tally.panel_hand_over(panel) -- final function: see the top of the file. */
Datum
tally_panel_hand_over(PG_FUNCTION_ARGS)
{
	TallyPanel *panel;

	if (taker == NULL || taker->panel != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("this aggregate is for Tally's own queries"),
				 errhint("Call tally.series() or tally.series_long().")));
	if (PG_ARGISNULL(0))
		PG_RETURN_BOOL(false);

	panel = tally_panel_from_datum(PG_GETARG_DATUM(0), CurrentMemoryContext);
	panel->user = NULL;
	panel->held = NULL;
	MemoryContextSetParent(panel->cxt, taker->parent);
	taker->panel = panel;
	PG_RETURN_BOOL(true);
}

/* The receiver of the query's one row, of which only a count is of interest. */
typedef struct CountReceiver
{
	DestReceiver pub;
	int64 *nrows; /* NULL: there is no count */
} CountReceiver;

static bool
take_count(TupleTableSlot *slot, DestReceiver *self)
{
	CountReceiver *receiver = (CountReceiver *) self;
	bool isnull;

	if (receiver->nrows != NULL)
		*receiver->nrows = DatumGetInt64(slot_getattr(slot, 2, &isnull));
	return true;
}

static void
ignore_startup(DestReceiver *self, int operation, TupleDesc typeinfo)
{
}

static void
ignore_end(DestReceiver *self)
{
}

TallyPanel *
tally_panel_from_query(MemoryContext parent, const char *sql, int nargs,
					   const Oid *argtypes, const Datum *args,
					   const bool *argnulls)
{
	return tally_panel_from_query_counted(
		parent, sql, nargs, argtypes, args, argnulls, NULL);
}

TallyPanel *
tally_panel_from_query_counted(MemoryContext parent, const char *sql,
							   int nargs, const Oid *argtypes,
							   const Datum *args, const bool *argnulls,
							   int64 *nrows)
{
	/* DestTuplestore: SPI accepts no other kind of foreign receiver. */
	CountReceiver receiver = {
		.pub =
			{
				.receiveSlot = take_count,
				.rStartup = ignore_startup,
				.rShutdown = ignore_end,
				.rDestroy = ignore_end,
				.mydest = DestTuplestore,
			},
		.nrows = nrows,
	};
	SPIExecuteOptions options = {
		.read_only = true,
		.dest = &receiver.pub,
	};
	ParamListInfo params = makeParamList(nargs);
	Taker mine = {parent, NULL};
	Taker *outer = taker;
	int rc;

	for (int i = 0; i < nargs; i++)
	{
		params->params[i].ptype = argtypes[i];
		params->params[i].value = args[i];
		params->params[i].isnull = argnulls != NULL && argnulls[i];
		params->params[i].pflags = PARAM_FLAG_CONST;
	}
	options.params = params;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	taker = &mine;
	PG_TRY();
	{
		rc = SPI_execute_extended(sql, &options);
	}
	PG_FINALLY();
	{
		taker = outer;
	}
	PG_END_TRY();
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "query for a panel gave %s", SPI_result_code_string(rc));
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "could not disconnect from SPI");
	return mine.panel;
}
