/*
 * test_connections.c
 *	  connections.c: a request that arrives is given out once, whatever
 *	  connection it is on; one that ends is not; and nobody is lost at the end.
 */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "connections.h"

#define CLIENTS 8
#define THREADS 3
#define ROUNDS 500

/*
 * Whoever puts a connection back into the set may find it closed by another
 * thread before epoll_ctl() has returned: the sanitizer takes what it notes then
 * for a use of the descriptor.
 */
const char *__tsan_default_suppressions(void);

const char *
__tsan_default_suppressions(void)
{
	return "race:close_one";
}

static struct sockaddr_un address = {.sun_family = AF_UNIX};

static int
listening(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void) snprintf(address.sun_path,
					sizeof(address.sun_path),
					"/tmp/tally-connections-%d",
					(int) getpid());
	(void) unlink(address.sun_path);
	if (bind(fd, (struct sockaddr *) &address, sizeof(address)) != 0 ||
		listen(fd, 64) != 0)
		abort();
	return fd;
}

static int
client(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *) &address, sizeof(address)) != 0)
		abort();
	return fd;
}

static void
say(int fd, char c)
{
	if (send(fd, &c, 1, MSG_NOSIGNAL) != 1)
		abort();
}

/* hear -- the next byte; 0 at the end, -1 when there is none within a second. */
static int
hear(int fd)
{
	const struct timeval second = {.tv_sec = 1};
	unsigned char c;
	ssize_t n;

	(void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	n = recv(fd, &c, 1, 0);
	return n == 1 ? c : n == 0 ? 0 : -1;
}

/* next_is -- of that kind, and the byte on it. */
static bool
next_is(struct connections *c, enum connection_kind kind, char byte, int *fd)
{
	return connections_next(c, fd) == kind && hear(*fd) == byte;
}

/* kept_client -- whose connection was given, had its answer, and is kept. */
static int
kept_client(struct connections *c)
{
	int a = client();
	int fd;

	say(a, 'a');
	tap_ok(next_is(c, CONNECTION_NEW, 'a', &fd), "a new connection is given");
	connections_give(c, fd, true);
	return a;
}

/* end -- of a test with these two clients. */
static void
end(struct connections *c, int a, int b)
{
	(void) close(a);
	(void) close(b);
	connections_free(c);
}

static void
test_kept(int listen_fd)
{
	struct connections *c = connections_new(listen_fd, 2, NULL);
	int a = kept_client(c);
	int b = client();
	int fd;
	int fd_b;

	say(a, 'A');
	say(b, 'b');
	/* in whatever order they come */
	tap_ok(connections_next(c, &fd) != CONNECTION_STOP &&
			   connections_next(c, &fd_b) != CONNECTION_STOP && fd != fd_b,
		   "one that was kept and a new one are both given, once each");
	tap_ok(hear(fd) + hear(fd_b) == 'A' + 'b', "each with its request");
	connections_give(c, fd, true);
	connections_give(c, fd_b, true);
	say(a, 'B');
	(void) close(a);
	tap_ok(next_is(c, CONNECTION_KEPT, 'B', &fd),
		   "a request is given also when its peer has left already");
	connections_give(c, fd, false);
	(void) close(b);
	connections_free(c);
}

static void
test_ended(int listen_fd)
{
	struct connections *c = connections_new(listen_fd, 8, NULL);
	int a = kept_client(c);
	int b = client();
	int fd;

	(void) close(a);
	say(b, 'b');
	tap_ok(next_is(c, CONNECTION_NEW, 'b', &fd),
		   "a kept connection that its peer closed is not given");
	connections_give(c, fd, false);
	tap_ok(hear(b) == 0, "one that is not to be kept is closed");
	(void) close(b);
	connections_free(c);
}

static void
test_too_many(int listen_fd)
{
	struct metrics *metrics = metrics_new(METRICS_WRITE, 1);
	struct connections *c = connections_new(listen_fd, 1, metrics);
	int a = client();
	int b = client();
	int fd[2];
	struct buf text;

	say(a, 'a');
	say(b, 'b');
	tap_ok(next_is(c, CONNECTION_NEW, 'a', &fd[0]) &&
			   next_is(c, CONNECTION_NEW, 'b', &fd[1]),
		   "two are open");
	connections_give(c, fd[0], true);
	connections_give(c, fd[1], true);
	tap_ok(hear(b) == 0, "no more are kept than may be");
	buf_init(&text, 1 << 20);
	metrics_render(metrics, "1", &text);
	buf_char(&text, '\0');
	tap_ok(strstr(text.data, "\ntally_connections_not_kept_total 1\n") != NULL,
		   "and the other one is counted");
	buf_free(&text);
	say(a, 'A');
	tap_ok(next_is(c, CONNECTION_KEPT, 'A', &fd[0]), "the first one is");
	connections_give(c, fd[0], false);
	end(c, a, b);
	metrics_free(metrics);
}

static void
test_stop(int listen_fd)
{
	struct connections *c = connections_new(listen_fd, 8, NULL);
	int a = kept_client(c);
	int b = client();
	int fd;

	say(b, 'b');
	connections_stop(c, false, 5000);
	tap_ok(next_is(c, CONNECTION_NEW, 'b', &fd),
		   "who queued before the stop is given");
	connections_give(c, fd, false);
	say(a, 'A');
	tap_ok(next_is(c, CONNECTION_KEPT, 'A', &fd),
		   "what arrives on a kept connection after it, too");
	connections_give(c, fd, true);
	(void) close(a);
	tap_ok(connections_next(c, &fd) == CONNECTION_STOP,
		   "the end comes when all are closed");
	(void) close(b);
	connections_free(c);
}

static void
test_grace(int listen_fd)
{
	struct connections *c = connections_new(listen_fd, 8, NULL);
	int a = kept_client(c);
	int b = client();
	int64_t began = clock_mono_ms();
	int fd;

	connections_stop(c, true, 100);
	tap_ok(connections_next(c, &fd) == CONNECTION_STOP &&
			   clock_mono_ms() - began >= 100,
		   "who keeps a connection for ever is waited for so long");
	connections_free(c);

	/* b is still in the queue, which was left to others */
	c = connections_new(listen_fd, 8, NULL);
	say(b, 'b');
	tap_ok(next_is(c, CONNECTION_NEW, 'b', &fd),
		   "the queue of a socket that others have is left to them");
	connections_give(c, fd, false);
	end(c, a, b);
}

/* most_files -- how many descriptors may be open from now on. */
static void
most_files(rlim_t most)
{
	struct rlimit limit;

	(void) getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = most;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		abort();
}

static void
test_stop_without_files(int listen_fd)
{
	struct connections *c = connections_new(listen_fd, 8, NULL);
	struct rlimit before;
	enum connection_kind kind;
	int a = kept_client(c);
	int b = client();
	int fd = -1;

	(void) getrlimit(RLIMIT_NOFILE, &before);
	say(b, 'b');
	connections_stop(c, false, 5000);
	most_files(0);
	tap_ok(connections_next(c, &fd) == CONNECTION_FAILED && errno == EMFILE,
		   "the end does not come while a queued one cannot be accepted");
	say(a, 'A');
	while ((kind = connections_next(c, &fd)) == CONNECTION_FAILED)
		;
	tap_ok(kind == CONNECTION_KEPT && hear(fd) == 'A',
		   "kept ones are given meanwhile");
	connections_give(c, fd, false);
	most_files(before.rlim_cur);
	tap_ok(next_is(c, CONNECTION_NEW, 'b', &fd), "it is given once it can");
	connections_give(c, fd, false);
	tap_ok(connections_next(c, &fd) == CONNECTION_STOP, "then it comes");
	end(c, a, b);

	c = connections_new(listen_fd, 8, NULL);
	a = client();
	connections_stop(c, false, 0);
	most_files(0);
	tap_ok(connections_next(c, &fd) == CONNECTION_STOP,
		   "or when the time is up");
	most_files(before.rlim_cur);
	(void) close(a);
	connections_free(c);
}

static _Atomic int answered;

/* answer -- a worker: a byte back for each, and now and then closes. */
static void *
answer(void *arg)
{
	struct connections *c = arg;
	int fd;

	while (connections_next(c, &fd) != CONNECTION_STOP)
	{
		int byte = hear(fd);

		if (byte > 0)
		{
			say(fd, (char) byte);
			(void) atomic_fetch_add(&answered, 1);
		}
		connections_give(c, fd, byte > 0 && byte != 'z');
	}
	return NULL;
}

/* ask -- a client: ROUNDS bytes, the last of which ends the connection. */
static void *
ask(void *arg)
{
	bool *good = arg;
	int fd = client();

	*good = true;
	for (int i = 0; i < ROUNDS && *good; i++)
	{
		char byte = (char) (i % 50 == 49 ? 'z' : 'a' + i % 20);

		say(fd, byte);
		*good = hear(fd) == byte;
		if (byte == 'z')
		{
			*good = *good && hear(fd) == 0;
			(void) close(fd);
			fd = client();
		}
	}
	(void) close(fd);
	return NULL;
}

static void
test_threads(int listen_fd)
{
	struct connections *c = connections_new(listen_fd, CLIENTS, NULL);
	pthread_t workers[THREADS];
	pthread_t clients[CLIENTS];
	bool good[CLIENTS];
	int all = 0;

	for (int i = 0; i < THREADS; i++)
		(void) pthread_create(&workers[i], NULL, answer, c);
	for (int i = 0; i < CLIENTS; i++)
		(void) pthread_create(&clients[i], NULL, ask, &good[i]);
	for (int i = 0; i < CLIENTS; i++)
	{
		(void) pthread_join(clients[i], NULL);
		all += good[i];
	}
	connections_stop(c, false, 5000);
	for (int i = 0; i < THREADS; i++)
		(void) pthread_join(workers[i], NULL);
	tap_ok(all == CLIENTS, "every client hears all its bytes");
	tap_ok(atomic_load(&answered) == CLIENTS * ROUNDS,
		   "each is answered once");
	connections_free(c);
}

int
main(void)
{
	int listen_fd = listening();

	test_kept(listen_fd);
	test_ended(listen_fd);
	test_too_many(listen_fd);
	test_stop(listen_fd);
	test_grace(listen_fd);
	test_stop_without_files(listen_fd);
	test_threads(listen_fd);
	(void) close(listen_fd);
	(void) unlink(address.sun_path);
	return tap_done();
}
