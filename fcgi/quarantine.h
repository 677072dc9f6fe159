/*
 * quarantine.h
 *	  Queries that did harm a moment ago, by their fingerprints.
 *
 * A query that took all its time, in which connections were lost, or under
 * which a program died, is not run again for a while, whoever asks: the query
 * of death is met once, and not once a slot, a server and a retry.
 *
 * What one tally-read knows all of this host know, and the next one after a
 * restart, by a file that they map.  Each has a row of it and writes that alone,
 * so nobody waits for anybody:
 *
 *	  header	the secret of the fingerprints, the boot that the times are of
 *	  row		what its owner runs now, a mark a slot;
 *				what was in quarantine while its owner watched
 *
 * The owner holds a lock on its row, which ends with it, however it ends.  A row
 * with marks and without a lock is of one that died over one of those queries.
 * If there was one, that is the one.  Of several nobody can tell: each has lost
 * something, as it loses a connection, and QUARANTINE_LOSSES of these are a
 * quarantine.  So a query that kills is met once where it ran alone, and else
 * twice, on all the tally-read of a host together; but where it is asked of
 * several at the same time it runs in each.
 *
 * A fixed number of places; when all are taken the one that would be free
 * first is given up.  No clock of its own; the caller lets one thread in at a
 * time.
 */
#ifndef TALLY_QUARANTINE_H
#define TALLY_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of one program. */
#define QUARANTINE_PLACES 512
#define QUARANTINE_SLOTS 128
/* Programs that may share a file. */
#define QUARANTINE_ROWS 16
/* So many losses in one quarantine's time make one. */
#define QUARANTINE_LOSSES 2

enum quarantine_reason
{
	QUARANTINE_NONE,
	QUARANTINE_TIMEOUT, /* it took all the time it may */
	QUARANTINE_LOST,	/* its connections broke while it ran */
	QUARANTINE_KILLED,	/* a tally-read died while it ran */
	QUARANTINE__REASONS
};

struct quarantine;

/*
 * A length of 0: nothing is ever quarantined.  An empty "file", or one that
 * cannot be used, which is logged: what this program sees is known to it alone.
 * Looks at what those who died have left.  NULL when out of memory.
 */
struct quarantine *quarantine_new(const char *file, int64_t length_ms,
								  int64_t now_ms);

/* The program ends: what runs still has done no harm.  Any thread. */
void quarantine_leave(struct quarantine *quarantine);

/* NULL is fine. */
void quarantine_free(struct quarantine *quarantine);

/* The same in every program that shares the file; any thread. */
uint64_t quarantine_fingerprint(const struct quarantine *quarantine,
								const void *query, size_t len);

/* The query begins in that slot, 0 .. QUARANTINE_SLOTS - 1; what ran there has
 * ended, whatever came of it. */
void quarantine_begin(struct quarantine *quarantine, int slot,
					  uint64_t fingerprint);
void quarantine_end(struct quarantine *quarantine, int slot);

/* The query took all its time. */
void quarantine_timeout(struct quarantine *quarantine, uint64_t fingerprint,
						int64_t now_ms);

/* A connection was lost while it ran, which may be another's fault. */
void quarantine_loss(struct quarantine *quarantine, uint64_t fingerprint,
					 int64_t now_ms);

/* Why it must not run, and for how long. */
enum quarantine_reason quarantine_find(struct quarantine *quarantine,
									   uint64_t fingerprint, int64_t now_ms,
									   int64_t *left_ms);

/* How many queries this program has put into it that are there still, and how
 * many it ever did. */
int quarantine_count(const struct quarantine *quarantine, int64_t now_ms);
int64_t quarantine_entered(const struct quarantine *quarantine);

#endif
