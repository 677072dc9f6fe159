/*-------------------------------------------------------------------------
 *
 * append.c
 *	  Rows for the table of events, many at a time.
 *
 * Events go in without SQL in between: pages are filled with many rows under
 * one lock and one WAL record (table_multi_insert), then come the index
 * entries.  That a batch may hold an event which is there already is known
 * only from the unique index.  Nearly always it does not, so this is first
 * tried without looking, and a duplicate is an error that undoes the batch;
 * asked again with check_ids, each event with an id goes in by itself and
 * steps back from a conflict, as INSERT ... ON CONFLICT DO NOTHING does.
 *
 * What goes round the executor goes round its checks, so the table has to be
 * as ddl/61_create_store.sql made it: its columns are compared, and triggers, which
 * would not fire, are refused.  Constraints that were added are enforced.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "store/append.h"
#include "store/store.h"
#include "store/yield.h"

/* The columns, in order. */
enum
{
	EVENT_COLLECTION_ID,
	EVENT_AT,
	EVENT_ID,
	EVENT_RECEIVED_AT,
	EVENT_PROPERTIES,
	EVENT__COUNT
};

static const struct
{
	const char *name;
	Oid type;
} event_columns[EVENT__COUNT] = {
	[EVENT_COLLECTION_ID] = {"collection_id", INT4OID},
	[EVENT_AT] = {"at", TIMESTAMPTZOID},
	[EVENT_ID] = {"id", UUIDOID},
	[EVENT_RECEIVED_AT] = {"received_at", TIMESTAMPTZOID},
	[EVENT_PROPERTIES] = {"properties", JSONBOID},
};

/*
 * Rows are written when there are so many of them, or so many bytes: some
 * pages, so that the lock and the WAL record of each page serve all rows that
 * fit it, and little enough that writing them, which cannot pause, is soon
 * done.
 */
#define BUFFERED_ROWS 200
#define BUFFERED_BYTES (64 * 1024)

/* The entries of a row in the indexes are as much work as so many bytes. */
#define INDEX_ENTRY_WORK 256

typedef struct Appender
{
	Relation rel;
	EState *estate;
	ResultRelInfo *result_rel;
	CommandId command;
	TupleTableSlot *slots[BUFFERED_ROWS]; /* made when first used */
	int nbuffered;
	Size buffered_bytes;
} Appender;

/* require_columns -- the table is as create_store() makes it */
static void
require_columns(Relation rel)
{
	TupleDesc desc = RelationGetDescr(rel);
	bool same = desc->natts == EVENT__COUNT;
	int i;

	for (i = 0; same && i < EVENT__COUNT; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		same = column->atttypid == event_columns[i].type &&
			   strcmp(NameStr(column->attname), event_columns[i].name) == 0;
	}
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the columns of \"%s.%s\" are not those that "
						"tally.create_store() made",
						TALLY_STORE_SCHEMA,
						RelationGetRelationName(rel)),
				 errhint("Keep other columns in a table of their own.")));
}

static void
require_no_triggers(Relation rel)
{
	const TriggerDesc *triggers = rel->trigdesc;

	if (triggers != NULL &&
		(triggers->trig_insert_before_row || triggers->trig_insert_after_row ||
		 triggers->trig_insert_before_statement ||
		 triggers->trig_insert_after_statement))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("\"%s.%s\" has a trigger for INSERT, which "
						"tally.ingest() does not fire",
						TALLY_STORE_SCHEMA,
						RelationGetRelationName(rel)),
				 errhint("Drop the trigger or the foreign key.")));
}

/* begin_append -- opens the table and its indexes */
static void
begin_append(Appender *to, bool check_ids)
{
	RangeVar *name = makeRangeVar(TALLY_STORE_SCHEMA, "event", -1);
	AclResult allowed;

	memset(to, 0, sizeof(*to));
	to->rel = table_openrv(name, RowExclusiveLock);
	allowed =
		pg_class_aclcheck(RelationGetRelid(to->rel), GetUserId(), ACL_INSERT);
	if (allowed != ACLCHECK_OK)
		aclcheck_error(allowed,
					   OBJECT_TABLE,
					   RelationGetRelationName(to->rel));
	require_columns(to->rel);
	require_no_triggers(to->rel);

	/* No range table: there is no plan, and nothing looks for one. */
	to->estate = CreateExecutorState();
	to->result_rel = makeNode(ResultRelInfo);
	InitResultRelInfo(to->result_rel, to->rel, 0, NULL, 0);
	ExecOpenIndices(to->result_rel, check_ids);
	to->command = GetCurrentCommandId(true);
	to->estate->es_output_cid = to->command;
}

