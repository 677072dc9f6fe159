/*
 * drain.h
 *	  Takes events from the spool to the database, in order, each once.
 *
 * One thread.  What is on disk goes in batches to tally.ingest(), which takes
 * a range of sequence numbers or none of it: so a batch is repeated until its
 * answer came, and that does no harm.  A trouble of the server is waited out,
 * however long.  An event that the database will not take is found by halving
 * the batch, put into the dead-letter file, and left out.
 */
#ifndef TALLY_DRAIN_H
#define TALLY_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "db.h"
#include "metrics.h"
#include "spool.h"

#define DRAIN_MAX_EVENTS 5000
#define DRAIN_MAX_BYTES ((size_t) 4 * 1024 * 1024)

enum drain_result
{
	DRAIN_OK,
	DRAIN_ID_TAKEN, /* an event with such an id is stored already */
	DRAIN_NOT_NEXT, /* the batch does not follow the last one taken */
	DRAIN_REFUSED,	/* because of what an event is */
	DRAIN_TOO_SLOW, /* not done in time */
	DRAIN_BROKEN,	/* an error of the server's own, maybe about an event */
	DRAIN_AWAY,		/* the server's trouble: later */
};

/* What a store says of a batch. */
struct drain_answer
{
	uint32_t stored;
	uint32_t duplicate;
	uint32_t nrejected;
	uint32_t rejected[DRAIN_MAX_EVENTS]; /* positions in the batch, from 1 */
	char message[256];					 /* why not */
};

/* Where the events go: the database, or a test's idea of one. */
struct drain_store
{
	enum drain_result (*progress)(void *arg, const char *spool,
								  uint64_t *taken,
								  struct drain_answer *answer);
	/* With "leave_out" the batch's only event is passed over. */
	enum drain_result (*ingest)(void *arg, const struct spool_batch *batch,
								bool check_ids, bool leave_out,
								struct drain_answer *answer);
	enum drain_result (*skip)(void *arg, const struct spool_batch *gap,
							  const char *reason, struct drain_answer *answer);
	/* Events up to "upto" wait, the oldest for so long.  DRAIN_OK also when the
	 * store cannot note that: it is for those who ask, and no event's matter. */
	enum drain_result (*behind)(void *arg, const char *spool, uint64_t upto,
								int64_t behind_ms,
								struct drain_answer *answer);
	void (*interrupt)(void *arg); /* make a call that waits return */
	void *arg;
};

/* The database (drain_db.c).  NULL when out of memory. */
struct drain_db;
struct drain_db *drain_db_new(struct db *db, int64_t deadline_ms);
void drain_db_free(struct drain_db *drain_db);
struct drain_store drain_db_store(struct drain_db *drain_db);

struct drain_options
{
	struct spool *spool;
	const char *dir; /* of the dead letters */
	struct drain_store store;
	/* After a small batch so long is waited for more: a batch costs the
	 * database about the same for one event as for a hundred. */
	int64_t interval_ms;
	int64_t max_events_per_s; /* 0: no limit */
	int nice;				  /* of the thread, where a thread has one */
	int64_t retry_ms;		  /* first pause when the store is away, ... */
	int64_t max_retry_ms;	  /* ... which doubles up to this */
	struct metrics *metrics;  /* where the lag of batches counts, or NULL */
};

struct drain;

/* NULL when out of memory. */
struct drain *drain_start(const struct drain_options *options);

/* Ends at the next batch; what is left stays in the spool. */
void drain_stop(struct drain *drain);

struct drain_status
{
	bool is_away;	   /* the last call failed by the server's trouble */
	int64_t oldest_us; /* when the oldest event not stored came; 0: none */
	int64_t stored;
	int64_t duplicates;
	int64_t dead_letters;
	int64_t gaps;
};

void drain_status(struct drain *drain, struct drain_status *status);

#endif
