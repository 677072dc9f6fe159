/*
 * test_json_batch.c
 *	  json_batch.c: the collections and events of a batch one after the other,
 *	  and where it is none.
 */
#include "tap.h"

#include <stdlib.h>

#include "json_check.h"

/* walk_of -- what a walk over a batch yields, in a line. */
static const char *
walk_of(const char *text)
{
	static char out[400];
	char *copy = malloc(strlen(text) + 1);
	struct json_batch batch;
	enum json_batch_item item;
	size_t n = 0;

	if (copy == NULL)
		abort();
	memcpy(copy, text, strlen(text));
	json_batch_begin(&batch, copy, strlen(text));
	do
	{
		struct json_span span;

		item = json_batch_next(&batch);
		span = item == JSON_BATCH_COLLECTION ? batch.name : batch.event.text;
		if (item == JSON_BATCH_COLLECTION)
			n += (size_t) snprintf(out + n,
								   sizeof(out) - n,
								   "%.*s%s: ",
								   (int) span.len,
								   span.text,
								   batch.name_rule == JSON_OK ? "" : "!");
		else if (item == JSON_BATCH_EVENT)
			n += (size_t) snprintf(out + n,
								   sizeof(out) - n,
								   "%.*s%s ",
								   (int) span.len,
								   span.text,
								   batch.event.rule == JSON_OK ? "" : "!");
		else if (item == JSON_BATCH_BAD)
			snprintf(out + n,
					 sizeof(out) - n,
					 "bad %s at %zu",
					 json_check_says(batch.event.rule),
					 batch.event.at);
		else
			snprintf(out + n, sizeof(out) - n, "end");
	} while (item != JSON_BATCH_END && item != JSON_BATCH_BAD);

	if (json_batch_next(&batch) != item)
		strcpy(out, "went on after its end");
	free(copy);
	return out;
}

static void
test_batch(void)
{
	static const char *const rows[][2] = {
		{"{}", "end"},
		{" { } ", "end"},
		{"{\"a\":[]}", "a: end"},
		{"{\"a\":[{}]}", "a: {} end"},
		{"{ \"a\" : [ {\"x\":1} , {\"y\":[2]} ] , \"b\":[] } ",
		 "a: {\"x\":1} {\"y\":[2]} b: end"},
		{"{\"a\":[{}],\"a\":[{}]}", "a: {} a: {} end"},
		{"{\"a\":[{\"$x\":1},7,{\"k\":\"\\u0000\"},{}]}",
		 "a: {\"$x\":1}! 7! {\"k\":\"\\u0000\"}! {} end"},
		{"{\"a\\u0000\":[{}]}", "a\\u0000!: {} end"},
		{"[]", "bad a batch must be an object of lists of events at 0"},
		{"7", "bad a batch must be an object of lists of events at 0"},
		{"{\"a\":{}}",
		 "bad a batch must be an object of lists of events at 5"},
		{"{\"a\":[{}],\"b\":1}",
		 "a: {} bad a batch must be an object of lists of events at 14"},
		{"", "bad the JSON ends too early at 0"},
		{"{", "bad the JSON ends too early at 1"},
		{"{\"a\"", "bad the JSON ends too early at 4"},
		{"{\"a\":[", "a: bad the JSON ends too early at 6"},
		{"{\"a\":[{}", "a: {} bad the JSON ends too early at 8"},
		{"{\"a\":[{}]", "a: {} bad the JSON ends too early at 9"},
		{"{\"a\":[{}],", "a: {} bad the JSON ends too early at 10"},
		{"{\"a\":[{},]}", "a: {} bad the text is not JSON at 9"},
		{"{\"a\":[,{}]}", "a: bad the text is not JSON at 6"},
		{"{\"a\":[{} {}]}", "a: {} bad the text is not JSON at 9"},
		{"{\"a\":[],}", "a: bad the text is not JSON at 8"},
		{"{,\"a\":[]}", "bad the text is not JSON at 1"},
		{"{\"a\":[] \"b\":[]}", "a: bad the text is not JSON at 8"},
		{"{a:[]}", "bad the text is not JSON at 1"},
		{"{\"a\":[{}]} x", "a: {} bad the text is not JSON at 11"},
		{"{\"a\":[{\"x\":}]}", "a: bad the text is not JSON at 11"},
		{"{\"a\":[{}}", "a: {} bad the text is not JSON at 8"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		tap_str(walk_of(rows[i][0]), rows[i][1], rows[i][0]);
}

/* A batch at the limit of depth holds events of the full depth. */
static void
test_batch_depth(void)
{
	char text[6 * TALLY_MAX_JSON_DEPTH + 32] = "{\"a\":[";
	size_t n = strlen(text);
	struct json_batch batch;

	for (int i = 0; i < TALLY_MAX_JSON_DEPTH; i++, n += 5)
		memcpy(text + n, "{\"a\":", 5);
	text[n++] = '1';
	for (int i = 0; i < TALLY_MAX_JSON_DEPTH; i++)
		text[n++] = '}';
	memcpy(text + n, "]}", 2);
	n += 2;

	json_batch_begin(&batch, text, n);
	json_batch_next(&batch);
	tap_int(json_batch_next(&batch), JSON_BATCH_EVENT, "a deep event");
	tap_int(batch.event.rule, JSON_OK, "is measured from its own start");
	tap_int(json_batch_next(&batch), JSON_BATCH_END, "and the batch ends");
}

int
main(void)
{
	test_batch();
	test_batch_depth();
	return tap_done();
}
