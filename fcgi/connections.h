/*
 * connections.h
 *	  Where requests come from: a listening socket, and connections that are
 *	  kept between two requests.
 *
 * libfcgi gives a connection that is kept a thread of its own, which reads the
 * next request of it.  Here a connection between two requests belongs to
 * nobody: whichever thread looks for work is given the next one on which
 * something arrived, or a new one.
 */
#ifndef TALLY_CONNECTIONS_H
#define TALLY_CONNECTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "metrics.h"

struct connections;

/*
 * Of a socket that listens, which stays the caller's and is made non-blocking.
 * "max_kept" connections at most wait between two requests, 0 for none: of more
 * than that some are closed after an answer, perhaps while the peer begins the
 * next request, which "metrics" counts.  NULL, with errno set, when the system
 * does not give what is needed.
 */
struct connections *connections_new(int listen_fd, int max_kept,
									struct metrics *metrics);

/* After the last thread has left connections_next().  A connection that is
 * still kept then is closed with the process. */
void connections_free(struct connections *c);

enum connection_kind
{
	CONNECTION_NEW,	   /* nothing is known to have arrived on it yet */
	CONNECTION_KEPT,   /* it had requests, and the next one begins */
	CONNECTION_FAILED, /* accept() did, with errno set: pause, ask again */
	CONNECTION_STOP,   /* there will be none any more */
};

/* Waits for a connection with a request on it.  Any number of threads. */
enum connection_kind connections_next(struct connections *c, int *fd);

/*
 * Gives one back after its answer: to wait for the next request on it, if
 * "keep", which both sides must want, and everything that arrived was read; or
 * to be closed.  -1: one that was closed by somebody else.
 */
void connections_give(struct connections *c, int fd, bool keep);

/*
 * Who is queued at the socket is still given out; after that only what arrives
 * on connections that are open.  Their peers close them in their own time, so
 * that no request of theirs meets a closed connection: CONNECTION_STOP comes
 * when all have, or after "grace_ms".  "others_listen": the socket is somebody
 * else's too, so that its queue is left to them.
 */
void connections_stop(struct connections *c, bool others_listen,
					  int64_t grace_ms);

#endif
