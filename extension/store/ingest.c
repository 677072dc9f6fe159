/*-------------------------------------------------------------------------
 *
 * ingest.c
 *	  tally.ingest(): a batch of events from a spool, taken once.
 *
 *	  progress   ->  check   ->  collections  ->  parse   ->  append
 *	  (row lock)     (all)       (new ones)      (all)       (all)
 *
 * Every step is done for the whole batch before the next begins.  Thus two
 * calls for the same range wait for each other before they do any work, and
 * whatever can fail does so before the first row is written: a batch that
 * fails half-way would leave dead rows for vacuum.
 *
 * One call is one statement is one transaction; the caller commits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "contract.h"
#include "store/append.h"
#include "store/batch.h"
#include "store/progress.h"
#include "store/store.h"
#include "store/yield.h"

PG_FUNCTION_INFO_V1(tally_ingest);

typedef struct IngestResult
{
	int stored;
	int duplicate;
	int nrejected;
	int *rejected;
} IngestResult;

/* check_arguments -- nulls, the range, and the size of the batch */
static void
check_arguments(FunctionCallInfo fcinfo)
{
	static const char *const names[] = {
		"spool", "first", "last", "frames", "check_ids"};
	int64 first;
	int64 last;
	Size len;
	int i;

	for (i = 0; i < lengthof(names); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("\"%s\" of tally.ingest() is null", names[i]),
					 errhint("Only \"leave_out\" may be.")));

	first = PG_GETARG_INT64(1);
	last = PG_GETARG_INT64(2);
	tally_progress_check_range(first, last);
	if (last - first >= TALLY_MAX_INGEST_EVENTS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a batch of " INT64_FORMAT
						" events is over the limit of %d",
						last - first + 1,
						TALLY_MAX_INGEST_EVENTS),
				 errhint("Send fewer events in a call.")));
	len = toast_raw_datum_size(PG_GETARG_DATUM(3)) - VARHDRSZ;
	if (len > TALLY_MAX_INGEST_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a batch of %zu bytes is over the limit of %d",
						len,
						TALLY_MAX_INGEST_BYTES),
				 errhint("Send fewer events in a call.")));
}

/* read_leave_out -- the places in "leave_out" as a flag for each event */
static bool *
read_leave_out(FunctionCallInfo fcinfo, int count)
{
	bool *flags = palloc0(count * sizeof(bool));
	Datum *places;
	bool *nulls;
	int n;
	int i;

	if (PG_ARGISNULL(5))
		return flags;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(5),
					  INT4OID,
					  sizeof(int32),
					  true,
					  TYPALIGN_INT,
					  &places,
					  &nulls,
					  &n);
	for (i = 0; i < n; i++)
	{
		int32 place = nulls[i] ? 0 : DatumGetInt32(places[i]);

		if (place < 1 || place > count)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 nulls[i]
						 ? errmsg("a place in \"leave_out\" is null")
						 : errmsg("there is no event %d to leave out", place),
					 errhint("The batch has the events 1 to %d.", count)));
		flags[place - 1] = true;
	}
	return flags;
}

/* ingest -- the steps, once progress has been moved */
static IngestResult
ingest(FunctionCallInfo fcinfo, bool check_ids)
{
	int count = (int) (PG_GETARG_INT64(2) - PG_GETARG_INT64(1)) + 1;
	bytea *frames = PG_GETARG_BYTEA_PP(3);
	IngestResult result;
	TallyBatch *batch;

	batch = tally_batch_read((const uint8 *) VARDATA_ANY(frames),
							 VARSIZE_ANY_EXHDR(frames),
							 count,
							 read_leave_out(fcinfo, count));
	tally_batch_resolve(batch);
	tally_batch_parse(batch);
	result.stored = tally_append(batch, check_ids);
	result.duplicate = batch->nevents - result.stored;
	result.nrejected = batch->nrejected;
	result.rejected = batch->rejected;

	/* Once a batch, for the log: the caller has the events, not the reason. */
	if (batch->nrejected > 0)
		ereport(NOTICE,
				(errmsg("rejected %d of %d events", batch->nrejected, count),
				 errdetail("The first, event %d of the batch: %s.",
						   batch->reason_place,
						   batch->reason)));
	return result;
}

/* result_row -- (stored, duplicate, rejected) */
static Datum
result_row(FunctionCallInfo fcinfo, const IngestResult *result)
{
	Datum values[3] = {Int32GetDatum(result->stored),
					   Int32GetDatum(result->duplicate)};
	bool nulls[3] = {false, false, result->nrejected == 0};
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "tally.ingest() must return a row");
	if (result->nrejected > 0)
	{
		Datum *places = palloc(result->nrejected * sizeof(Datum));
		int i;

		for (i = 0; i < result->nrejected; i++)
			places[i] = Int32GetDatum(result->rejected[i]);
		values[2] = PointerGetDatum(construct_array(places,
													result->nrejected,
													INT4OID,
													sizeof(int32),
													true,
													TYPALIGN_INT));
	}
	return HeapTupleGetDatum(
		heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/*
 * tally.ingest(spool uuid, first bigint, last bigint, frames bytea,
 *				check_ids boolean, leave_out int[],
 *				OUT stored int, OUT duplicate int, OUT rejected int[])
 */
Datum
tally_ingest(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext work;
	IngestResult result = {0};
	Datum row;

	check_arguments(fcinfo);
	tally_yield();
	tally_store_require(fcinfo->flinfo->fn_oid, TALLY_STORE_VERSIONED);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	work =
		AllocSetContextCreate(caller, "tally.ingest", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(work);
	if (tally_progress_take(PG_GETARG_UUID_P(0),
							PG_GETARG_INT64(1),
							PG_GETARG_INT64(2)))
		result = ingest(fcinfo, PG_GETARG_BOOL(4));
	SPI_finish();

	MemoryContextSwitchTo(caller);
	row = result_row(fcinfo, &result);
	MemoryContextDelete(work);
	return row;
}