/* fill_slot -- the row of an event, in the next slot */
static TupleTableSlot *
fill_slot(Appender *to, const TallyEvent *event)
{
	TupleTableSlot *slot = to->slots[to->nbuffered];

	if (slot == NULL)
		slot = to->slots[to->nbuffered] = table_slot_create(to->rel, NULL);

	ExecClearTuple(slot);
	memset(slot->tts_isnull, 0, EVENT__COUNT * sizeof(bool));
	slot->tts_values[EVENT_COLLECTION_ID] =
		Int32GetDatum(event->collection->id);
	slot->tts_values[EVENT_AT] = TimestampTzGetDatum(event->at);
	slot->tts_values[EVENT_ID] = UUIDPGetDatum(&event->id);
	slot->tts_isnull[EVENT_ID] = !event->has_id;
	slot->tts_values[EVENT_RECEIVED_AT] =
		TimestampTzGetDatum(event->received_at);
	slot->tts_values[EVENT_PROPERTIES] = JsonbPGetDatum(event->properties);
	ExecStoreVirtualTuple(slot);

	if (to->rel->rd_att->constr != NULL)
		ExecConstraints(to->result_rel, slot, to->estate);
	return slot;
}

/* flush -- writes the buffered rows and their index entries */
static void
flush(Appender *to)
{
	int i;

	if (to->nbuffered == 0)
		return;

	table_multi_insert(
		to->rel, to->slots, to->nbuffered, to->command, 0, NULL);
	for (i = 0; i < to->nbuffered; i++)
	{
		tally_yield_now_and_then(INDEX_ENTRY_WORK);
		TallyInsertIndexTuples(
			to->result_rel, to->slots[i], to->estate, false, NULL, NIL);
		ExecClearTuple(to->slots[i]);
		ResetPerTupleExprContext(to->estate);
	}
	to->nbuffered = 0;
	to->buffered_bytes = 0;
}

/*
 * insert_once -- one row, unless its id is there; says whether it went in
 *
 * A look at the index finds ids that are there, and those of transactions
 * still running, for whose end it waits.  Between the look and the index
 * entry another session may get in: the row is then marked as never having
 * been, and we look again.  The token is what others wait for meanwhile.
 */
static bool
insert_once(Appender *to, const TallyEvent *event)
{
	TupleTableSlot *slot = fill_slot(to, event);
	TransactionId xid = GetCurrentTransactionId();
	bool conflict;

	do
	{
		ItemPointerData other;
		uint32 token;

		CHECK_FOR_INTERRUPTS();
		tally_yield_now_and_then(VARSIZE(event->properties));
		conflict = false;
		if (!TallyCheckIndexConstraints(
				to->result_rel, slot, to->estate, &other, NIL))
		{
			ExecClearTuple(slot);
			ResetPerTupleExprContext(to->estate);
			return false;
		}

		token = SpeculativeInsertionLockAcquire(xid);
		table_tuple_insert_speculative(
			to->rel, slot, to->command, 0, NULL, token);
		TallyInsertIndexTuples(
			to->result_rel, slot, to->estate, true, &conflict, NIL);
		table_tuple_complete_speculative(to->rel, slot, token, !conflict);
		SpeculativeInsertionLockRelease(xid);
		ResetPerTupleExprContext(to->estate);
	} while (conflict);

	ExecClearTuple(slot);
	return true;
}

static void
end_append(Appender *to)
{
	int i;

	ExecCloseIndices(to->result_rel);
	for (i = 0; i < BUFFERED_ROWS && to->slots[i] != NULL; i++)
		ExecDropSingleTupleTableSlot(to->slots[i]);
	FreeExecutorState(to->estate);
	/* The lock stays to the end of the transaction, as ever. */
	table_close(to->rel, NoLock);
}

int
tally_append(const TallyBatch *batch, bool check_ids)
{
	Appender *to = palloc(sizeof(*to));
	int appended = 0;
	int i;

	begin_append(to, check_ids);
	for (i = 0; i < batch->nevents; i++)
	{
		const TallyEvent *event = &batch->events[i];

		CHECK_FOR_INTERRUPTS();
		if (check_ids && event->has_id)
		{
			appended += insert_once(to, event) ? 1 : 0;
			continue;
		}
		fill_slot(to, event);
		to->nbuffered++;
		to->buffered_bytes += VARSIZE(event->properties);
		appended++;
		if (to->nbuffered == BUFFERED_ROWS ||
			to->buffered_bytes >= BUFFERED_BYTES)
			flush(to);
	}
	flush(to);
	end_append(to);
	return appended;
}
