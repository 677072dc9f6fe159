/*
 * writer.h
 *	  What tally-write's handlers share, and the handlers.
 */
#ifndef TALLY_WRITER_H
#define TALLY_WRITER_H

#include <stdint.h>

#include "committer.h"
#include "drain.h"
#include "keys.h"
#include "request.h"
#include "spool.h"

/* Events in one request, good and bad.  Each may need an error in the answer,
 * which has a limit too. */
#define WRITER_MAX_BATCH_EVENTS 50000

/* The "app" of tally-write; not changed once the threads run. */
struct writer
{
	struct keys *keys;
	struct spool *spool;
	struct committer *committer;
	struct drain *drain;
	int64_t commit_wait_ms; /* for room in the committer's queue */
};

/* POST /3.0/projects/{}/events/{} */
enum handled handle_event(struct request *req, void *app);

/* POST /3.0/projects/{}/events */
enum handled handle_events(struct request *req, void *app);

/* GET /health/ready */
enum handled handle_writer_ready(struct request *req, void *app);

/* For the committer: the request that "owner" is may be answered. */
void ingest_done(void *owner, enum spool_result result);

#endif
