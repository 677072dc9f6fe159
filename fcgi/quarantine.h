/*
 * quarantine.h
 *	  Queries that did harm a moment ago, by their fingerprints.
 *
 * A query that took all its time, or in which connections were lost, is not
 * run again for a while, whoever asks: the query of death is met once, and
 * not once a slot, a server and a retry.
 *
 * A fixed number of places; when all are taken the one that would be free
 * first is given up.  No lock and no clock of its own.
 */
#ifndef TALLY_QUARANTINE_H
#define TALLY_QUARANTINE_H

#include <stdbool.h>
#include <stdint.h>

#define QUARANTINE_PLACES 512
/* So many lost connections in one quarantine's time make one. */
#define QUARANTINE_LOSSES 2

enum quarantine_reason
{
	QUARANTINE_NONE,
	QUARANTINE_TIMEOUT, /* it took all the time it may */
	QUARANTINE_LOST,	/* its connections broke while it ran */
};

struct quarantine_place
{
	uint64_t fingerprint;
	int64_t until_ms; /* 0: the place is free */
	enum quarantine_reason reason;
	int losses; /* counted, while reason is QUARANTINE_NONE */
};

struct quarantine
{
	int64_t length_ms;
	struct quarantine_place places[QUARANTINE_PLACES];
};

/* A length of 0: nothing is ever quarantined. */
void quarantine_init(struct quarantine *quarantine, int64_t length_ms);

/* The query took all its time. */
void quarantine_timeout(struct quarantine *quarantine, uint64_t fingerprint,
						int64_t now_ms);

/* A connection was lost while it ran, which may be another's fault.  True
 * when it was one too many. */
bool quarantine_loss(struct quarantine *quarantine, uint64_t fingerprint,
					 int64_t now_ms);

/* Why it must not run, and for how long. */
enum quarantine_reason quarantine_find(const struct quarantine *quarantine,
									   uint64_t fingerprint, int64_t now_ms,
									   int64_t *left_ms);

/* How many queries are in it. */
int quarantine_count(const struct quarantine *quarantine, int64_t now_ms);

#endif
