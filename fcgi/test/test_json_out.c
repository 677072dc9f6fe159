/*
 * test_json_out.c
 *	  The writer of JSON: what it writes, and what it refuses.
 */
#include "json_out.h"
#include "tap.h"

static struct buf buf;
static struct json_out json;

static void
begin(bool pretty)
{
	buf_reset(&buf);
	json_begin(&json, &buf, pretty);
}

static void
is(const char *want, const char *title)
{
	tap_ok(json_done(&json), title);
	buf_char(&buf, '\0');
	tap_str(buf.data, want, title);
}

static void
sample(void)
{
	json_object(&json);
	json_key(&json, "a");
	json_int(&json, -1);
	json_key(&json, "b");
	json_array(&json);
	json_bool(&json, true);
	json_null(&json);
	json_object(&json);
	json_object_end(&json);
	json_array_end(&json);
	json_key(&json, "c");
	json_raw(&json, "[1]", 3);
	json_object_end(&json);
}

static void
test_writes(void)
{
	static const char escaped[] = "q\" b\\ \b\f\n\r\t \x01 \0 \x7f /";

	begin(false);
	sample();
	is("{\"a\":-1,\"b\":[true,null,{}],\"c\":[1]}", "compact");
	begin(true);
	sample();
	is("{\n  \"a\": -1,\n  \"b\": [\n    true,\n    null,\n    {}\n  ],\n"
	   "  \"c\": [1]\n}",
	   "indented");
	begin(false);
	json_string_n(&json, escaped, sizeof(escaped) - 1);
	is("\"q\\\" b\\\\ \\b\\f\\n\\r\\t \\u0001 \\u0000 \x7f /\"", "escapes");
	begin(false);
	json_string(&json, "\xc3\xbc \xf0\x9f\x98\x80 \xed\x9f\xbf");
	is("\"\xc3\xbc \xf0\x9f\x98\x80 \xed\x9f\xbf\"", "UTF-8 as it is");
	begin(false);
	json_string(&json,
				"\xff|\xc3|\xc0\x80|\xed\xa0\x80|\xf4\x90\x80\x80|\xe2\x82");
	is("\"\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd|"
	   "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|"
	   "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|"
	   "\xef\xbf\xbd\xef\xbf\xbd\"",
	   "what is no UTF-8 becomes U+FFFD");
}

static void
refused(const char *title)
{
	tap_ok(!json_done(&json), title);
}

static void
test_refuses(void)
{
	int i;

	begin(false);
	refused("no document");
	begin(false);
	json_object(&json);
	refused("an object without its end");
	json_int(&json, 1);
	refused("a value without its key");
	begin(false);
	json_array(&json);
	json_key(&json, "a");
	refused("a key in an array");
	begin(false);
	json_object(&json);
	json_key(&json, "a");
	json_object_end(&json);
	refused("a key without its value");
	begin(false);
	json_object(&json);
	json_key(&json, "a");
	json_key(&json, "b");
	refused("two keys");
	begin(false);
	json_array(&json);
	json_object_end(&json);
	refused("an end that does not fit");
	begin(false);
	json_array_end(&json);
	refused("an end of nothing");
	begin(false);
	json_int(&json, 1);
	json_int(&json, 2);
	refused("two documents");
	begin(false);
	for (i = 0; i <= JSON_MAX_DEPTH; i++)
		json_array(&json);
	for (i = 0; i <= JSON_MAX_DEPTH; i++)
		json_array_end(&json);
	refused("too deep");

	buf_free(&buf);
	buf_init(&buf, 5);
	begin(false);
	json_string(&json, "too long");
	refused("a buffer that was too small");
}

int
main(void)
{
	buf_init(&buf, 10000);
	test_writes();
	test_refuses();
	buf_free(&buf);
	return tap_done();
}
