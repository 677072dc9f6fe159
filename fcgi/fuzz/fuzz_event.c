/*
 * fuzz_event.c
 *	  What a client sends as an event and as a batch: the checker, and that
 *	  what it takes becomes a frame that can be read back.
 */
#include <stdlib.h>
#include <string.h>

#include "../../extension/wire/frame.h"
#include "../../extension/wire/json_check.h"
#include "../event_in.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* take -- as the handlers do; what is taken must come back the same. */
static void
take(const struct json_event *found, const char *collection, size_t name_len)
{
	struct event_problem problem = {.code = REPLY_CODE__COUNT};
	struct frame frame = {.collection = collection,
						  .collection_len = name_len};
	struct frame back;
	uint8_t *bytes;
	size_t size;

	if (!event_collection(collection, name_len, &problem) ||
		!event_frame(found, 1, &frame, &problem))
	{
		if (problem.code >= REPLY_CODE__COUNT || problem.text[0] == '\0')
			__builtin_trap();
		return;
	}
	size = frame_size(&frame);
	bytes = malloc(size);
	if (bytes == NULL)
		return;
	frame_write(&frame, bytes);
	if (frame_read(bytes, size, &back) != size ||
		back.json_len != frame.json_len ||
		memcmp(back.json, frame.json, back.json_len) != 0)
		__builtin_trap();
	free(bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1); /* no longer than it is: ASan sees more */
	struct json_event found;
	struct json_batch batch;
	enum json_batch_item item = JSON_BATCH_COLLECTION;
	char name[64];
	size_t name_len = 0;

	if (text == NULL)
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	(void) json_check_event(text, len, &found);
	take(&found, "c", 1);

	json_batch_begin(&batch, text, len);
	while (item != JSON_BATCH_END && item != JSON_BATCH_BAD)
	{
		item = json_batch_next(&batch);
		if (item == JSON_BATCH_COLLECTION)
			name_len = json_check_unescape(batch.name, name, sizeof(name));
		if (item == JSON_BATCH_EVENT && name_len <= sizeof(name))
			take(&batch.event, name, name_len);
	}
	free(text);
	return 0;
}
