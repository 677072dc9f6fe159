/*-------------------------------------------------------------------------
 *
 * collect_record.c
 *	  tally.collect_record(): tally.collect() of columns that are one record.
 *
 * collect_record(specification bytea, ROW(at, columns ...))
 *
 * A distributed plan calls aggregates on its shards itself.  It compares the
 * types of what it has with those that the aggregate is declared with, and
 * passes values without their expressions; so it can call nothing that takes
 * any number of arguments of any type.  A record is one type, and says itself
 * of what types its columns are.
 *
 * The columns are the arguments of a call of collect_row() that is made here.
 * All records of one panel must be of the type of the first: anyone may call
 * the aggregate with any.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "utils/typcache.h"

#include "series/collect/collect_internal.h"
#include "series/panel/panel_internal.h"

PG_FUNCTION_INFO_V1(tally_collect_record);

/* The argument of the transition function that the record is. */
#define ARG_RECORD ARG_AT

/* call_of -- a call whose arguments are of the types of the columns. */
static Node *
call_of(TupleDesc columns)
{
	List *args = list_make2(makeNullConst(tally_type("panel"), -1, InvalidOid),
							makeNullConst(BYTEAOID, -1, InvalidOid));

	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(columns, i);

		if (att->attisdropped)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("record of a series has a dropped column"),
					 errhint("Call tally.series() or tally.series_long().")));
		args = lappend(args,
					   makeNullConst(att->atttypid,
									 att->atttypmod,
									 att->attcollation));
	}
	return (Node *) makeFuncExpr(InvalidOid,
								 tally_type("panel"),
								 args,
								 InvalidOid,
								 InvalidOid,
								 COERCE_EXPLICIT_CALL);
}

/* set_columns -- as the arguments from ARG_AT on. */
static void
set_columns(FunctionCallInfo row, TupleDesc columns, HeapTupleHeader record)
{
	Datum values[FUNC_MAX_ARGS];
	bool nulls[FUNC_MAX_ARGS];
	HeapTupleData tuple = {
		.t_len = HeapTupleHeaderGetDatumLength(record),
		.t_data = record,
	};

	heap_deform_tuple(&tuple, columns, values, nulls);
	for (int i = 0; i < columns->natts; i++)
	{
		row->args[ARG_AT + i].value = values[i];
		row->args[ARG_AT + i].isnull = nulls[i];
	}
}

/*
 * check_record -- refuse one of another type than the panel's first.  A panel
 * that no record has filled is refused by collect_row() if it is not new.
 */
static void
check_record(Datum state, HeapTupleHeader record)
{
	Collector *c = VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(state))
					   ? panel_expanded(state)->user
					   : NULL;

	if (c == NULL)
		return;
	if (!OidIsValid(c->record_type))
	{
		c->record_type = HeapTupleHeaderGetTypeId(record);
		c->record_typmod = HeapTupleHeaderGetTypMod(record);
	}
	else if (c->record_type != HeapTupleHeaderGetTypeId(record) ||
			 c->record_typmod != HeapTupleHeaderGetTypMod(record))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("records of one series are of different types"),
				 errhint("Call tally.series() or tally.series_long().")));
}

/* tally.collect_record_row(panel, specification, ROW(at, columns ...)) */
Datum
tally_collect_record(PG_FUNCTION_ARGS)
{
	LOCAL_FCINFO(row, FUNC_MAX_ARGS);
	FmgrInfo flinfo = {0};
	HeapTupleHeader record;
	TupleDesc columns;
	Datum state;

	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "tally.collect_record called outside an aggregate");
	if (PG_ARGISNULL(ARG_RECORD))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("record of a series must not be null")));
	record = PG_GETARG_HEAPTUPLEHEADER(ARG_RECORD);
	columns = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(record),
									 HeapTupleHeaderGetTypMod(record));
	if (columns->natts < 1 || columns->natts > FUNC_MAX_ARGS - ARG_AT)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("record of a series has %d columns", columns->natts),
				 errhint("Ask for fewer measures and groups at a time.")));

	flinfo.fn_mcxt = CurrentMemoryContext;
	InitFunctionCallInfoData(*row,
							 &flinfo,
							 ARG_AT + columns->natts,
							 PG_GET_COLLATION(),
							 fcinfo->context,
							 NULL);
	row->args[ARG_STATE] = fcinfo->args[ARG_STATE];
	row->args[ARG_SPEC] = fcinfo->args[ARG_SPEC];
	set_columns(row, columns, record);
	if (PG_ARGISNULL(ARG_STATE))
		flinfo.fn_expr = call_of(columns);
	else
		check_record(PG_GETARG_DATUM(ARG_STATE), record);
	ReleaseTupleDesc(columns);
	state = tally_collect_row(row);
	if (PG_ARGISNULL(ARG_STATE))
		check_record(state, record);
	PG_RETURN_DATUM(state);
}
