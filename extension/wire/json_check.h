/*
 * json_check.h
 *	  Is this text JSON that PostgreSQL's jsonb takes, and may it be an event?
 *
 * The door asks before it promises to keep an event, the database asks again
 * before it stores one, and both get the same answer because it is the same
 * code.  Nothing is built or copied: the bytes that were checked go on as
 * they came.
 *
 * Two kinds of fault are told apart.  Where the text is no JSON, nothing
 * after that point means anything.  Where it is JSON but breaks a rule, it
 * is read to its end all the same, so that in a batch the events beside it
 * can be kept.
 *
 * Free-standing: see README.md.  No recursion, no allocation, no globals;
 * every function may be called from any thread.
 */
#ifndef TALLY_JSON_CHECK_H
#define TALLY_JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "../contract.h"

/*
 * How deep a text is followed that is already refused for its depth.  Deeper
 * than this it counts as no JSON at all.
 */
#define JSON_MAX_WALK_DEPTH 1024

enum json_rule
{
	JSON_OK,

	/* It is not JSON. */
	JSON_UNFINISHED,  /* ends in the middle, or has nothing in it */
	JSON_SYNTAX,	  /* something else was expected here */
	JSON_CONTROL,	  /* a raw control character in a string */
	JSON_ESCAPE,	  /* a backslash with something unknown after it */
	JSON_UTF8,		  /* bytes that are not UTF-8 */
	JSON_BOTTOMLESS,  /* deeper than JSON_MAX_WALK_DEPTH */
	JSON_BATCH_SHAPE, /* a batch that is not an object of lists */

	/* It is JSON, but jsonb does not take it. */
	JSON_TOO_DEEP,	   /* deeper than TALLY_MAX_JSON_DEPTH */
	JSON_NUL,		   /* \u0000 */
	JSON_SURROGATE,	   /* half of a pair of \u escapes */
	JSON_NUMBER_RANGE, /* more digits or a larger exponent than numeric */

	/* jsonb takes it, but it is no event. */
	JSON_NOT_OBJECT,
	JSON_NAME_LONG,		  /* over TALLY_MAX_PROPERTY_NAME_BYTES */
	JSON_NAME_DOT,		  /* a "." in a property's name */
	JSON_NAME_DOLLAR,	  /* a "$" at its start */
	JSON_STRING_LONG,	  /* TALLY_MAX_STRING_BYTES or more */
	JSON_NUMBER_DOUBLE,	  /* outside of what a double can hold */
	JSON_LIST_NESTED,	  /* an object or a list in a list */
	JSON_KEEN_NOT_OBJECT, /* "keen" is reserved */
	JSON_KEEN_UNKNOWN,	  /* a member of "keen" that nobody knows */

	JSON_RULE__COUNT
};

/* Part of the checked text, as it was written. */
struct json_span
{
	const char *text; /* not terminated */
	size_t len;
};

enum json_kind
{
	JSON_ABSENT,
	JSON_PLAIN,	  /* a string; the span is what it says, without quotes */
	JSON_ESCAPED, /* likewise, but it goes through json_check_unescape() */
	JSON_OTHER,	  /* a value that is no string; the span is all of it */
};

struct json_member
{
	enum json_kind kind;
	struct json_span value;
};

/* What a check found. */
struct json_event
{
	enum json_rule rule;   /* JSON_OK, or the first rule that is broken */
	size_t at;			   /* offset in the text of what breaks it */
	struct json_span name; /* the property concerned; its text NULL if none */

	struct json_span text;		  /* the value without blanks around it */
	struct json_member timestamp; /* keen.timestamp */
	struct json_member token;	  /* keen.uniqueness_token */
};

/* Is a text that breaks "rule" JSON all the same? */
bool json_check_is_json(enum json_rule rule);

/* The rule as a sentence without a full stop, for people. */
const char *json_check_says(enum json_rule rule);

/*
 * Checks that "text" is one JSON value that jsonb takes.  Sets *found, whose
 * members "timestamp" and "token" stay absent.
 */
enum json_rule json_check_text(const char *text, size_t len,
							   struct json_event *found);

/*
 * Checks that "text" is one event.  Of a name that is there twice the last
 * one counts, as with jsonb.  That keen.timestamp is an instant is for the
 * caller to check; its span is set whatever it holds.
 */
enum json_rule json_check_event(const char *text, size_t len,
								struct json_event *found);

/*
 * Writes what the inside of a checked JSON string says to "out", but at most
 * "room" bytes of it, and returns how long it is in full.  Half a surrogate
 * pair comes out as U+FFFD.
 */
size_t json_check_unescape(struct json_span inside, char *out, size_t room);

/*
 * A walk over a batch, {"collection": [event, ...], ...}: set it up with
 * json_batch_begin() and call json_batch_next() until it says JSON_BATCH_END
 * or JSON_BATCH_BAD.
 */
enum json_batch_item
{
	JSON_BATCH_COLLECTION, /* "name" is set; its events follow */
	JSON_BATCH_EVENT,	   /* "event" is set and may have broken a rule */
	JSON_BATCH_END,		   /* the whole text was read */
	JSON_BATCH_BAD,		   /* event.rule and event.at say why */
};

enum json_batch_state
{
	JSON_BATCH_AT_START,
	JSON_BATCH_AT_FIRST_NAME,
	JSON_BATCH_AT_FIRST_EVENT,
	JSON_BATCH_AFTER_EVENT,
	JSON_BATCH_AFTER_LIST,
	JSON_BATCH_DONE,
};

struct json_batch
{
	struct json_span name; /* of the collection, as written */
	bool name_has_escape;
	enum json_rule name_rule; /* JSON_OK, JSON_NUL or JSON_SURROGATE */
	struct json_event event;

	/* The walk's own. */
	const char *start;
	const char *next;
	const char *end;
	enum json_batch_state state;
};

void json_batch_begin(struct json_batch *batch, const char *text, size_t len);
enum json_batch_item json_batch_next(struct json_batch *batch);

#endif
