/*
 * canceller.h
 *	  One spare thread for what may hang: cancels of statements.
 *
 * libpq's cancel opens a connection and waits for its end, without any limit
 * of time: against a postmaster that is stopped it hangs for as long as that
 * is.  So nobody who has anything else to do sends one.  The queue is short;
 * when it is full a cancel is dropped, since the server ends the statement of
 * a connection that was closed by itself, a second later.
 */
#ifndef TALLY_CANCELLER_H
#define TALLY_CANCELLER_H

#include <stdbool.h>
#include <stdint.h>

#include "metrics.h"

#define CANCELLER_PLACES 32

struct canceller;

/* "send" may take as long as it likes, and frees "what"; "drop" only frees it.
 * NULL when out of memory or threads. */
struct canceller *canceller_new(bool (*send)(void *what),
								void (*drop)(void *what),
								struct metrics *metrics);

/* Never waits. */
void canceller_add(struct canceller *canceller, void *what);

/* False when one is still being sent after "timeout_ms": then the canceller
 * must not be freed, and the program just ends. */
bool canceller_stop(struct canceller *canceller, int64_t timeout_ms);

/* After canceller_stop() returned true. */
void canceller_free(struct canceller *canceller);

#endif
