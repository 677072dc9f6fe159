/*
 * h_metrics.h
 *	  GET /metrics: what both programs say of themselves.
 */
#ifndef TALLY_H_METRICS_H
#define TALLY_H_METRICS_H

#include <stdint.h>

#include "db.h"
#include "keys.h"
#include "request.h"

/* The metrics of one struct db's connections. */
struct connection_metrics
{
	enum metric idle;
	enum metric used;
	enum metric breaker_open;
};

void metrics_of_db(struct metrics *metrics, struct db *db,
				   const struct connection_metrics *names);

/* Adds memory, uptime and the keys' age to what the handler has put in, and
 * prepares the answer. */
void metrics_reply(struct request *req, int64_t started_us, struct keys *keys);

#endif
