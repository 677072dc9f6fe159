/*
 * yield.h
 *	  Storing events gives way to who else needs a processor.
 */
#ifndef TALLY_STORE_YIELD_H
#define TALLY_STORE_YIELD_H

/* To the nice value tally.ingest_nice; for the rest of the session, since no
 * process may take back what it gave away. */
extern void tally_yield(void);

#endif
