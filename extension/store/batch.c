/*-------------------------------------------------------------------------
 *
 * batch.c
 *	  From the bytes of a spool to events that can be stored.
 *
 * Everything is checked here although the door has checked it: the bytes
 * have been on a disk since, and were written by another program.  What an
 * event may be is decided by the same code there and here (wire/).
 *
 * A bad event is set aside by its place and the others go on.  Nothing here
 * changes a table but for new collections, and those are only made for events
 * that pass every other check; so a batch is either stored, less its
 * rejected events, or leaves no trace.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "store/batch.h"
#include "store/event_json.h"
#include "store/yield.h"
#include "wire/frame.h"
#include "wire/json_check.h"

static void
reject(TallyBatch *batch, int place, const char *reason)
{
	if (batch->nrejected == 0)
	{
		batch->reason = reason;
		batch->reason_place = place;
	}
	batch->rejected[batch->nrejected++] = place;
}

/* fault_of -- why a frame cannot be stored, or NULL */
static const char *
fault_of(const struct frame *frame)
{
	struct json_event found;
	enum json_rule rule;

	if (!frame_collection_ok(frame->collection, frame->collection_len))
		return "its collection's name is not allowed";
	/* Infinity is out of range too: no bucket holds it. */
	if (!IS_VALID_TIMESTAMP(frame->at_us) ||
		!IS_VALID_TIMESTAMP(frame->received_us))
		return "its time is out of range";
	if (frame->json_len > TALLY_MAX_EVENT_BYTES)
		return "it is too long";
	rule = json_check_event(frame->json, frame->json_len, &found);
	return rule == JSON_OK ? NULL : json_check_says(rule);
}

/* collection_of -- the frame's entry in the batch's set of collections */
static const TallyCollection *
collection_of(TallyBatch *batch, const struct frame *frame)
{
	const TallyCollection *last = batch->last;

	if (last == NULL || last->key.name_len != frame->collection_len ||
		memcmp(last->key.name, frame->collection, frame->collection_len) !=
			0 ||
		memcmp(last->key.project, frame->project, TALLY_PROJECT_ID_BYTES) != 0)
		batch->last = tally_collections_add(batch->collections,
											frame->project,
											frame->collection,
											frame->collection_len);
	return batch->last;
}

static void
read_event(TallyBatch *batch, const uint8 *data, size_t len, int place)
{
	struct frame frame;
	const char *fault;
	TallyEvent *event;

	if (frame_read(data, len, &frame) == 0)
		fault = "its frame is malformed";
	else
		fault = fault_of(&frame);
	if (fault != NULL)
	{
		reject(batch, place, fault);
		return;
	}

	event = &batch->events[batch->nevents++];
	event->place = place;
	event->has_id = frame.has_id;
	memcpy(event->id.data, frame.id, FRAME_ID_BYTES);
	event->collection = collection_of(batch, &frame);
	event->at = frame.at_us;
	event->received_at = frame.received_us;
	event->json = frame.json;
	event->json_len = frame.json_len;
	event->properties = NULL;
}

/* wrong_number -- the bytes hold "found" frames, or more, and not "count" */
static void
wrong_number(const char *how_many, int found, int count)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the batch holds %s %d frames, its range has %d",
					how_many,
					found,
					count),
			 errhint("Send one frame for each sequence number.")));
}

/*
 * tally_batch_read -- frames to events
 *
 * A frame whose length cannot be is the end of what can be read: nobody
 * knows where the next one begins, so it and all after it are rejected.
 */
TallyBatch *
tally_batch_read(const uint8 *frames, size_t len, int count,
				 const bool *leave_out)
{
	TallyBatch *batch = palloc0(sizeof(*batch));
	size_t at = 0;
	bool lost = false;
	int place;

	batch->events = palloc(count * sizeof(TallyEvent));
	batch->rejected = palloc(count * sizeof(int));
	batch->collections = tally_collections_create();

	for (place = 1; place <= count; place++)
	{
		size_t size = lost ? 0 : frame_length(frames + at, len - at);

		CHECK_FOR_INTERRUPTS();
		tally_yield_now_and_then(size);
		if (size == 0 && !lost)
		{
			if (at == len)
				wrong_number("only", place - 1, count);
			lost = true;
		}
		if (lost && !leave_out[place - 1])
			reject(batch, place, "its frame has no possible length");
		else if (!leave_out[place - 1])
			read_event(batch, frames + at, size, place);
		at += size;
	}
	if (!lost && at < len)
		wrong_number("more than", count, count);
	return batch;
}

static int
compare_places(const void *a, const void *b)
{
	return *(const int *) a - *(const int *) b;
}

/*
 * compare_ids -- those without an id first, as they came; the others by id
 *
 * Two batches may hold the same ids.  Whoever comes second to one waits for
 * the other's end; as both go through them in the same order, they cannot
 * wait for each other.
 */
static int
compare_ids(const void *a, const void *b)
{
	const TallyEvent *x = a;
	const TallyEvent *y = b;
	int order = (int) x->has_id - (int) y->has_id;

	if (order == 0 && x->has_id)
		order = x->collection->id - y->collection->id; /* both positive */
	if (order == 0 && x->has_id)
		order = memcmp(x->id.data, y->id.data, UUID_LEN);
	return order != 0 ? order : x->place - y->place;
}

void
tally_batch_resolve(TallyBatch *batch)
{
	bool any_id = false;
	int kept = 0;
	int i;

	tally_collections_resolve(batch->collections);
	for (i = 0; i < batch->nevents; i++)
	{
		if (batch->events[i].collection->id == 0)
			reject(batch, batch->events[i].place, "its project is unknown");
		else
		{
			any_id = any_id || batch->events[i].has_id;
			batch->events[kept++] = batch->events[i];
		}
	}
	batch->nevents = kept;
	if (any_id)
		qsort(batch->events, kept, sizeof(TallyEvent), compare_ids);
	qsort(batch->rejected, batch->nrejected, sizeof(int), compare_places);
}

/*
 * tally_batch_parse -- jsonb of every event
 *
 * Building one leaves several times an event's size behind, so it works in a
 * context of its own that is emptied after each.
 */
void
tally_batch_parse(TallyBatch *batch)
{
	MemoryContext keep = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(keep,
												  "parsing an event",
												  ALLOCSET_DEFAULT_SIZES);
	int i;

	for (i = 0; i < batch->nevents; i++)
	{
		TallyEvent *event = &batch->events[i];
		Jsonb *parsed;

		CHECK_FOR_INTERRUPTS();
		tally_yield_now_and_then(event->json_len);
		MemoryContextSwitchTo(scratch);
		parsed = tally_event_json(event->json, event->json_len);

		MemoryContextSwitchTo(keep);
		event->properties = palloc(VARSIZE(parsed));
		memcpy(event->properties, parsed, VARSIZE(parsed));
		MemoryContextReset(scratch);
	}
	MemoryContextDelete(scratch);
}
