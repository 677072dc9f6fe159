/*
 * h_ingest.c
 *	  Takes events: one, or many.
 *
 * The answer is prepared here and sent when the events are on disk: the
 * request goes to the committer with its events, and ingest_done() ends it.
 * Before it goes its body is given back, so what waits for the disk is small.
 *
 * A batch is answered event by event.  A body that is no JSON stores nothing.
 *
 * A body that comes again, because its answer was lost, is not stored again
 * (repeats.h).  The answer is made from it as it was the first time.
 */
#include <inttypes.h>
#include <string.h>

#include "../extension/contract.h"
#include "client_library.h"
#include "clock.h"
#include "digest.h"
#include "event_in.h"
#include "json_out.h"
#include "reply.h"
#include "writer.h"

static void
refuse(struct request *req, const struct event_problem *problem)
{
	reply_errorf(req, problem->code, "%s.", problem->text);
}

/* refuse_event -- the request's only one. */
static void
refuse_event(struct request *req, const struct event_problem *problem)
{
	refuse(req, problem);
	metrics_add(request_metrics(req), METRIC_EVENTS_REJECTED, 1);
}

static void
no_memory(struct request *req)
{
	reply_unavailable(req,
					  REPLY_UNAVAILABLE,
					  METRIC_SHED_MEMORY,
					  "The server is out of memory.",
					  1000);
}

void
ingest_count_client(struct request *req)
{
	const char *keen_sdk = request_header(req, "HTTP_KEEN_SDK");
	const char *user_agent = request_header(req, "HTTP_USER_AGENT");

	metrics_add(request_metrics(req), client_library(keen_sdk, user_agent), 1);
}

/* ------------------------------------------------------------------------
 * Bodies that come again, and the answer
 */

/* What kind of body: the same bytes mean something else as another kind. */
#define KIND_EVENT 'e'
#define KIND_BATCH 'b'

/*
 * digest_body -- what a body is remembered by: its bytes, decoded, and where
 * they were sent.  NULL, so that it is not remembered, if that is off or there
 * is no memory.
 */
static const uint8_t *
digest_body(const struct request *req, const struct writer *writer, char kind,
			const char *collection, uint8_t digest[DIGEST_BYTES])
{
	struct
	{
		uint8_t body[DIGEST_BYTES];
		uint8_t project[TALLY_PROJECT_ID_BYTES];
		char kind;
		char collection[TALLY_MAX_COLLECTION_BYTES];
	} all = {.kind = kind};
	size_t len;
	const char *body = request_body(req, &len);

	if (writer->repeats == NULL || !digest_sha256(body, len, all.body))
		return NULL;
	memcpy(all.project, request_project_id(req), sizeof(all.project));
	/* Checked before, so it is no longer than that. */
	memcpy(all.collection, collection, strlen(collection));
	return digest_sha256(&all, sizeof(all), digest) ? digest : NULL;
}

/* say_repeated -- to a client that may wonder, and to those who count. */
static void
say_repeated(struct request *req)
{
	reply_header(req, "Tally-Repeated", "true");
	metrics_add(request_metrics(req), METRIC_BODIES_REPEATED, 1);
}

/* Why nothing of a request was stored. */
struct unstored
{
	enum reply_code code;
	enum metric shed;
	const char *text;
	int retry_ms;
};

static const struct unstored no_room = {
	REPLY_UNAVAILABLE,
	METRIC_SHED_DISK,
	"The disk is slower than the events that arrive. Nothing of this request "
	"was stored.",
	1000};
static const struct unstored spool_full = {
	REPLY_SPOOL_FULL,
	METRIC_SHED_SPOOL_FULL,
	"No more events can be taken until those that wait have been stored. "
	"Nothing of this request was stored.",
	5000};
static const struct unstored spool_failed = {
	REPLY_UNAVAILABLE,
	METRIC_SHED_SPOOL_FAILED,
	"The disk failed. Nothing of this request was stored.",
	30000};

/* refuse_unstored -- unless it was stored, which is NULL as "why". */
static void
refuse_unstored(struct request *req, const struct unstored *why)
{
	if (why != NULL)
		reply_unavailable(req, why->code, why->shed, why->text, why->retry_ms);
}

/* answer_repeats -- those who sent the same body while it was on its way. */
static void
answer_repeats(struct writer *writer, struct repeat *repeat,
			   const struct unstored *why)
{
	struct request *req =
		repeats_end(writer->repeats, repeat, why == NULL, clock_mono_ms());

	while (req != NULL)
	{
		struct request *next = request_next(req);

		request_set_next(req, NULL);
		refuse_unstored(req, why);
		if (why == NULL)
			say_repeated(req);
		request_finish(req);
		req = next;
	}
}

