/*
 * json_scan.h
 *	  The pieces of JSON: strings, numbers, words.
 *
 * Not a door: json_check.c and json_batch.c are built on this, everybody else
 * on json_check.h.
 */
#ifndef TALLY_JSON_SCAN_H
#define TALLY_JSON_SCAN_H

#include "json_check.h"

/*
 * A place in a text, and what was found in it so far.
 *
 * The functions below that return bool move "p" behind what they read; when
 * they return false the text is no JSON, and "found" says why.  A rule that
 * is broken by something that is JSON is only noted.
 */
struct json_scan
{
	const char *start;
	const char *p;
	const char *end;
	bool as_double; /* a number must fit into a double */
	struct json_event *found;
};

/* Notes that "rule" is broken at "at", unless another was before it. */
void json_scan_broke(struct json_scan *s, enum json_rule rule, const char *at);

/* Notes that the text is no JSON from "at" on; returns false. */
bool json_scan_not_json(struct json_scan *s, enum json_rule rule,
						const char *at);

/* A string; "p" is behind its opening quote. */
bool json_scan_string(struct json_scan *s, struct json_span *inside,
					  bool *has_escape);

/* A number; "p" is where one should begin. */
bool json_scan_number(struct json_scan *s);

/* One of true, false and null. */
bool json_scan_word(struct json_scan *s, const char *word);

/* One event, with blanks before it (json_check.c). */
bool json_scan_event(struct json_scan *s);

static inline void
json_scan_blanks(struct json_scan *s)
{
	while (s->p < s->end &&
		   (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
		s->p++;
}

#endif
