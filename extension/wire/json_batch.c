/*
 * json_batch.c
 *	  A walk over a batch of events: {"collection": [event, ...], ...}.
 *
 * Written as a walk and not as a parser: the caller handles one event at a
 * time, and no list of them is ever held.
 */
#include "json_check.h"

#include <string.h>

#include "json_scan.h"

void
json_batch_begin(struct json_batch *batch, const char *text, size_t len)
{
	memset(batch, 0, sizeof(*batch));
	batch->start = text;
	batch->next = text;
	batch->end = text + len;
	batch->state = JSON_BATCH_AT_START;
}

/* batch_stops -- end the walk, saying what was found. */
static enum json_batch_item
batch_stops(struct json_batch *b, const struct json_scan *s)
{
	b->next = s->p;
	b->state = JSON_BATCH_DONE;
	return b->event.rule == JSON_OK ? JSON_BATCH_END : JSON_BATCH_BAD;
}

/*
 * batch_expects -- pass the byte "c", after blanks, or say what is wrong.
 *
 * "shape" is what it is when there is another byte: in some places any other
 * is a syntax error, in others it is JSON, but not of a batch.
 */
static bool
batch_expects(struct json_scan *s, char c, enum json_rule shape)
{
	json_scan_blanks(s);
	if (s->p == s->end)
		return json_scan_not_json(s, JSON_UNFINISHED, s->p);
	if (*s->p != c)
		return json_scan_not_json(s, shape, s->p);
	s->p++;
	return true;
}

/* batch_name -- pass "name": [ and give the name out. */
static enum json_batch_item
batch_name(struct json_batch *b, struct json_scan *s)
{
	if (!batch_expects(s, '"', JSON_SYNTAX) ||
		!json_scan_string(s, &b->name, &b->name_has_escape))
		return batch_stops(b, s);

	/* What is wrong with a name concerns its events, not the batch. */
	b->name_rule = b->event.rule;
	b->event.rule = JSON_OK;
	if (!batch_expects(s, ':', JSON_SYNTAX) ||
		!batch_expects(s, '[', JSON_BATCH_SHAPE))
		return batch_stops(b, s);
	b->next = s->p;
	b->state = JSON_BATCH_AT_FIRST_EVENT;
	return JSON_BATCH_COLLECTION;
}

static enum json_batch_item
batch_event(struct json_batch *b, struct json_scan *s)
{
	if (!json_scan_event(s))
		return batch_stops(b, s);
	b->next = s->p;
	b->state = JSON_BATCH_AFTER_EVENT;
	return JSON_BATCH_EVENT;
}

/* batch_closes -- pass "c" if it is next; it ends a list or the batch. */
static bool
batch_closes(struct json_scan *s, char c)
{
	json_scan_blanks(s);
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

/* batch_ends -- the batch's brace was closed: nothing may follow. */
static enum json_batch_item
batch_ends(struct json_batch *b, struct json_scan *s)
{
	json_scan_blanks(s);
	if (s->p < s->end)
		json_scan_not_json(s, JSON_SYNTAX, s->p);
	return batch_stops(b, s);
}

enum json_batch_item
json_batch_next(struct json_batch *b)
{
	struct json_scan s = {b->start, b->next, b->end, false, &b->event};

	if (b->state == JSON_BATCH_DONE)
		return batch_stops(b, &s);
	memset(&b->event, 0, sizeof(b->event));

	if (b->state == JSON_BATCH_AT_START)
	{
		if (!batch_expects(&s, '{', JSON_BATCH_SHAPE))
			return batch_stops(b, &s);
		b->state = JSON_BATCH_AT_FIRST_NAME;
	}

	if (b->state == JSON_BATCH_AT_FIRST_EVENT ||
		b->state == JSON_BATCH_AFTER_EVENT)
	{
		if (!batch_closes(&s, ']'))
		{
			if (b->state == JSON_BATCH_AFTER_EVENT &&
				!batch_expects(&s, ',', JSON_SYNTAX))
				return batch_stops(b, &s);
			return batch_event(b, &s);
		}
		b->state = JSON_BATCH_AFTER_LIST;
	}

	if (batch_closes(&s, '}'))
		return batch_ends(b, &s);
	if (b->state == JSON_BATCH_AFTER_LIST &&
		!batch_expects(&s, ',', JSON_SYNTAX))
		return batch_stops(b, &s);
	return batch_name(b, &s);
}
