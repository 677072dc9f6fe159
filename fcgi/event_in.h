/*
 * event_in.h
 *	  From an event as a client sent it to a frame, or to what is wrong.
 */
#ifndef TALLY_EVENT_IN_H
#define TALLY_EVENT_IN_H

#include <stdbool.h>
#include <stdint.h>

#include "../extension/wire/frame.h"
#include "../extension/wire/json_check.h"
#include "reply.h"

struct event_problem
{
	enum reply_code code;
	char text[512]; /* a sentence without its full stop; names the input */
};

/*
 * Of a checked event: sets all of *frame but project and collection, and is
 * true; or fills in *problem.  "found" points into the text.
 */
bool event_frame(const struct json_event *found, int64_t received_us,
				 struct frame *frame, struct event_problem *problem);

/*
 * Whether the event says by itself which one it is: it has a timestamp or a
 * token.  Of one without either a second copy may well be a second event.
 */
bool event_names_itself(const struct json_event *found);

/* False, and *problem filled in, if a collection may not be called so. */
bool event_collection(const char *name, size_t len,
					  struct event_problem *problem);

#endif
