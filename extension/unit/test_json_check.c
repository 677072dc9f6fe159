/*
 * test_json_check.c
 *	  json_check.c, json_scan.c: what is JSON for jsonb, what is an event, and
 *	  that no text, cut anywhere, is read past its end.
 */
#include "tap.h"

#include <stdlib.h>

#include "json_check.h"

/* A string literal and its length, so that a NUL may be inside. */
#define S(literal) literal, sizeof(literal) - 1

struct row
{
	const char *text;
	size_t len;
	enum json_rule rule;
};

/*
 * The tricky ones.  jsonb agrees with every row: see t/020_json_check.pl, which
 * asks it, and of which one exponent it agrees only in PostgreSQL 15.
 */
/* clang-format off */
static const struct row jsons[] = {
	/* scalars, blanks, ends */
	{S("1"), JSON_OK}, {S("\"a\""), JSON_OK}, {S("null"), JSON_OK},
	{S(" \t\r\n[ ]\n "), JSON_OK}, {S("{}"), JSON_OK},
	{S(""), JSON_UNFINISHED}, {S("  "), JSON_UNFINISHED},
	{S("\v1"), JSON_SYNTAX}, {S("\f1"), JSON_SYNTAX},
	{S("\xc2\xa0" "1"), JSON_SYNTAX}, {S("\xef\xbb\xbf" "1"), JSON_SYNTAX},
	{S("1 2"), JSON_SYNTAX}, {S("{}{}"), JSON_SYNTAX},
	{S("1\0"), JSON_SYNTAX}, {S("\0"), JSON_SYNTAX},
	{S("[1]x"), JSON_SYNTAX}, {S("// a\n1"), JSON_SYNTAX},
	{S("/* a */1"), JSON_SYNTAX}, {S("1#"), JSON_SYNTAX},
	/* words */
	{S("true"), JSON_OK}, {S("false"), JSON_OK},
	{S("True"), JSON_SYNTAX}, {S("tru"), JSON_SYNTAX},
	{S("truex"), JSON_SYNTAX}, {S("nullnull"), JSON_SYNTAX},
	{S("NaN"), JSON_SYNTAX}, {S("Infinity"), JSON_SYNTAX},
	{S("-Infinity"), JSON_SYNTAX}, {S("undefined"), JSON_SYNTAX},
	/* numbers */
	{S("0"), JSON_OK}, {S("-0"), JSON_OK}, {S("0.0"), JSON_OK},
	{S("-0.0e-0"), JSON_OK}, {S("1E+2"), JSON_OK}, {S("0e5"), JSON_OK},
	{S("18446744073709551616"), JSON_OK},
	{S("123456789012345678901234567890"), JSON_OK},
	{S("01"), JSON_SYNTAX}, {S("-01"), JSON_SYNTAX}, {S("00"), JSON_SYNTAX},
	{S("+1"), JSON_SYNTAX}, {S(".5"), JSON_SYNTAX}, {S("1."), JSON_SYNTAX},
	{S("1.e1"), JSON_SYNTAX}, {S("1e"), JSON_SYNTAX}, {S("1e+"), JSON_SYNTAX},
	{S("-"), JSON_SYNTAX}, {S("--1"), JSON_SYNTAX}, {S("0x10"), JSON_SYNTAX},
	{S("1_000"), JSON_SYNTAX}, {S("1,0"), JSON_SYNTAX},
	{S("1e309"), JSON_OK}, {S("1e131071"), JSON_OK},
	{S("1e131072"), JSON_NUMBER_RANGE}, {S("10e131071"), JSON_NUMBER_RANGE},
	{S("10e131070"), JSON_OK}, {S("0.1e131072"), JSON_OK},
	{S("0.01e131073"), JSON_OK}, {S("0.01e131074"), JSON_NUMBER_RANGE},
	{S("0e131072"), JSON_OK}, {S("0.000e1000000"), JSON_OK},
	{S("1e-16383"), JSON_OK}, {S("1e-16384"), JSON_NUMBER_RANGE},
	{S("0e-16384"), JSON_NUMBER_RANGE}, {S("1.5e-16383"), JSON_NUMBER_RANGE},
	{S("1e2000000000"), JSON_NUMBER_RANGE},
	{S("0e1073741822"), JSON_OK}, {S("0e1073741823"), JSON_NUMBER_RANGE},
	{S("1e-2000000000"), JSON_NUMBER_RANGE},
	{S("1e99999999999999999999999"), JSON_NUMBER_RANGE},
	{S("1e-99999999999999999999999"), JSON_NUMBER_RANGE},
	{S("1e00000000000000000000001"), JSON_OK},
	/* strings */
	{S("\"\""), JSON_OK}, {S("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), JSON_OK},
	{S("'a'"), JSON_SYNTAX}, {S("\"a"), JSON_UNFINISHED},
	{S("\"a\\"), JSON_UNFINISHED}, {S("\"\\\""), JSON_UNFINISHED},
	{S("\"\\x41\""), JSON_ESCAPE}, {S("\"\\'\""), JSON_ESCAPE},
	{S("\"\\U0041\""), JSON_ESCAPE}, {S("\"\\\0\""), JSON_ESCAPE},
	{S("\"\\u004\""), JSON_ESCAPE}, {S("\"\\u00g1\""), JSON_ESCAPE},
	{S("\"\\u00"), JSON_ESCAPE}, {S("\"\\u00eF\""), JSON_OK},
	{S("\"a\nb\""), JSON_CONTROL}, {S("\"a\tb\""), JSON_CONTROL},
	{S("\"\001\""), JSON_CONTROL}, {S("\"a\0b\""), JSON_CONTROL},
	{S("\"\x1f\""), JSON_CONTROL}, {S("\"\x7f\""), JSON_OK},
	{S("\"1234567\0\""), JSON_CONTROL}, {S("\"12345678\n\""), JSON_CONTROL},
	{S("\"\\u0000\""), JSON_NUL}, {S("{\"a\\u0000b\": 1}"), JSON_NUL},
	{S("\"1234567\\u0000\""), JSON_NUL}, {S("\"\\u0001\""), JSON_OK},
	{S("\"\\ud800\""), JSON_SURROGATE}, {S("\"\\udc00\""), JSON_SURROGATE},
	{S("\"\\ud800x\""), JSON_SURROGATE},
	{S("\"\\ud800\\n\""), JSON_SURROGATE},
	{S("\"\\ud800\\u0041\""), JSON_SURROGATE},
	{S("\"\\ud800\\ud800\""), JSON_SURROGATE},
	{S("\"\\udc00\\ud800\""), JSON_SURROGATE},
	{S("\"\\ud800\\udc0\""), JSON_ESCAPE},
	{S("\"\\ud83d\\ude00\""), JSON_OK}, {S("\"\\uD83D\\uDE00\""), JSON_OK},
	/* UTF-8 */
	{S("\"\xc3\xa9\""), JSON_OK}, {S("\"\xe2\x82\xac\""), JSON_OK},
	{S("\"\xf0\x9f\x98\x80\""), JSON_OK}, {S("\"\xef\xbf\xbf\""), JSON_OK},
	{S("\"\xed\x9f\xbf\""), JSON_OK}, {S("\"\xf4\x8f\xbf\xbf\""), JSON_OK},
	{S("\"\xc0\x80\""), JSON_UTF8}, {S("\"\xc1\xbf\""), JSON_UTF8},
	{S("\"\xe0\x9f\xbf\""), JSON_UTF8}, {S("\"\xf0\x8f\xbf\xbf\""), JSON_UTF8},
	{S("\"\xed\xa0\x80\""), JSON_UTF8}, {S("\"\xf4\x90\x80\x80\""), JSON_UTF8},
	{S("\"\xf5\x80\x80\x80\""), JSON_UTF8}, {S("\"\xff\xff\""), JSON_UTF8},
	{S("\"\x80\""), JSON_UTF8}, {S("\"\xc3\""), JSON_UTF8},
	{S("\"\xe2\x82\""), JSON_UTF8}, {S("\"\xe2\x82"), JSON_UTF8},
	{S("\"1234567\xc0\x80\""), JSON_UTF8},
	/* objects and lists */
	{S("{\"\": 1}"), JSON_OK}, {S("{\"a\": 1, \"a\": 2}"), JSON_OK},
	{S("{a: 1}"), JSON_SYNTAX}, {S("{1: 1}"), JSON_SYNTAX},
	{S("{\"a\" 1}"), JSON_SYNTAX}, {S("{\"a\":}"), JSON_SYNTAX},
	{S("{\"a\": 1,}"), JSON_SYNTAX}, {S("{,}"), JSON_SYNTAX},
	{S("{\"a\"}"), JSON_SYNTAX}, {S("{\"a\": 1 \"b\": 2}"), JSON_SYNTAX},
	{S("[1,]"), JSON_SYNTAX}, {S("[,1]"), JSON_SYNTAX},
	{S("[1 2]"), JSON_SYNTAX}, {S("[1}"), JSON_SYNTAX},
	{S("{\"a\": 1]"), JSON_SYNTAX}, {S("]"), JSON_SYNTAX},
	{S("["), JSON_UNFINISHED}, {S("{"), JSON_UNFINISHED},
	{S("[1"), JSON_UNFINISHED}, {S("[1,"), JSON_UNFINISHED},
	{S("{\"a\""), JSON_UNFINISHED}, {S("{\"a\":"), JSON_UNFINISHED},
	{S("{\"a\": 1"), JSON_UNFINISHED},
};

/* What may be an event; all of these are JSON for jsonb. */
static const struct row events[] = {
	{S("{}"), JSON_OK}, {S(" {\"a\": null} "), JSON_OK},
	{S("[]"), JSON_NOT_OBJECT}, {S("\"a\""), JSON_NOT_OBJECT},
	{S("null"), JSON_NOT_OBJECT}, {S("7"), JSON_NOT_OBJECT},
	{S("{\"$a\": 1}"), JSON_NAME_DOLLAR}, {S("{\"a$\": 1}"), JSON_OK},
	{S("{\"\\u0024a\": 1}"), JSON_NAME_DOLLAR},
	{S("{\"a.b\": 1}"), JSON_NAME_DOT}, {S("{\".\": 1}"), JSON_NAME_DOT},
	{S("{\"a\\u002eb\": 1}"), JSON_NAME_DOT},
	{S("{\"a\": {\"b\": {\"$c\": 1}}}"), JSON_NAME_DOLLAR},
	{S("{\"a\": {\"b.c\": 1}}"), JSON_NAME_DOT},
	{S("{\"a\": [1, \"x\", null, true, 1.5, []]}"), JSON_LIST_NESTED},
	{S("{\"a\": [{}]}"), JSON_LIST_NESTED},
	{S("{\"a\": [1, \"x\", null, true, 1.5]}"), JSON_OK},
	{S("{\"a\": []}"), JSON_OK}, {S("{\"a\": {\"b\": [1]}}"), JSON_OK},
	/* numbers that a double holds */
	{S("{\"a\": 1.7976931348623157e308}"), JSON_OK},
	{S("{\"a\": -1.7976931348623157e308}"), JSON_OK},
	{S("{\"a\": 17976931348623157e292}"), JSON_OK},
	{S("{\"a\": 0.00017976931348623157e312}"), JSON_OK},
	{S("{\"a\": 1.7976931348623159e308}"), JSON_NUMBER_DOUBLE},
	{S("{\"a\": 1.8e308}"), JSON_NUMBER_DOUBLE},
	{S("{\"a\": 1e309}"), JSON_NUMBER_DOUBLE},
	{S("{\"a\": 0e400}"), JSON_OK}, {S("{\"a\": 0.0e-400}"), JSON_OK},
	{S("{\"a\": 5e-324}"), JSON_OK}, {S("{\"a\": 4.94e-324}"), JSON_OK},
	{S("{\"a\": 2.4e-324}"), JSON_NUMBER_DOUBLE},
	{S("{\"a\": 1e-324}"), JSON_NUMBER_DOUBLE},
	{S("{\"a\": -1e-400}"), JSON_NUMBER_DOUBLE},
	{S("{\"a\": 1e131072}"), JSON_NUMBER_RANGE},
	{S("{\"a\": 9223372036854775808}"), JSON_OK},
	/* keen */
	{S("{\"keen\": {}}"), JSON_OK},
	{S("{\"keen\": null}"), JSON_KEEN_NOT_OBJECT},
	{S("{\"keen\": []}"), JSON_KEEN_NOT_OBJECT},
	{S("{\"keen\": \"timestamp\"}"), JSON_KEEN_NOT_OBJECT},
	{S("{\"keen\": {\"created_at\": \"x\", \"id\": 5}}"), JSON_OK},
	{S("{\"keen\": {\"location\": {\"coordinates\": [1, 2]}}}"), JSON_OK},
	{S("{\"keen\": {\"uniqueness_token\": \"x\"}}"), JSON_OK},
	{S("{\"keen\": {\"time\": \"x\"}}"), JSON_KEEN_UNKNOWN},
	{S("{\"keen\": {\"\": 1}}"), JSON_KEEN_UNKNOWN},
	{S("{\"k\\u0065en\": {\"time\": \"x\"}}"), JSON_KEEN_UNKNOWN},
	{S("{\"a\": {\"keen\": {\"time\": 1}}}"), JSON_OK},
	{S("{\"keen\": {\"location\": {\"time\": 1}}}"), JSON_OK},
	{S("{\"keen\": {\"timestamp\": {\"time\": 1}}}"), JSON_OK},
	{S("{\"keen\": {\"addons\": [{\"name\": \"a:b\", \"input\": "
	   "{\"ip.x\": \"$y\", \"$z\": [[1e400]]}}]}}"), JSON_OK},
	{S("{\"keen\": {\"addons\": [{\"a\": 1}]}, \"a.b\": 1}"), JSON_NAME_DOT},
	{S("{\"keen\": {\"addons\": [[]], \"location\": [[]]}}"),
	 JSON_LIST_NESTED},
	{S("{\"keen\": {\"addons\": 1e131072}}"), JSON_NUMBER_RANGE},
	/* the first rule broken is the one that is told, ... */
	{S("{\"$a\": 1, \"b.c\": 2, \"d\": \"\\u0000\"}"), JSON_NAME_DOLLAR},
	/* ... but that it is no JSON at all comes before */
	{S("{\"$a\": 1, \"b.c\": 2"), JSON_UNFINISHED},
	{S("{\"$a\": 1} x"), JSON_SYNTAX},
};
/* clang-format on */

/*
 * check_exact -- check a text that ends where its memory ends, so that the
 * sanitizer sees every read past it.
 */
static enum json_rule
check_exact(const char *text, size_t len, bool as_event,
			struct json_event *found)
{
	char *copy = malloc(len > 0 ? len : 1);
	enum json_rule rule;

	if (copy == NULL)
		abort();
	memcpy(copy, text, len);
	rule = as_event ? json_check_event(copy, len, found)
					: json_check_text(copy, len, found);
	free(copy);
	return rule;
}

static void
test_rows(const struct row *rows, size_t count, bool as_event)
{
	struct json_event found;

	for (size_t i = 0; i < count; i++)
	{
		char title[160];

		snprintf(title,
				 sizeof(title),
				 "%.120s: %s",
				 rows[i].text,
				 json_check_says(rows[i].rule));
		for (char *p = title; *p != '\0'; p++)
			if (*p < ' ' || *p == '#')
				*p = '.';
		tap_int(check_exact(rows[i].text, rows[i].len, as_event, &found),
				rows[i].rule,
				title);
	}
}

/* A text cut anywhere is never OK, and never read past its end. */
static void
test_cut(void)
{
	static const char text[] =
		"{\"keen\":{\"timestamp\":\"2024-03-01T09:30:00.000Z\"},"
		"\"a\":[1,-2.5e+10,true,false,null,\"\\ud83d\\ude00 \xe2\x82\xac\"],"
		"\"b\":{\"c\":\"long enough for eight bytes at a time\"}}";
	struct json_event found;
	size_t good = 0;

	for (size_t len = 0; len < sizeof(text) - 1; len++)
		good += check_exact(text, len, true, &found) == JSON_OK;
	tap_int((int64_t) good, 0, "no part of an event is one");
	tap_int(check_exact(text, sizeof(text) - 1, true, &found),
			JSON_OK,
			"all of it is");
}

/* Every stop byte at every place of the eight that are looked at at once. */
static void
test_every_place(void)
{
	struct json_event found;
	size_t wrong = 0;

	for (int byte = 0; byte < 256; byte++)
		for (size_t place = 1; place <= 24; place++)
		{
			char text[27] = "\"aaaaaaaaaaaaaaaaaaaaaaaa\"";
			bool plain =
				byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';

			text[place] = (char) byte;
			/* A quote in the last place but one leaves a stray one: no JSON. */
			if ((check_exact(text, 26, false, &found) == JSON_OK) != plain)
				wrong++;
		}
	tap_int((int64_t) wrong,
			0,
			"a byte that needs a look is seen at every place");
}

static void
test_depth(void)
{
	struct json_event found;
	char text[2 * JSON_MAX_WALK_DEPTH + 16];
	int depths[] = {TALLY_MAX_JSON_DEPTH,
					TALLY_MAX_JSON_DEPTH + 1,
					JSON_MAX_WALK_DEPTH,
					JSON_MAX_WALK_DEPTH + 1};
	enum json_rule rules[] = {JSON_OK,
							  JSON_TOO_DEEP,
							  JSON_TOO_DEEP,
							  JSON_BOTTOMLESS};

	for (size_t i = 0; i < 4; i++)
	{
		size_t n = (size_t) depths[i];
		char title[64];

		memset(text, '[', n);
		memset(text + n, ']', n);
		snprintf(title, sizeof(title), "%zu lists in each other", n);
		tap_int(check_exact(text, 2 * n, false, &found), rules[i], title);
	}

	/* Objects and lists in turn: each closes with its own bracket. */
	memset(text, 0, sizeof(text));
	for (int i = 0; i < 30; i++)
		strcat(text, "{\"a\":[");
	for (int i = 0; i < 30; i++)
		strcat(text, "]}");
	tap_int(check_exact(text, strlen(text), false, &found),
			JSON_OK,
			"objects and lists in turn");
	memcpy(text + strlen(text) - 2, "}]", 2);
	tap_int(check_exact(text, strlen(text), false, &found),
			JSON_SYNTAX,
			"closed in the wrong order");
}

/* text_of_size -- {"NAME": "VALUE"} of such lengths, in "text". */
static size_t
text_of_size(char *text, size_t name, size_t value, const char *unit)
{
	size_t n = 0;

	text[n++] = '{';
	text[n++] = '"';
	for (size_t i = 0; i < name; i++)
		n += (size_t) sprintf(text + n, "%s", unit);
	memcpy(text + n, "\":\"", 3);
	n += 3;
	for (size_t i = 0; i < value; i++)
		n += (size_t) sprintf(text + n, "%s", unit);
	text[n++] = '"';
	text[n++] = '}';
	return n;
}

static void
test_lengths(void)
{
	static char text[6 * TALLY_MAX_STRING_BYTES + 100];
	const char *units[] = {"n", "\\u006e"};

	for (int i = 0; i < 2; i++)
	{
		struct json_event found;
		const char *unit = units[i];
		size_t len;

		len = text_of_size(text, TALLY_MAX_PROPERTY_NAME_BYTES, 1, unit);
		tap_int(check_exact(text, len, true, &found),
				JSON_OK,
				"the longest name");
		len = text_of_size(text, TALLY_MAX_PROPERTY_NAME_BYTES + 1, 1, unit);
		tap_int(check_exact(text, len, true, &found),
				JSON_NAME_LONG,
				"a name too long");
		len = text_of_size(text, 1, TALLY_MAX_STRING_BYTES - 1, unit);
		tap_int(check_exact(text, len, true, &found),
				JSON_OK,
				"the longest string");
		len = text_of_size(text, 1, TALLY_MAX_STRING_BYTES, unit);
		tap_int(check_exact(text, len, true, &found),
				JSON_STRING_LONG,
				"a string too long");
		tap_int(check_exact(text, len, false, &found),
				JSON_OK,
				"which is JSON all the same");
	}
}

/* What a check of "text" says of keen.timestamp, as KIND:VALUE. */
static const char *
timestamp_of(const char *text)
{
	static const char *const kinds[] = {"absent", "plain", "escaped", "other"};
	static char out[200];
	struct json_event found;

	json_check_event(text, strlen(text), &found);
	snprintf(out,
			 sizeof(out),
			 "%s:%.*s",
			 kinds[found.timestamp.kind],
			 (int) found.timestamp.value.len,
			 found.timestamp.kind == JSON_ABSENT ? ""
												 : found.timestamp.value.text);
	return out;
}

static void
test_members(void)
{
	static const char *const rows[][2] = {
		{"{}", "absent:"},
		{"{\"keen\":{\"timestamp\":\"x\"}}", "plain:x"},
		{"{\"keen\" : { \"id\" : 1 , \"timestamp\" : \"x\" } }", "plain:x"},
		{"{\"keen\":{\"timestamp\":\"\"}}", "plain:"},
		{"{\"keen\":{\"timestamp\":\"\\u0078\"}}", "escaped:\\u0078"},
		{"{\"keen\":{\"timestamp\":7 }}", "other:7"},
		{"{\"keen\":{\"timestamp\":null}}", "other:null"},
		{"{\"keen\":{\"timestamp\":[\"\\n\"] }}", "other:[\"\\n\"]"},
		{"{\"keen\":{\"timestamp\":{\"timestamp\":\"y\"}}}",
		 "other:{\"timestamp\":\"y\"}"},
		{"{\"keen\":{\"timestamp\":{}}}", "other:{}"},
		/* an escape elsewhere is not its own */
		{"{\"keen\":{\"id\":\"\\n\",\"timestamp\":\"x\"}}", "plain:x"},
		{"{\"keen\":{\"timestamp\":\"x\",\"id\":\"\\n\"}}", "plain:x"},
		/* names are compared after their escapes */
		{"{\"k\\u0065en\":{\"t\\u0069mestamp\":\"x\"}}", "plain:x"},
		{"{\"keen\":{\"timestamp\\u0000\":\"x\"}}", "absent:"},
		/* the last of two counts */
		{"{\"keen\":{\"timestamp\":\"x\",\"timestamp\":\"y\"}}", "plain:y"},
		{"{\"keen\":{\"timestamp\":\"x\"},\"keen\":{}}", "absent:"},
		{"{\"keen\":{\"timestamp\":\"x\"},\"keen\":{\"timestamp\":\"y\"}}",
		 "plain:y"},
		/* only where it belongs */
		{"{\"timestamp\":\"x\"}", "absent:"},
		{"{\"a\":{\"timestamp\":\"x\"}}", "absent:"},
		{"{\"a\":{\"keen\":{\"timestamp\":\"x\"}}}", "absent:"},
		{"{\"keen\":{\"location\":{\"timestamp\":\"x\"}}}", "absent:"},
		{"{\"keen\":{\"timestamp\":\"x\"},\"a\":{\"timestamp\":\"y\"}}",
		 "plain:x"},
		{"{\"keens\":{\"timestamp\":\"x\"}}", "absent:"},
	};
	struct json_event found;
	const char *text;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		tap_str(timestamp_of(rows[i][0]), rows[i][1], rows[i][0]);

	text = "{\"keen\":{\"uniqueness_token\":\"ab\",\"timestamp\":1}}";
	json_check_event(text, strlen(text), &found);
	tap_ok(found.token.kind == JSON_PLAIN && found.token.value.len == 2 &&
			   memcmp(found.token.value.text, "ab", 2) == 0,
		   "the uniqueness token is found beside it");
}

static void
test_error_place(void)
{
	struct json_event found;
	const char *text = "{\"ok\": 1, \"deep\": {\"$bad\": 2}, \"c.d\": 1}";

	json_check_event(text, strlen(text), &found);
	tap_int((int64_t) found.at, 20, "the place of what broke the rule");
	tap_ok(found.name.len == 4 && memcmp(found.name.text, "$bad", 4) == 0,
		   "and the name of the property");

	text = "{\"ok\": 1, \"list\": [1, [2]], \"c\": 1}";
	json_check_event(text, strlen(text), &found);
	tap_ok(found.name.len == 4 && memcmp(found.name.text, "list", 4) == 0,
		   "the list that holds a list is named");

	text = "{\"ok\": 1, \"no\" 2}";
	json_check_event(text, strlen(text), &found);
	tap_int((int64_t) found.at, 15, "the place where it stops being JSON");
}

static void
test_unescape(void)
{
	struct json_span in = {S("a\\n\\u20ac\\ud83d\\ude00\\/\\ud800x\\u0041")};
	static const char out[] = "a\n\xe2\x82\xac\xf0\x9f\x98\x80/\xef\xbf\xbdxA";
	char got[64];
	size_t len = sizeof(out) - 1;

	tap_int((int64_t) json_check_unescape(in, got, sizeof(got)),
			(int64_t) len,
			"the length without escapes");
	tap_mem(got, out, len, "and the bytes");
	memset(got, '-', sizeof(got));
	tap_int((int64_t) json_check_unescape(in, got, 3),
			(int64_t) len,
			"the length is told even without room for it");
	tap_ok(memcmp(got, out, 3) == 0 && got[3] == '-',
		   "and no more is written than there is room for");
}

/* Random bytes of the kind that JSON is made of: no read outside. */
static void
test_noise(void)
{
	static const char alphabet[] = "{}[]\",:\\u0dD8e-+.1tfn \n\xc3\xa9$";
	unsigned state = 20240301;
	struct json_event found;
	size_t lies = 0;

	for (int round = 0; round < 200000; round++)
	{
		char text[48];
		size_t len;

		state = state * 1664525u + 1013904223u;
		len = (state >> 16) % sizeof(text);
		for (size_t i = 0; i < len; i++)
		{
			state = state * 1664525u + 1013904223u;
			text[i] = alphabet[(state >> 16) % (sizeof(alphabet) - 1)];
		}
		/* Whatever may be an event is JSON, too. */
		if (check_exact(text, len, true, &found) == JSON_OK &&
			check_exact(text, len, false, &found) != JSON_OK)
			lies++;
	}
	tap_int((int64_t) lies, 0, "every event among random texts is JSON");
}

int
main(void)
{
	test_rows(jsons, sizeof(jsons) / sizeof(jsons[0]), false);
	test_rows(events, sizeof(events) / sizeof(events[0]), true);
	test_cut();
	test_every_place();
	test_depth();
	test_lengths();
	test_members();
	test_error_place();
	test_unescape();
	test_noise();
	return tap_done();
}
