/*
 * batch.h
 *	  A batch of frames (wire/frame.h), checked and parsed.
 */
#ifndef TALLY_BATCH_H
#define TALLY_BATCH_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

#include "store/collection.h"

typedef struct TallyEvent
{
	int place; /* in the batch, from 1 */
	bool has_id;
	pg_uuid_t id;
	const TallyCollection *collection;
	TimestampTz at;
	TimestampTz received_at;
	const char *json; /* in the frames */
	size_t json_len;
	Jsonb *properties; /* set by tally_batch_parse() */
} TallyEvent;

typedef struct TallyBatch
{
	int nevents; /* those that may be stored */
	TallyEvent *events;
	int nrejected;
	int *rejected;		/* their places, rising */
	const char *reason; /* why the first that was found is rejected */
	int reason_place;
	HTAB *collections;
	const TallyCollection *last; /* most events are of the one before's */
} TallyBatch;

/*
 * Reads "count" frames from "len" bytes, but for those with leave_out[place -
 * 1], and sorts the good from the bad.  Raises 22023 when the bytes are whole
 * frames but more or fewer of them.  All in the current memory context; the
 * events point into "frames".
 */
extern TallyBatch *tally_batch_read(const uint8 *frames, size_t len, int count,
									const bool *leave_out);

/*
 * Finds, or makes, the collections of the events; those of an unknown project
 * go over to the rejected.  Leaves the events in the order in which they are to
 * be appended.  Needs an SPI connection.
 */
extern void tally_batch_resolve(TallyBatch *batch);

/* Makes jsonb of every event, in the current memory context. */
extern void tally_batch_parse(TallyBatch *batch);

#endif
