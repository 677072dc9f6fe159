/*
 * guc.h
 *	  The settings of the extension, all in the namespace "tally".
 *
 * Most bound what one query may cost (DESIGN, "Price first").  Every one may
 * be set by any user, like work_mem: they protect a careful user from an
 * accident; roles that serve strangers only run fixed statements.
 */
#ifndef TALLY_GUC_H
#define TALLY_GUC_H

/* What tally.max_buckets can be set to at most. */
#define TALLY_MOST_BUCKETS 10000000

extern int tally_max_buckets; /* buckets of one grid */
extern int tally_max_cells;	  /* buckets x groups x measures of one answer */
extern int tally_max_groups;  /* distinct groups of one answer */
extern int tally_max_memory;  /* kB of one answer's state while it is made */

/* A nice value: how far tally.ingest() gives way to others (store/yield.c). */
extern int tally_ingest_nice;

extern void tally_define_settings(void);

#endif
