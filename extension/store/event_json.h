/*
 * event_json.h
 *	  The jsonb of an event whose text was checked.
 */
#ifndef TALLY_STORE_EVENT_JSON_H
#define TALLY_STORE_EVENT_JSON_H

#include "utils/jsonb.h"

/*
 * What jsonb_in() gives for "text", which json_check_event() must have found
 * to be an event, in the current memory context.  Leaves some garbage there.
 */
extern Jsonb *tally_event_json(const char *text, Size len);

#endif
