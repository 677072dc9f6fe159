/*
 * sender.c
 *	  Sends what a socket does not take at once.
 *
 * What is new is put into a list, and the thread, which sleeps in poll(), is
 * woken by a byte in a pipe.  What it has already is its own: no lock is held
 * while anything is sent.
 */
#include "sender.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "sync.h"

/* In one call; the least that any system takes is 16, Linux takes 1,024. */
#define PIECES_A_CALL 512

struct sender
{
	int64_t timeout_ms;
	int wake[2]; /* a pipe; the first of "fds" is its reading end */
	pthread_t thread;

	/* the thread's own */
	struct pollfd *fds;
	struct sending **sendings; /* the n-th has the descriptor after the n-th */
	int count;

	pthread_mutex_t lock;
	struct sending *added;
	bool stopping;
};

enum push
{
	PUSH_ALL,  /* nothing is left */
	PUSH_SOME, /* the socket took what it could */
	PUSH_NONE, /* ... which was nothing */
	PUSH_FAILED,
};

/* advance -- "len" bytes more are sent. */
static void
advance(struct sending *sending, size_t len)
{
	while (sending->count > 0 && len >= sending->pieces->iov_len)
	{
		len -= sending->pieces->iov_len;
		sending->pieces++;
		sending->count--;
	}
	if (sending->count > 0)
	{
		sending->pieces->iov_base = (char *) sending->pieces->iov_base + len;
		sending->pieces->iov_len -= len;
	}
}

/* push -- as much as the socket takes now. */
static enum push
push(struct sending *sending)
{
	enum push result = PUSH_NONE;

	while (sending->count > 0)
	{
		struct msghdr message = {.msg_iov = sending->pieces};
		ssize_t n;

		message.msg_iovlen =
			(size_t) (sending->count < PIECES_A_CALL ? sending->count
													 : PIECES_A_CALL);
		n = sendmsg(sending->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return result;
		if (n < 0)
			return PUSH_FAILED;
		advance(sending, (size_t) n);
		result = PUSH_SOME;
	}
	return PUSH_ALL;
}

/* ------------------------------------------------------------------------
 * The thread
 */

/* take_added -- what is new becomes the thread's; false at the end. */
static bool
take_added(struct sender *sender)
{
	char scrap[64];
	bool stopping;

	(void) pthread_mutex_lock(&sender->lock);
	while (read(sender->wake[0], scrap, sizeof(scrap)) > 0)
		;
	while (sender->added != NULL)
	{
		struct sending *sending = sender->added;

		sender->added = sending->next;
		sender->sendings[sender->count++] = sending;
		sender->fds[sender->count] =
			(struct pollfd){.fd = sending->fd, .events = POLLOUT};
	}
	stopping = sender->stopping;
	(void) pthread_mutex_unlock(&sender->lock);
	return !stopping;
}

/* wait_ms -- until the first deadline, for poll(). */
static int
wait_ms(const struct sender *sender)
{
	int64_t first_ms = INT64_MAX;
	int64_t left_ms;
	int i;

	if (sender->count == 0)
		return -1;
	for (i = 0; i < sender->count; i++)
		if (sender->sendings[i]->deadline_ms < first_ms)
			first_ms = sender->sendings[i]->deadline_ms;
	left_ms = first_ms - clock_mono_ms();
	if (left_ms < 0)
		return 0;
	return left_ms < INT_MAX ? (int) left_ms : INT_MAX;
}

/* is_over -- for the sending of that number; then it was told. */
static bool
is_over(struct sender *sender, int i, int64_t now_ms)
{
	struct sending *sending = sender->sendings[i];
	enum push result = PUSH_NONE;

	if (sender->fds[i + 1].revents != 0)
		result = push(sending);
	if (result == PUSH_SOME)
		sending->deadline_ms = now_ms + sender->timeout_ms;
	if (result == PUSH_SOME ||
		(result == PUSH_NONE && now_ms < sending->deadline_ms))
		return false;
	sending->done(sending, result == PUSH_ALL);
	return true;
}

static void *
run(void *arg)
{
	struct sender *sender = arg;

	while (take_added(sender))
	{
		int64_t now_ms;
		int i = 0;

		(void) poll(sender->fds, (nfds_t) sender->count + 1, wait_ms(sender));
		now_ms = clock_mono_ms();
		while (i < sender->count)
		{
			if (!is_over(sender, i, now_ms))
			{
				i++;
				continue;
			}
			/* the last one takes its place, and is looked at next */
			sender->count--;
			sender->sendings[i] = sender->sendings[sender->count];
			sender->fds[i + 1] = sender->fds[sender->count + 1];
		}
	}
	return NULL;
}

/* ------------------------------------------------------------------------
 * The door
 */

static void
wake_up(struct sender *sender)
{
	/* a full pipe wakes it, too */
	while (write(sender->wake[1], "", 1) < 0 && errno == EINTR)
		;
}

void
sender_send(struct sender *sender, struct sending *sending)
{
	const enum push result = push(sending);

	if (result == PUSH_ALL || result == PUSH_FAILED)
	{
		sending->done(sending, result == PUSH_ALL);
		return;
	}
	sending->deadline_ms = clock_mono_ms() + sender->timeout_ms;
	(void) pthread_mutex_lock(&sender->lock);
	sending->next = sender->added;
	sender->added = sending;
	(void) pthread_mutex_unlock(&sender->lock);
	wake_up(sender);
}

static bool
open_pipe(int fds[2])
{
	int i;

	if (pipe(fds) != 0)
		return false;
	for (i = 0; i < 2; i++)
		if (fcntl(fds[i], F_SETFD, FD_CLOEXEC) != 0 ||
			fcntl(fds[i], F_SETFL, O_NONBLOCK) != 0)
			return false;
	return true;
}

/* release -- all but the thread. */
static void
release(struct sender *sender)
{
	int i;

	for (i = 0; i < 2; i++)
		if (sender->wake[i] >= 0)
			(void) close(sender->wake[i]);
	(void) pthread_mutex_destroy(&sender->lock);
	free(sender->fds);
	free(sender->sendings);
	free(sender);
}

struct sender *
sender_new(int most, int64_t timeout_ms)
{
	struct sender *sender = calloc(1, sizeof(*sender));

	if (sender == NULL)
		return NULL;
	sender->timeout_ms = timeout_ms;
	sender->wake[0] = sender->wake[1] = -1;
	(void) pthread_mutex_init(&sender->lock, NULL);
	sender->fds = calloc((size_t) most + 1, sizeof(*sender->fds));
	sender->sendings = calloc((size_t) most, sizeof(struct sending *));
	if (sender->fds == NULL || sender->sendings == NULL ||
		!open_pipe(sender->wake))
		goto fail;
	sender->fds[0] = (struct pollfd){.fd = sender->wake[0], .events = POLLIN};
	if (!sync_thread_start(&sender->thread, run, sender))
		goto fail;
	return sender;

fail:
	release(sender);
	return NULL;
}

void
sender_free(struct sender *sender)
{
	if (sender == NULL)
		return;
	(void) pthread_mutex_lock(&sender->lock);
	sender->stopping = true;
	(void) pthread_mutex_unlock(&sender->lock);
	wake_up(sender);
	(void) pthread_join(sender->thread, NULL);
	release(sender);
}
