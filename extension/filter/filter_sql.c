/*-------------------------------------------------------------------------
 *
 * filter_sql.c
 *	  The SQL face of filters: tally.matches().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "filter/filter.h"

/*
 * The filter compiled last, kept from call to call: it is nearly always the
 * same one for all rows of a statement.
 */
typedef struct MatchCache
{
	MemoryContext context; /* of "source" and "filter" */
	Jsonb *source;
	TallyFilter *filter;
} MatchCache;

PG_FUNCTION_INFO_V1(tally_matches);

/* compiled -- the filter of this call, from the cache if it is there. */
static TallyFilter *
compiled(FunctionCallInfo fcinfo, Jsonb *source)
{
	MatchCache *cache = fcinfo->flinfo->fn_extra;
	MemoryContext old;
	JsonbValue list;

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt,
									   sizeof(MatchCache));
		cache->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt,
											   "tally filter",
											   ALLOCSET_SMALL_SIZES);
		fcinfo->flinfo->fn_extra = cache;
	}
	if (cache->filter != NULL && VARSIZE(cache->source) == VARSIZE(source) &&
		memcmp(cache->source, source, VARSIZE(source)) == 0)
		return cache->filter;

	cache->filter = NULL;
	MemoryContextReset(cache->context);
	old = MemoryContextSwitchTo(cache->context);
	cache->source = palloc(VARSIZE(source));
	memcpy(cache->source, source, VARSIZE(source));

	/* A lone scalar is stored as a list of one: show it as it was written. */
	if (JB_ROOT_IS_SCALAR(cache->source))
		JsonbExtractScalar(&cache->source->root, &list);
	else
	{
		list.type = jbvBinary;
		list.val.binary.data = &cache->source->root;
		list.val.binary.len = VARSIZE(cache->source) - VARHDRSZ;
	}
	cache->filter = tally_filter_compile(&list, pg_tzset("UTC"));
	MemoryContextSwitchTo(old);
	return cache->filter;
}

/*
 * tally.matches(filters jsonb, properties jsonb, at timestamptz,
 *				 received_at timestamptz, id uuid) returns bool
 *
 * Null filters are none.  The last three answer keen.timestamp,
 * keen.created_at and keen.id; what is null is missing from the event.
 */
Datum
tally_matches(PG_FUNCTION_ARGS)
{
	TallyEvent event;

	if (PG_ARGISNULL(0))
		PG_RETURN_BOOL(true);

	memset(&event, 0, offsetof(TallyEvent, at_text));
	if (!PG_ARGISNULL(1))
		event.properties = &PG_GETARG_JSONB_P(1)->root;
	event.has_at = !PG_ARGISNULL(2);
	if (event.has_at)
		event.at = PG_GETARG_TIMESTAMPTZ(2);
	event.has_received_at = !PG_ARGISNULL(3);
	if (event.has_received_at)
		event.received_at = PG_GETARG_TIMESTAMPTZ(3);
	event.has_id = !PG_ARGISNULL(4);
	if (event.has_id)
		event.id = *PG_GETARG_UUID_P(4);

	PG_RETURN_BOOL(
		tally_filter_match(compiled(fcinfo, PG_GETARG_JSONB_P(0)), &event));
}
