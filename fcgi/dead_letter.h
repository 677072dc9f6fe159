/*
 * dead_letter.h
 *	  Where an event goes that the database will never take.
 *
 * It was promised to somebody, so it is not thrown away: it is kept in a file
 * of JSON lines beside the spool, with the reason, for people to look at.
 *
 *	  {"reason": "...", "project": "...", "collection": "...",
 *	   "at": "...", "received_at": "...", "event": {...}}
 */
#ifndef TALLY_DEAD_LETTER_H
#define TALLY_DEAD_LETTER_H

#include <stdbool.h>

#include "../extension/wire/frame.h"

#define DEAD_LETTER_FILE "dead-letters.jsonl"

/* Appends the event to the file in "dir" and syncs it.  False with errno. */
bool dead_letter_write(const char *dir, const struct frame *frame,
					   const char *reason);

#endif
