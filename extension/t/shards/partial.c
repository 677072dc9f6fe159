/*-------------------------------------------------------------------------
 *
 * partial.c
 *	  For 120_shards.pl: an aggregate that calls another, as a distributed
 *	  plan does on its shards.
 *
 * partial(aggregate oid, ROW(its arguments)) gives the state as text, which
 * the test merges.  As there, the arguments must be of the very types that the
 * aggregate is declared with, and its transition function is looked up again
 * for each row and told nothing of the expressions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_aggregate.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(partial_row);
PG_FUNCTION_INFO_V1(partial_text);

typedef struct Partial
{
	Oid transition;
	Oid type;
	Datum value;
	bool isnull;
} Partial;

static Partial *
start(Oid aggregate, TupleDesc columns, MemoryContext cxt)
{
	Partial *p = MemoryContextAllocZero(cxt, sizeof(Partial));
	HeapTuple tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggregate));
	Oid *types;
	int n;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "no aggregate %u", aggregate);
	p->transition = ((Form_pg_aggregate) GETSTRUCT(tuple))->aggtransfn;
	p->type = ((Form_pg_aggregate) GETSTRUCT(tuple))->aggtranstype;
	p->isnull = true;
	ReleaseSysCache(tuple);
	(void) get_func_signature(aggregate, &types, &n);
	if (n != columns->natts)
		elog(ERROR, "%d arguments, not %d", columns->natts, n);
	for (int i = 0; i < n; i++)
		if (TupleDescAttr(columns, i)->atttypid != types[i])
			elog(ERROR, "argument %d is of another type", i + 1);
	return p;
}

Datum
partial_row(PG_FUNCTION_ARGS)
{
	LOCAL_FCINFO(call, FUNC_MAX_ARGS);
	HeapTupleHeader record = PG_GETARG_HEAPTUPLEHEADER(2);
	TupleDesc columns =
		lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(record),
							   HeapTupleHeaderGetTypMod(record));
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(record),
						   .t_data = record};
	MemoryContext cxt;
	Partial *p;
	Datum values[FUNC_MAX_ARGS];
	bool nulls[FUNC_MAX_ARGS];
	FmgrInfo info;

	if (!AggCheckCallContext(fcinfo, &cxt))
		elog(ERROR, "not in an aggregate");
	p = PG_ARGISNULL(0) ? start(PG_GETARG_OID(1), columns, cxt)
						: (Partial *) PG_GETARG_POINTER(0);
	heap_deform_tuple(&tuple, columns, values, nulls);
	fmgr_info(p->transition, &info);
	InitFunctionCallInfoData(*call,
							 &info,
							 columns->natts + 1,
							 PG_GET_COLLATION(),
							 fcinfo->context,
							 NULL);
	call->args[0].value = p->value;
	call->args[0].isnull = p->isnull;
	for (int i = 0; i < columns->natts; i++)
	{
		call->args[i + 1].value = values[i];
		call->args[i + 1].isnull = nulls[i];
	}
	ReleaseTupleDesc(columns);
	/* The states that are tested live in the aggregate's context as they are. */
	p->value = FunctionCallInvoke(call);
	p->isnull = call->isnull;
	PG_RETURN_POINTER(p);
}

Datum
partial_text(PG_FUNCTION_ARGS)
{
	Partial *p = PG_ARGISNULL(0) ? NULL : (Partial *) PG_GETARG_POINTER(0);
	Oid output;
	bool is_varlena;

	if (p == NULL || p->isnull)
		PG_RETURN_NULL();
	getTypeOutputInfo(p->type, &output, &is_varlena);
	PG_RETURN_TEXT_P(cstring_to_text(OidOutputFunctionCall(output, p->value)));
}