enum handled
ingest_submit(struct request *req, struct writer *writer,
			  struct commit *commit, const uint8_t *digest)
{
	const int64_t began_us = clock_mono_us();
	struct metrics *metrics = request_metrics(req);
	bool taken;

	commit->owner = req;
	request_forget_body(req);
	if (digest != NULL)
	{
		enum repeats_found found = repeats_begin(
			writer->repeats, digest, req, began_us / 1000, &commit->repeat);

		if (found != REPEATS_NEW)
			commit_free(commit);
		if (found == REPEATS_WAITS)
			return HANDLED_LATER;
		if (found == REPEATS_STORED)
		{
			say_repeated(req);
			return HANDLED_NOW;
		}
	}
	taken = committer_submit(writer->committer,
							 commit,
							 began_us / 1000 + writer->commit_wait_ms);
	metrics_observe(metrics, METRIC_QUEUE_WAIT, clock_mono_us() - began_us);
	if (taken)
		return HANDLED_LATER;
	answer_repeats(writer, commit->repeat, &no_room);
	commit_free(commit);
	refuse_unstored(req, &no_room);
	return HANDLED_NOW;
}

void
ingest_done(void *app, const struct commit *commit, enum spool_result result)
{
	struct request *req = commit->owner;
	const struct unstored *why = NULL;

	switch (result)
	{
		case SPOOL_OK:
			break;
		case SPOOL_FULL:
			why = &spool_full;
			break;
		case SPOOL_FAILED:
			why = &spool_failed;
			break;
	}
	/* Remembered before it is acknowledged: who sends it again after that
	 * finds it. */
	answer_repeats(app, commit->repeat, why);
	refuse_unstored(req, why);
	request_finish(req);
}

/* fill_project -- of all frames of the request. */
static void
fill_project(const struct request *req, struct frame *frame)
{
	*frame = (struct frame){0};
	memcpy(frame->project, request_project_id(req), TALLY_PROJECT_ID_BYTES);
}

struct commit *
ingest_commit(struct request *req, const char *name, const char *text,
			  size_t len, bool *names_itself)
{
	struct event_problem problem;
	struct json_event found;
	struct commit *commit;
	struct frame frame;
	bool full;

	fill_project(req, &frame);
	frame.collection = name;
	frame.collection_len = strlen(name);
	if (!event_collection(name, frame.collection_len, &problem))
	{
		refuse_event(req, &problem);
		return NULL;
	}
	(void) json_check_event(text, len, &found);
	if (!event_frame(&found, clock_wall_us(), &frame, &problem))
	{
		refuse_event(req, &problem);
		return NULL;
	}

	if (names_itself != NULL)
		*names_itself = event_names_itself(&found);
	commit = commit_new(frame_size(&frame));
	if (commit == NULL || !commit_add(&commit, &frame, &full))
	{
		commit_free(commit);
		no_memory(req);
		return NULL;
	}
	return commit;
}

enum handled
handle_event(struct request *req, void *app)
{
	size_t len;
	const char *body = request_body(req, &len);
	const char *name = request_arg(req, 1);
	const uint8_t *known_by = NULL;
	uint8_t digest[DIGEST_BYTES];
	struct commit *commit;
	bool names_itself;

	ingest_count_client(req);
	commit = ingest_commit(req, name, body, len, &names_itself);
	if (commit == NULL)
		return HANDLED_NOW;
	if (names_itself)
		known_by = digest_body(req, app, KIND_EVENT, name, digest);
	reply_json(req, 201, "{\"created\":true}");
	return ingest_submit(req, app, commit, known_by);
}

/* ------------------------------------------------------------------------
 * Many events
 */

/* A name up to here is answered event by event, if it is bad. */
#define NAME_BYTES 1024

/* A batch on its way from the body to the commit and the answer. */
struct bulk
{
	struct commit *commit;
	struct json_out json;
	struct frame frame;
	char collection[NAME_BYTES];
	struct event_problem collection_problem;
	bool collection_ok;
	bool name_themselves; /* all that are taken */
	int64_t received_us;
	int events;
	int rejected;
	bool full;
};

enum bulk_result
{
	BULK_OK,
	BULK_BAD, /* the batch's "event" says why */
	BULK_BAD_NAME,
	BULK_TOO_LARGE,
	BULK_NO_MEMORY,
};

/*
 * begin_collection -- take its name, which is said back to the client, even
 * when it is none that a collection may have.  False when it is absurd.
 */
static bool
begin_collection(struct bulk *bulk, const struct json_batch *batch)
{
	size_t len = json_check_unescape(batch->name,
									 bulk->collection,
									 sizeof(bulk->collection));

	if (len > sizeof(bulk->collection))
		return false;
	bulk->collection_ok =
		event_collection(bulk->collection, len, &bulk->collection_problem);
	bulk->frame.collection = bulk->collection;
	bulk->frame.collection_len = len;
	json_key_n(&bulk->json, bulk->collection, len);
	json_array(&bulk->json);
	return true;
}

