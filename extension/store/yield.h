/*
 * yield.h
 *	  Storing events gives way to who else needs a processor.
 */
#ifndef TALLY_STORE_YIELD_H
#define TALLY_STORE_YIELD_H

/* To the nice value tally.ingest_nice; for the rest of the session, since no
 * process may take back what it gave away. */
extern void tally_yield(void);

/* For a moment, now and then, in a session whose tally.ingest_nice is above
 * zero: called after every little piece of work, on so many bytes of events. */
extern void tally_yield_now_and_then(size_t bytes);

#endif
