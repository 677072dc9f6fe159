/*
 * committer.h
 *	  Makes events durable: one sync for all that arrived together.
 *
 * A request thread hands its record over and goes on to the next request.
 * One thread, the committer, writes what has gathered, syncs it once, and
 * passes it on to another thread, the replier, that tells the owners: so the
 * next sync does not wait for replies.  What queues while a sync runs is the
 * next group.  The first event after a quiet moment is written at once; where
 * many come, syncs begin at least "interval_us" apart: each costs the processor
 * as much as several requests, and a fast disk would take one for every two.
 * A disk that is slower than that is never waited for.
 *
 *	  request threads --submit--> [queue] --committer--> [done] --replier-->
 *
 * The queue is bounded: when the disk stalls, submit waits, and then refuses.
 */
#ifndef TALLY_COMMITTER_H
#define TALLY_COMMITTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../extension/wire/frame.h"
#include "spool.h"

struct repeat;

/* One request's events. */
struct commit
{
	struct commit *next;
	void *owner;		   /* the request; this and the next are for "done" */
	struct repeat *repeat; /* how its body is remembered, or NULL */
	uint32_t count;
	size_t len; /* of the record, its header included */
	size_t cap;
	uint8_t record[];
};

/* Room for "bytes" of frames; NULL when out of memory. */
struct commit *commit_new(size_t bytes);
void commit_free(struct commit *commit);

/*
 * Adds an event; may move the commit, so that *commit is new.  False when it
 * would pass SPOOL_MAX_RECORD (*full is set) or when out of memory.
 */
bool commit_add(struct commit **commit, const struct frame *frame, bool *full);

struct committer;

struct committer_options
{
	struct spool *spool;
	size_t max_bytes; /* queued; one commit is always taken */
	int64_t interval_us;
	/* The events are on disk, or are not.  In the replier's thread. */
	void (*done)(void *app, const struct commit *commit,
				 enum spool_result result);
	void *app;
};

/* NULL when out of memory. */
struct committer *committer_start(const struct committer_options *options);

/* All submitted commits are done when this returns.  No submit may be under
 * way or follow.  Frees the committer. */
void committer_stop(struct committer *committer);

/*
 * True: the commit is the committer's, and its owner will be told.  False:
 * there was no room by the deadline; it is still the caller's.
 */
bool committer_submit(struct committer *committer, struct commit *commit,
					  int64_t deadline_ms);

struct committer_counts
{
	int64_t events;	 /* made durable */
	int64_t commits; /* likewise */
	int64_t syncs;
	int64_t refused; /* commits that the spool did not take */
};

void committer_counts(struct committer *committer,
					  struct committer_counts *counts);

#endif
