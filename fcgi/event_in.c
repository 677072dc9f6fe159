/*
 * event_in.c
 *	  From an event as a client sent it to a frame, or to what is wrong.
 *
 * The names of the errors are Keen's.  Its Java and iOS clients send an event
 * again and again unless the name is one of InvalidCollectionNameError,
 * InvalidPropertyNameError and InvalidPropertyValueError: so what is wrong
 * with a value for good is the last of these, whatever it is.
 */
#include "event_in.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "../extension/wire/instant.h"
#include "digest.h"

/* So much of what a client sent is said back to it. */
#define ECHO_BYTES 64

/* The longest instant that there is: with an offset and nanoseconds. */
#define INSTANT_BYTES 64

static enum reply_code
code_of(enum json_rule rule)
{
	switch (rule)
	{
		case JSON_OK:
		case JSON_UNFINISHED:
		case JSON_SYNTAX:
		case JSON_CONTROL:
		case JSON_ESCAPE:
		case JSON_UTF8:
		case JSON_BOTTOMLESS:
			return REPLY_INVALID_JSON;
		case JSON_BATCH_SHAPE:
			return REPLY_INVALID_BATCH;
		case JSON_NOT_OBJECT:
			return REPLY_INVALID_EVENT;
		case JSON_NAME_LONG:
		case JSON_NAME_DOT:
		case JSON_NAME_DOLLAR:
			return REPLY_PROPERTY_NAME;
		case JSON_LIST_NESTED:
			return REPLY_LISTS_OF_LISTS;
		case JSON_KEEN_NOT_OBJECT:
		case JSON_KEEN_UNKNOWN:
			return REPLY_KEEN_PROPERTY;
		case JSON_TOO_DEEP:
		case JSON_NUL:
		case JSON_SURROGATE:
		case JSON_NUMBER_RANGE:
		case JSON_NUMBER_DOUBLE:
		case JSON_STRING_LONG:
		case JSON_RULE__COUNT:
			break;
	}
	return REPLY_PROPERTY_VALUE;
}

/* echo -- the beginning of what was sent, not cut inside a character. */
static void
echo(struct json_span span, bool as_written, char out[ECHO_BYTES + 4])
{
	size_t len = span.len;

	if (as_written)
		memcpy(out, span.text, len < ECHO_BYTES ? len : ECHO_BYTES);
	else
		len = json_check_unescape(span, out, ECHO_BYTES);
	if (len <= ECHO_BYTES)
	{
		out[len] = '\0';
		return;
	}
	len = ECHO_BYTES;
	while (len > 0 && ((unsigned char) out[len - 1] & 0xC0) == 0x80)
		len--;
	if (len > 0 && (unsigned char) out[len - 1] >= 0xC0)
		len--;
	memcpy(out + len, "...", 4);
}

/* problem_of -- what a broken rule is called, in one sentence. */
static void
problem_of(const struct json_event *found, struct event_problem *problem)
{
	char name[ECHO_BYTES + 4];

	problem->code = code_of(found->rule);
	if (!json_check_is_json(found->rule))
		(void) snprintf(problem->text,
						sizeof(problem->text),
						"%s (at byte %zu)",
						json_check_says(found->rule),
						found->at);
	else if (found->name.text != NULL)
	{
		echo(found->name, false, name);
		(void) snprintf(problem->text,
						sizeof(problem->text),
						"%s: %s",
						json_check_says(found->rule),
						name);
	}
	else
		(void) snprintf(problem->text,
						sizeof(problem->text),
						"%s",
						json_check_says(found->rule));
	problem->text[0] = (char) toupper((unsigned char) problem->text[0]);
}

static bool
value_problem(struct event_problem *problem, const char *what,
			  const struct json_member *member)
{
	char value[ECHO_BYTES + 4];

	echo(member->value, member->kind == JSON_OTHER, value);
	problem->code = REPLY_PROPERTY_VALUE;
	(void) snprintf(
		problem->text, sizeof(problem->text), "%s, not %s", what, value);
	return false;
}

/* read_timestamp -- an instant without an offset is UTC. */
static bool
read_timestamp(const struct json_member *member, int64_t *at_us,
			   struct event_problem *problem)
{
	char resolved[INSTANT_BYTES];
	const char *text = member->value.text;
	size_t len = member->value.len;

	if (member->kind == JSON_ABSENT)
		return true;
	if (member->kind == JSON_ESCAPED)
	{
		len = json_check_unescape(member->value, resolved, sizeof(resolved));
		text = resolved;
	}
	if (member->kind == JSON_OTHER || len > INSTANT_BYTES ||
		instant_parse(text, len, at_us, NULL) == INSTANT_BAD)
		return value_problem(problem,
							 "keen.timestamp must be an ISO 8601 instant such "
							 "as \"2024-03-01T09:30:00.000Z\"",
							 member);
	return true;
}

/* read_token -- the event's id is half of the hash of the client's token. */
static bool
read_token(const struct json_member *member, struct frame *frame,
		   struct event_problem *problem)
{
	char resolved[TALLY_MAX_STRING_BYTES];
	uint8_t hash[DIGEST_BYTES];
	const char *text = member->value.text;
	size_t len = member->value.len;

	frame->has_id = member->kind != JSON_ABSENT;
	if (!frame->has_id)
		return true;
	if (member->kind == JSON_OTHER || len == 0)
		return value_problem(problem,
							 "keen.uniqueness_token must be a string that is "
							 "not empty",
							 member);
	if (member->kind == JSON_ESCAPED)
	{
		len = json_check_unescape(member->value, resolved, sizeof(resolved));
		text = resolved;
	}
	if (!digest_sha256(text, len, hash))
	{
		problem->code = REPLY_UNAVAILABLE;
		(void) snprintf(problem->text,
						sizeof(problem->text),
						"The server is out of memory");
		return false;
	}
	memcpy(frame->id, hash, FRAME_ID_BYTES);
	return true;
}

bool
event_frame(const struct json_event *found, int64_t received_us,
			struct frame *frame, struct event_problem *problem)
{
	if (found->rule != JSON_OK)
	{
		problem_of(found, problem);
		return false;
	}
	if (found->text.len > TALLY_MAX_EVENT_BYTES)
	{
		problem->code = REPLY_PROPERTY_VALUE;
		(void) snprintf(problem->text,
						sizeof(problem->text),
						"An event must not have more than %d bytes, this one "
						"has %zu",
						TALLY_MAX_EVENT_BYTES,
						found->text.len);
		return false;
	}
	frame->received_us = received_us;
	frame->at_us = received_us;
	frame->json = found->text.text;
	frame->json_len = found->text.len;
	return read_timestamp(&found->timestamp, &frame->at_us, problem) &&
		   read_token(&found->token, frame, problem);
}

bool
event_names_itself(const struct json_event *found)
{
	return found->timestamp.kind != JSON_ABSENT ||
		   found->token.kind != JSON_ABSENT;
}

bool
event_collection(const char *name, size_t len, struct event_problem *problem)
{
	const struct json_span span = {name, len};
	char shown[ECHO_BYTES + 4];

	if (frame_collection_ok(name, len))
		return true;
	echo(span, true, shown);
	problem->code = REPLY_COLLECTION_NAME;
	(void) snprintf(problem->text,
					sizeof(problem->text),
					"A collection name must have 1 to %d printable ASCII "
					"characters, no $, no _ at its start and no dot at either "
					"end: %s",
					TALLY_MAX_COLLECTION_BYTES,
					shown);
	return false;
}
