/*
 * json_check.c
 *	  Is this text JSON that PostgreSQL's jsonb takes, and may it be an event?
 *
 * One pass over the bytes.  What is open around the current place is a stack
 * of bits, one a level: 1 an object, 0 a list.  json_scan.c reads the pieces;
 * here is how they fit together, and what an event may be.
 *
 * Names are compared after their escapes are resolved, because jsonb does so:
 * "k\u0065en" is "keen".
 *
 * unit/test_json_check.c has the table of tricky texts, and
 * t/020_json_check.pl compares with a live server.
 */
#include "json_check.h"

#include <stdint.h>
#include <string.h>

#include "json_scan.h"

#define LEVELS_A_WORD 64

/* Which member of "keen" is being read. */
enum keen_member
{
	KEEN_NONE,
	KEEN_OTHER, /* known, and of no interest here */
	KEEN_TIMESTAMP,
	KEEN_TOKEN,
	KEEN_ADDONS,
};

struct walk
{
	struct json_scan s;
	int depth;
	bool as_event;	/* the rules of events apply */
	bool rules_now; /* and they apply here, too: not inside keen.addons */
	bool in_keen;	/* below a top-level "keen" */
	enum keen_member member;
	const char *member_start;
	bool member_escaped;
	uint64_t is_object[JSON_MAX_WALK_DEPTH / LEVELS_A_WORD];
};

/* The value of a macro as part of a text. */
#define TEXT_OF(macro) TEXT_OF_IT(macro)
#define TEXT_OF_IT(value) #value

static const char *const sayings[JSON_RULE__COUNT] = {
	[JSON_OK] = "nothing is wrong",
	[JSON_UNFINISHED] = "the JSON ends too early",
	[JSON_SYNTAX] = "the text is not JSON",
	[JSON_CONTROL] = "a control character in a string must be escaped",
	[JSON_ESCAPE] = "a string has an unknown escape",
	[JSON_UTF8] = "the text is not valid UTF-8",
	[JSON_BOTTOMLESS] = "the JSON is nested more than " TEXT_OF(
		JSON_MAX_WALK_DEPTH) " levels deep",
	[JSON_BATCH_SHAPE] = "a batch must be an object of lists of events",
	[JSON_TOO_DEEP] = "the JSON is nested more than " TEXT_OF(
		TALLY_MAX_JSON_DEPTH) " levels deep",
	[JSON_NUL] = "a string must not contain \\u0000",
	[JSON_SURROGATE] = "a \\u escape is half of a surrogate pair",
	[JSON_NUMBER_RANGE] = "a number is outside of what a double can hold",
	[JSON_NOT_OBJECT] = "an event must be a JSON object",
	[JSON_NAME_LONG] = "a property name must not have more than " TEXT_OF(
		TALLY_MAX_PROPERTY_NAME_BYTES) " bytes",
	[JSON_NAME_DOT] = "a property name may not contain a dot",
	[JSON_NAME_DOLLAR] = "a property name may not begin with a dollar sign",
	[JSON_STRING_LONG] = "a string value must have fewer than " TEXT_OF(
		TALLY_MAX_STRING_BYTES) " bytes",
	[JSON_NUMBER_DOUBLE] = "a number is outside of what a double can hold",
	[JSON_LIST_NESTED] =
		"a list may hold only strings, numbers, booleans and nulls",
	[JSON_KEEN_NOT_OBJECT] =
		"the property keen is reserved and must be an object",
	[JSON_KEEN_UNKNOWN] =
		("the reserved property keen may hold only timestamp, created_at, id, "
		 "location, addons and uniqueness_token"),
};

bool
json_check_is_json(enum json_rule rule)
{
	return rule == JSON_OK || rule >= JSON_TOO_DEEP;
}

const char *
json_check_says(enum json_rule rule)
{
	return rule >= 0 && rule < JSON_RULE__COUNT ? sayings[rule] : "unknown";
}

static inline bool
top_is_object(const struct walk *w)
{
	unsigned level = (unsigned) w->depth - 1;

	return (w->is_object[level / LEVELS_A_WORD] >> (level % LEVELS_A_WORD)) &
		   1;
}

static bool
push(struct walk *w, bool object)
{
	unsigned level = (unsigned) w->depth;
	uint64_t bit = (uint64_t) 1 << (level % LEVELS_A_WORD);

	if (w->depth >= JSON_MAX_WALK_DEPTH)
		return json_scan_not_json(&w->s, JSON_BOTTOMLESS, w->s.p);
	if (level % LEVELS_A_WORD == 0)
		w->is_object[level / LEVELS_A_WORD] = 0;
	if (object)
		w->is_object[level / LEVELS_A_WORD] |= bit;
	else
		w->is_object[level / LEVELS_A_WORD] &= ~bit;
	w->depth++;
	if (w->depth > TALLY_MAX_JSON_DEPTH)
		json_scan_broke(&w->s, JSON_TOO_DEEP, w->s.p);
	return true;
}

