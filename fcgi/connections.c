/*
 * connections.c
 *	  New connections and kept ones, given to whoever looks for work.
 *
 * All are in one epoll set: the listening socket for all threads, a kept
 * connection for one of them (EPOLLONESHOT) until it is given back.
 *
 * LOCKS.  None: the kernel's set, and counts that are atomic.
 */
#define _GNU_SOURCE /* accept4() */
#include "connections.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"

/* How often a thread looks up to see whether to stop, once that was asked. */
#define STOP_LOOK_MS 10
/* ... and before, since whoever sleeps is not woken by a number. */
#define LOOK_MS 200

struct connections
{
	int set;
	int listen_fd;
	int max_kept;
	struct metrics *metrics;
	_Atomic int open; /* given out or kept */
	_Atomic int kept; /* in the set */
	atomic_bool stopping;
	atomic_bool deaf; /* nobody is accepted any more */
	_Atomic int64_t stop_at_ms;
};

/* watch -- put a descriptor into the set, or back in. */
static bool
watch(struct connections *c, int how, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data = {.fd = fd}};

	return epoll_ctl(c->set, how, fd, &event) == 0;
}

struct connections *
connections_new(int listen_fd, int max_kept, struct metrics *metrics)
{
	struct connections *c = calloc(1, sizeof(*c));
	int flags = fcntl(listen_fd, F_GETFL);
	int saved_errno;

	if (c == NULL)
		return NULL;
	c->listen_fd = listen_fd;
	c->max_kept = max_kept;
	c->metrics = metrics;
	c->set = epoll_create1(EPOLL_CLOEXEC);
	/* Non-blocking: of several threads that wake up only one accepts. */
	if (flags >= 0 && c->set >= 0 &&
		fcntl(listen_fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
		watch(c, EPOLL_CTL_ADD, listen_fd, EPOLLIN))
		return c;
	saved_errno = errno;
	connections_free(c);
	errno = saved_errno;
	return NULL;
}

void
connections_free(struct connections *c)
{
	if (c == NULL)
		return;
	if (c->set >= 0)
		(void) close(c->set);
	free(c);
}

static void
close_one(struct connections *c, int fd)
{
	if (fd >= 0)
		(void) close(fd);
	(void) atomic_fetch_sub(&c->open, 1);
}

/* take_new -- accept one, or fail; false when nobody is there. */
static bool
take_new(struct connections *c, int *fd, enum connection_kind *kind)
{
	*fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (*fd < 0 &&
		(errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
		return false;
	*kind = *fd >= 0 ? CONNECTION_NEW : CONNECTION_FAILED;
	if (*fd >= 0)
		(void) atomic_fetch_add(&c->open, 1);
	return true;
}

/* stop_listening -- once; who queues from now on is not taken. */
static void
stop_listening(struct connections *c)
{
	if (!atomic_exchange(&c->deaf, true))
		(void) epoll_ctl(c->set, EPOLL_CTL_DEL, c->listen_fd, NULL);
}

/* is_over -- after connections_stop(): was everybody accepted and served, or
 * is the time up? */
static bool
is_over(struct connections *c)
{
	return atomic_load(&c->stopping) &&
		   ((atomic_load(&c->deaf) && atomic_load(&c->open) == 0) ||
			clock_mono_ms() >= atomic_load(&c->stop_at_ms));
}

/* take_kept -- false when there is no request but the connection's end. */
static bool
take_kept(struct connections *c, const struct epoll_event *event)
{
	char byte;

	(void) atomic_fetch_sub(&c->kept, 1);
	if ((event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0 ||
		recv(event->data.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
		return true;
	close_one(c, event->data.fd);
	return false;
}

enum connection_kind
connections_next(struct connections *c, int *fd)
{
	for (;;)
	{
		bool stopping = atomic_load(&c->stopping);
		enum connection_kind kind;
		struct epoll_event event;
		int n;

		if (stopping && !atomic_load(&c->deaf))
		{
			/* What queued before: to its end, by whoever comes first. */
			if (!take_new(c, fd, &kind))
				stop_listening(c);
			else if (kind == CONNECTION_NEW)
				return kind;
			/* Out of descriptors: some are given back in time. */
		}
		if (is_over(c))
			return CONNECTION_STOP;
		n = epoll_wait(c->set, &event, 1, stopping ? STOP_LOOK_MS : LOOK_MS);
		if (n <= 0)
			continue;
		if (event.data.fd == c->listen_fd)
		{
			if (take_new(c, fd, &kind))
				return kind;
		}
		else if (take_kept(c, &event))
		{
			*fd = event.data.fd;
			return CONNECTION_KEPT;
		}
	}
}

void
connections_give(struct connections *c, int fd, bool keep)
{
	const uint32_t events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT;

	if (keep && c->max_kept > 0)
	{
		/* It is in the set already when it was kept before. */
		if (atomic_fetch_add(&c->kept, 1) < c->max_kept &&
			(watch(c, EPOLL_CTL_MOD, fd, events) ||
			 (errno == ENOENT && watch(c, EPOLL_CTL_ADD, fd, events))))
			return;
		(void) atomic_fetch_sub(&c->kept, 1);
		metrics_add(c->metrics, METRIC_CONNECTIONS_NOT_KEPT, 1);
	}
	close_one(c, fd);
}

void
connections_stop(struct connections *c, bool others_listen, int64_t grace_ms)
{
	atomic_store(&c->stop_at_ms, clock_mono_ms() + grace_ms);
	if (others_listen)
		stop_listening(c);
	atomic_store(&c->stopping, true);
}
