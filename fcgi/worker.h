/*
 * worker.h
 *	  The threads that accept requests, and the socket they accept them on.
 *
 * Threads and request structures are two numbers: with answers that come
 * later (HANDLED_LATER) a few threads keep many requests in flight.  When all
 * structures are in use the threads wait, and the socket's backlog fills.
 */
#ifndef TALLY_WORKER_H
#define TALLY_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dispatch.h"

struct worker;

struct worker_options
{
	const char *listen; /* absolute path of a unix socket, never TCP */
	const char *group;	/* the socket's group, "" for the process's own */
	int backlog;
	int threads;
	int requests;			 /* structures, >= threads */
	int kept;				 /* connections between two requests, 0: none */
	size_t max_body_bytes;	 /* the largest of any route */
	bool log_requests;		 /* a log line a request; errors always have one */
	struct metrics *metrics; /* NULL: nothing is counted */
	const struct service *service;
};

/*
 * Once, before threads: ignores SIGPIPE, blocks the signals that
 * worker_wait_signal() waits for, and sets up libfcgi.
 */
bool worker_setup(void);

/* Opens the socket and starts the threads.  NULL, and one line of what is
 * wrong in "message", when it could not. */
#define WORKER_MESSAGE_BYTES 256
struct worker *worker_start(const struct worker_options *options,
							char message[WORKER_MESSAGE_BYTES]);

/* Waits for SIGTERM, SIGINT or SIGHUP and returns its number. */
int worker_wait_signal(void);

/*
 * Takes no new connection, answers those that were queued, and waits until
 * every request is finished, those answered later too, or "timeout_ms" have
 * passed: false then.  The rest of the program must still be able to answer.
 */
bool worker_stop(struct worker *worker, int64_t timeout_ms);

/* After worker_stop() returned true. */
void worker_free(struct worker *worker);

#endif