static bool
name_is(const char *name, size_t len, const char *wanted)
{
	return len == strlen(wanted) && memcmp(name, wanted, len) == 0;
}

static enum keen_member
keen_member(const char *name, size_t len)
{
	if (name_is(name, len, "timestamp"))
		return KEEN_TIMESTAMP;
	if (name_is(name, len, "uniqueness_token"))
		return KEEN_TOKEN;
	if (name_is(name, len, "addons"))
		return KEEN_ADDONS;
	if (name_is(name, len, "created_at") || name_is(name, len, "id") ||
		name_is(name, len, "location"))
		return KEEN_OTHER;
	return KEEN_NONE;
}

static void
set_rules(struct walk *w, bool apply)
{
	w->rules_now = apply;
	w->s.as_double = apply;
}

/*
 * note_name -- the name of a property was read: what follows from it.
 *
 * A second "keen" takes the place of the first, and so does a second
 * "timestamp" in it; but what the first one broke remains broken.
 */
static void
note_name(struct walk *w, struct json_span inside, bool has_escape)
{
	char resolved[TALLY_MAX_PROPERTY_NAME_BYTES];
	const char *name = inside.text;
	size_t len = inside.len;

	if (has_escape)
	{
		len = json_check_unescape(inside, resolved, sizeof(resolved));
		name = resolved;
	}
	if (w->s.found->rule == JSON_OK)
		w->s.found->name = inside;

	if (w->depth == 1)
	{
		set_rules(w, true);
		w->in_keen = name_is(name, len, "keen");
		if (w->in_keen)
		{
			w->s.found->timestamp.kind = JSON_ABSENT;
			w->s.found->token.kind = JSON_ABSENT;
		}
	}
	else if (w->depth == 2 && w->in_keen)
	{
		w->member = keen_member(name, len);
		set_rules(w, w->member != KEEN_ADDONS);
		if (w->member == KEEN_NONE)
			json_scan_broke(&w->s, JSON_KEEN_UNKNOWN, inside.text);
	}
	if (!w->rules_now)
		return;

	if (len > TALLY_MAX_PROPERTY_NAME_BYTES)
		json_scan_broke(&w->s, JSON_NAME_LONG, inside.text);
	else if (len > 0 && name[0] == '$')
		json_scan_broke(&w->s, JSON_NAME_DOLLAR, inside.text);
	else if (memchr(name, '.', len) != NULL)
		json_scan_broke(&w->s, JSON_NAME_DOT, inside.text);
}

/* note_value -- a value begins at w->s.p, which is not a blank. */
static void
note_value(struct walk *w)
{
	char c = *w->s.p;

	if (w->depth == 0)
	{
		if (c != '{')
			json_scan_broke(&w->s, JSON_NOT_OBJECT, w->s.p);
		return;
	}
	if (w->depth == 1 && w->in_keen && c != '{')
		json_scan_broke(&w->s, JSON_KEEN_NOT_OBJECT, w->s.p);
	if (w->depth == 2 && w->in_keen)
	{
		w->member_start = w->s.p;
		w->member_escaped = false;
	}
	if (w->rules_now && (c == '{' || c == '[') && !top_is_object(w))
		json_scan_broke(&w->s, JSON_LIST_NESTED, w->s.p);
}

/* note_string -- a string was read that is a value. */
static void
note_string(struct walk *w, struct json_span inside, bool has_escape)
{
	if (w->depth == 2)
		w->member_escaped = has_escape;
	if (w->rules_now && inside.len >= TALLY_MAX_STRING_BYTES &&
		(!has_escape ||
		 json_check_unescape(inside, NULL, 0) >= TALLY_MAX_STRING_BYTES))
		json_scan_broke(&w->s, JSON_STRING_LONG, inside.text);
}

/* note_member -- a member of "keen" ends at w->s.p: remember what it was. */
static void
note_member(struct walk *w)
{
	struct json_member *member;

	if (w->member == KEEN_TIMESTAMP)
		member = &w->s.found->timestamp;
	else if (w->member == KEEN_TOKEN)
		member = &w->s.found->token;
	else
		return;

	member->value.text = w->member_start;
	member->value.len = (size_t) (w->s.p - w->member_start);
	member->kind = JSON_OTHER;
	if (*w->member_start == '"')
	{
		member->kind = w->member_escaped ? JSON_ESCAPED : JSON_PLAIN;
		member->value.text++;
		member->value.len -= 2;
	}
}

