/*-------------------------------------------------------------------------
 *
 * progress.c
 *	  The progress of spools, and tally.spool_skip().
 *
 * A spool numbers its events 1, 2, 3, ...; its row says up to which of them
 * the store has taken.  The row moves in the transaction that stores the
 * events, so both are there or neither.
 *
 * A drainer that was killed may leave a backend behind that still commits.
 * The next drainer's call then waits for the row's lock and finds progress
 * inside of its range.  That is neither "taken" nor "next", and to skip it
 * would lose the rest of the range: it is an error, and so is a gap.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

#include "store/progress.h"
#include "store/store.h"

PG_FUNCTION_INFO_V1(tally_spool_skip);

void
tally_progress_check_range(int64 first, int64 last)
{
	if (first < 1 || last < first)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("events " INT64_FORMAT " to " INT64_FORMAT
						" are no range of a spool",
						first,
						last),
				 errhint("A spool's events are numbered from 1, and the "
						 "first comes before the last.")));
}

/* read_progress -- what the row says now, or -1 where there is none */
static int64
read_progress(pg_uuid_t *spool)
{
	static TallyStatement read = {
		"SELECT taken FROM tally_store.spool WHERE spool = $1", 1, {UUIDOID}};
	Datum args[] = {UUIDPGetDatum(spool)};
	bool isnull;

	if (tally_store_run(&read, args) == 0)
		return -1;
	return DatumGetInt64(SPI_getbinval(
		SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

bool
tally_progress_take(pg_uuid_t *spool, int64 first, int64 last)
{
	/*
	 * One statement finds, locks and moves the row.  Where another session
	 * has it, this waits for that one's end and looks at the row again.
	 */
	static TallyStatement move = {
		"UPDATE tally_store.spool SET taken = $3, taken_at = now()"
		" WHERE spool = $1 AND taken = $2 - 1",
		3,
		{UUIDOID, INT8OID, INT8OID}};
	Datum args[] = {UUIDPGetDatum(spool),
					Int64GetDatum(first),
					Int64GetDatum(last)};
	int64 taken;

	if (tally_store_run(&move, args) == 1)
		return true;

	taken = read_progress(spool);
	if (taken >= last)
		return false;
	if (taken < 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("spool %s is not registered",
						DatumGetCString(DirectFunctionCall1(
							uuid_out, UUIDPGetDatum(spool)))),
				 errhint("Call tally.spool_progress() first.")));
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("events " INT64_FORMAT " to " INT64_FORMAT
					" of the spool do not follow event " INT64_FORMAT
					", the last one taken",
					first,
					last,
					taken),
			 errhint("Read tally.spool_progress() and go on with the event "
					 "after it.")));
	return false;
}

/* tally.spool_skip(spool uuid, first bigint, last bigint, reason text) */
Datum
tally_spool_skip(PG_FUNCTION_ARGS)
{
	static TallyStatement note = {
		"INSERT INTO tally_store.spool_skip (spool, first, last, reason)"
		" VALUES ($1, $2, $3, $4)",
		4,
		{UUIDOID, INT8OID, INT8OID, TEXTOID}};
	Datum args[4];
	int i;

	tally_store_require(fcinfo->flinfo->fn_oid, TALLY_STORE_VERSIONED);
	for (i = 0; i < lengthof(args); i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument %d of tally.spool_skip() is null",
							i + 1),
					 errhint("Name the spool, the first and the last event, "
							 "and the reason.")));
		args[i] = PG_GETARG_DATUM(i);
	}
	tally_progress_check_range(DatumGetInt64(args[1]), DatumGetInt64(args[2]));

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (tally_progress_take(DatumGetUUIDP(args[0]),
							DatumGetInt64(args[1]),
							DatumGetInt64(args[2])))
		tally_store_run(&note, args);
	SPI_finish();

	PG_RETURN_VOID();
}