static void
put_failure(struct bulk *bulk, const struct event_problem *problem)
{
	struct json_out *json = &bulk->json;

	bulk->rejected++;
	json_object(json);
	json_key(json, "success");
	json_bool(json, false);
	json_key(json, "error");
	json_object(json);
	json_key(json, "name");
	json_string(json, reply_code_name(problem->code));
	json_key(json, "description");
	json_string(json, problem->text);
	json_object_end(json);
	json_object_end(json);
}

static enum bulk_result
take_event(struct bulk *bulk, const struct json_event *found)
{
	static const char success[] = "{\"success\":true}";
	struct event_problem problem;

	if (bulk->events++ >= WRITER_MAX_BATCH_EVENTS)
		return BULK_TOO_LARGE;
	if (!bulk->collection_ok)
		put_failure(bulk, &bulk->collection_problem);
	else if (!event_frame(found, bulk->received_us, &bulk->frame, &problem))
		put_failure(bulk, &problem);
	else if (!commit_add(&bulk->commit, &bulk->frame, &bulk->full))
		return bulk->full ? BULK_TOO_LARGE : BULK_NO_MEMORY;
	else
	{
		json_raw(&bulk->json, success, sizeof(success) - 1);
		bulk->name_themselves &= event_names_itself(found);
	}
	return BULK_OK;
}

/* read_batch -- the whole body: the answer's body, and the commit. */
static enum bulk_result
read_batch(struct bulk *bulk, struct json_batch *batch)
{
	enum bulk_result result = BULK_OK;
	bool in_list = false;

	json_object(&bulk->json);
	while (result == BULK_OK)
	{
		enum json_batch_item item = json_batch_next(batch);

		if (item == JSON_BATCH_BAD)
			return BULK_BAD;
		if (item == JSON_BATCH_EVENT)
		{
			result = take_event(bulk, &batch->event);
			continue;
		}
		if (in_list)
			json_array_end(&bulk->json);
		if (item == JSON_BATCH_END)
			break;
		in_list = true;
		if (!begin_collection(bulk, batch))
			return BULK_BAD_NAME;
	}
	json_object_end(&bulk->json);
	return result;
}

static void
refuse_batch(struct request *req, enum bulk_result result,
			 const struct json_batch *batch)
{
	struct event_problem problem;
	struct frame frame;

	switch (result)
	{
		case BULK_OK:
			break;
		case BULK_BAD:
			(void) event_frame(&batch->event, 0, &frame, &problem);
			refuse(req, &problem);
			break;
		case BULK_BAD_NAME:
			(void) event_collection(batch->name.text,
									batch->name.len,
									&problem);
			refuse(req, &problem);
			break;
		case BULK_TOO_LARGE:
			reply_errorf(req,
						 REPLY_BODY_TOO_LARGE,
						 "A batch must not have more than %d events, nor be "
						 "larger than about %d bytes. Nothing of this request "
						 "was stored.",
						 WRITER_MAX_BATCH_EVENTS,
						 TALLY_MAX_BATCH_BYTES);
			break;
		case BULK_NO_MEMORY:
			no_memory(req);
			break;
	}
}

enum handled
handle_events(struct request *req, void *app)
{
	struct json_batch batch;
	struct bulk bulk = {.received_us = clock_wall_us(),
						.name_themselves = true};
	const uint8_t *known_by = NULL;
	uint8_t digest[DIGEST_BYTES];
	enum bulk_result result;
	const char *body;
	size_t len;

	ingest_count_client(req);
	body = request_body(req, &len);
	/* A frame is 60 bytes and more larger than its event: enough for events of
	 * that size and above.  What is not used of it is never touched. */
	bulk.commit = commit_new(len < SPOOL_MAX_RECORD / 2
								 ? 2 * len
								 : SPOOL_MAX_RECORD - SPOOL_RECORD_HEADER);
	if (bulk.commit == NULL)
	{
		no_memory(req);
		return HANDLED_NOW;
	}
	fill_project(req, &bulk.frame);
	reply_begin(req, 200, NULL);
	json_begin(&bulk.json, reply_body(req), false);
	json_batch_begin(&batch, body, len);

	result = read_batch(&bulk, &batch);
	/* Those before the place where a batch is broken are not rejected: it is. */
	if (result == BULK_OK)
		metrics_add(request_metrics(req),
					METRIC_EVENTS_REJECTED,
					bulk.rejected);
	if (result == BULK_OK && bulk.commit->count > 0)
	{
		if (bulk.name_themselves)
			known_by = digest_body(req, app, KIND_BATCH, "", digest);
		return ingest_submit(req, app, bulk.commit, known_by);
	}
	if (result != BULK_OK)
		refuse_batch(req, result, &batch);
	commit_free(bulk.commit);
	return HANDLED_NOW;
}