/* walk_name -- pass the name of a member and the colon behind it. */
static bool
walk_name(struct walk *w)
{
	struct json_span inside;
	bool has_escape;

	json_scan_blanks(&w->s);
	if (w->s.p == w->s.end)
		return json_scan_not_json(&w->s, JSON_UNFINISHED, w->s.p);
	if (*w->s.p != '"')
		return json_scan_not_json(&w->s, JSON_SYNTAX, w->s.p);
	w->s.p++;
	/* A fault in the name itself is not the fault of the one before it. */
	if (w->s.found->rule == JSON_OK)
		w->s.found->name.text = NULL;
	if (!json_scan_string(&w->s, &inside, &has_escape))
		return false;
	if (w->as_event)
		note_name(w, inside, has_escape);

	json_scan_blanks(&w->s);
	if (w->s.p == w->s.end)
		return json_scan_not_json(&w->s, JSON_UNFINISHED, w->s.p);
	if (*w->s.p != ':')
		return json_scan_not_json(&w->s, JSON_SYNTAX, w->s.p);
	w->s.p++;
	return true;
}

/* walk_scalar -- pass the string, number or word at w->s.p. */
static bool
walk_scalar(struct walk *w)
{
	struct json_span inside;
	bool has_escape;

	switch (*w->s.p)
	{
		case '"':
			w->s.p++;
			if (!json_scan_string(&w->s, &inside, &has_escape))
				return false;
			if (w->as_event)
				note_string(w, inside, has_escape);
			return true;
		case 't':
			return json_scan_word(&w->s, "true");
		case 'f':
			return json_scan_word(&w->s, "false");
		case 'n':
			return json_scan_word(&w->s, "null");
		default:
			return json_scan_number(&w->s);
	}
}

/*
 * walk_ends -- a value ended at w->s.p: close what closes behind it.
 *
 * Returns true with *more set when a further value follows at w->s.p, and with
 * *more unset when the outermost value is complete.
 */
static bool
walk_ends(struct walk *w, bool *more)
{
	for (;;)
	{
		bool object;

		if (w->depth == 2 && w->in_keen)
			note_member(w);
		*more = false;
		if (w->depth == 0)
			return true;

		json_scan_blanks(&w->s);
		if (w->s.p == w->s.end)
			return json_scan_not_json(&w->s, JSON_UNFINISHED, w->s.p);
		object = top_is_object(w);
		if (*w->s.p == ',')
		{
			w->s.p++;
			*more = true;
			return object ? walk_name(w) : true;
		}
		if (*w->s.p != (object ? '}' : ']'))
			return json_scan_not_json(&w->s, JSON_SYNTAX, w->s.p);
		w->s.p++;
		w->depth--;
	}
}

/* walk_value -- pass one value, with blanks before it. */
static bool
walk_value(struct walk *w)
{
	bool more;

	do
	{
		json_scan_blanks(&w->s);
		if (w->s.p == w->s.end)
			return json_scan_not_json(&w->s, JSON_UNFINISHED, w->s.p);
		if (w->depth == 0)
			w->s.found->text.text = w->s.p;
		if (w->as_event)
			note_value(w);

		more = false;
		if (*w->s.p == '{' || *w->s.p == '[')
		{
			bool object = *w->s.p == '{';

			if (!push(w, object))
				return false;
			w->s.p++;
			json_scan_blanks(&w->s);
			if (w->s.p < w->s.end && *w->s.p == (object ? '}' : ']'))
			{
				w->s.p++;
				w->depth--;
			}
			else if (object && !walk_name(w))
				return false;
			else
				more = true;
		}
		else if (!walk_scalar(w))
			return false;

		if (!more && !walk_ends(w, &more))
			return false;
	} while (more);

	w->s.found->text.len = (size_t) (w->s.p - w->s.found->text.text);
	return true;
}

static void
walk_begin(struct walk *w, const struct json_scan *s, bool as_event)
{
	w->s = *s;
	w->s.as_double = as_event;
	w->depth = 0;
	w->as_event = as_event;
	w->rules_now = as_event;
	w->in_keen = false;
	w->member = KEEN_NONE;
	w->member_start = NULL;
	w->member_escaped = false;
	memset(w->s.found, 0, sizeof(*w->s.found));
}

static enum json_rule
check_whole(const char *text, size_t len, bool as_event,
			struct json_event *found)
{
	struct json_scan s = {text, text, text + len, false, found};
	struct walk w;

	walk_begin(&w, &s, as_event);
	if (walk_value(&w))
	{
		json_scan_blanks(&w.s);
		if (w.s.p < w.s.end)
			json_scan_not_json(&w.s, JSON_SYNTAX, w.s.p);
	}
	return found->rule;
}

enum json_rule
json_check_text(const char *text, size_t len, struct json_event *found)
{
	return check_whole(text, len, false, found);
}

enum json_rule
json_check_event(const char *text, size_t len, struct json_event *found)
{
	return check_whole(text, len, true, found);
}

bool
json_scan_event(struct json_scan *s)
{
	struct walk w;
	bool is_json;

	walk_begin(&w, s, true);
	is_json = walk_value(&w);
	s->p = w.s.p;
	return is_json;
}
