/*
 * reader.h
 *	  What tally-read's handlers share, and the handlers.
 */
#ifndef TALLY_READER_H
#define TALLY_READER_H

#include <stdint.h>

#include "db.h"
#include "flights.h"
#include "heartbeat.h"
#include "keys.h"
#include "request.h"
#include "siphash.h"

/* The "app" of tally-read; not changed once the threads run. */
struct reader
{
	struct db *db;		 /* for queries */
	struct db *key_db;	 /* for the keys alone */
	struct db *heart_db; /* for the heartbeat alone */
	struct heartbeat *heartbeat;
	struct keys *keys;
	struct flights *flights; /* of queries */
	struct quarantine *quarantine;
	struct siphash_secret secret; /* of their keys' hashes */
	_Atomic int64_t behind_ms;	  /* of the stored events; -1: not known */
	int64_t behind_next_ms;		  /* the heartbeat's: when to ask again */
	size_t cache_max_bytes;
	size_t cache_answer_bytes;	  /* a larger answer is not kept */
	int64_t started_us;			  /* clock_mono_us() */
	int64_t slot_wait_ms;		  /* for a connection */
	int64_t statement_timeout_ms; /* from the request's beginning */
	int64_t query_deadline_ms;	  /* likewise, for the whole answer */
};

/* GET, POST /3.0/projects/{}/queries/{} */
enum handled handle_query(struct request *req, void *app);

/* The "tell" of struct flights_options, whose "arg" is the struct reader: a
 * query that waited has its verdict. */
void tell_query(void *arg, struct waiter *waiter,
				const struct verdict *verdict);

/* GET /3.0/projects/{}/queries: the links to the analyses. */
enum handled handle_query_links(struct request *req, void *app);

/* GET /3.0 */
enum handled handle_root(struct request *req, void *app);

/* GET /metrics */
enum handled handle_reader_metrics(struct request *req, void *app);

/* GET /health/ready */
enum handled handle_reader_ready(struct request *req, void *app);

#endif
