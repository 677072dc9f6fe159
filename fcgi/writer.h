/*
 * writer.h
 *	  What tally-write's handlers share, and the handlers.
 */
#ifndef TALLY_WRITER_H
#define TALLY_WRITER_H

#include <stdint.h>

#include "committer.h"
#include "db.h"
#include "drain.h"
#include "keys.h"
#include "repeats.h"
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
	struct repeats *repeats; /* NULL: bodies are not remembered */
	struct drain *drain;
	struct db *db;			/* for the drain; here for its counts alone */
	struct db *key_db;		/* likewise, for the keys */
	int64_t started_us;		/* clock_mono_us() */
	int64_t commit_wait_ms; /* for room in the committer's queue */
};

/* POST /3.0/projects/{}/events/{} */
enum handled handle_event(struct request *req, void *app);

/* POST /3.0/projects/{}/events */
enum handled handle_events(struct request *req, void *app);

/* GET /3.0/projects/{}/events/{}?data=... */
enum handled handle_beacon(struct request *req, void *app);

/* GET /metrics */
enum handled handle_writer_metrics(struct request *req, void *app);

/* GET /health/ready */
enum handled handle_writer_ready(struct request *req, void *app);

/* Parts of the handlers (h_ingest.c): who sent it is counted; ... */
void ingest_count_client(struct request *req);

/* ... one event as a commit, or NULL and the
 * error prepared; *names_itself, unless NULL: see event_names_itself(); ... */
struct commit *ingest_commit(struct request *req, const char *name,
							 const char *text, size_t len, bool *names_itself);

/* ... and the prepared answer is sent when the events are on disk, at once if
 * they are already: "digest" is that of the body, NULL if it is to be stored
 * however often it comes.  From here on the request may be gone. */
enum handled ingest_submit(struct request *req, struct writer *writer,
						   struct commit *commit, const uint8_t *digest);

/* For the committer: the commit's request may be answered; "app" is the
 * writer. */
void ingest_done(void *app, const struct commit *commit,
				 enum spool_result result);

#endif
