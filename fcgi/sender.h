/*
 * sender.h
 *	  Sends what a socket does not take at once: for many of them, in one
 *	  thread.
 *
 * Whoever has something to send gives it here and goes on.  What fits into
 * the socket's buffer is sent before sender_send() returns; the rest follows
 * as its reader takes it.  So nobody waits for a reader but the one thread,
 * which waits for all of them together.  A reader that takes nothing for
 * "timeout_ms" is given up.
 */
#ifndef TALLY_SENDER_H
#define TALLY_SENDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct sender;

/* Something on its way; in the memory of whoever sends it. */
struct sending
{
	int fd;				  /* a stream socket */
	struct iovec *pieces; /* what is left; changed while it is sent */
	int count;
	/* Once, when all is sent or nothing more will be: in the thread that
	 * called sender_send(), or in the sender's.  Must not wait. */
	void (*done)(struct sending *sending, bool sent);
	void *arg; /* for done() */

	struct sending *next; /* the sender's own, as what follows */
	int64_t deadline_ms;
};

/* For "most" sendings at a time.  NULL when out of memory or threads. */
struct sender *sender_new(int most, int64_t timeout_ms);

/* Nothing may be on its way. */
void sender_free(struct sender *sender);

/* Any thread.  "sending" and what it points to stay until done(). */
void sender_send(struct sender *sender, struct sending *sending);

#endif
