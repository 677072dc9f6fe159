/*
 * worker.c
 *	  Threads that take requests from one unix socket, and how they end.
 *
 * On stopping, what nginx managed to connect is still served, and what it sends
 * on connections that it keeps, until it closes them (connections.h): so
 * nothing is lost, and an idle program ends at once.
 *
 * A socket that was inherited (systemd's LISTEN_FDS) is others' too: it is left
 * as it is, for the next start, and what queues there meanwhile waits.
 */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "connections.h"
#include "log.h"
#include "request_fcgi.h"
#include "sync.h"

/* After an error of accept(): out of descriptors or memory, mostly. */
#define ACCEPT_PAUSE_MS 50
#define STOP_LOOK_MS 5
#define SOCKET_MODE 0660
#define INHERITED_FD 3
/* nginx closes each connection half a second after it was made, or when it has
 * been idle for a quarter. */
#define KEPT_GRACE_MS 2000

struct worker
{
	int listen_fd;
	bool inherited;
	char path[sizeof(((struct sockaddr_un *) 0)->sun_path)];
	struct connections *connections;
	bool keeps; /* connections between two requests */
	struct request_set *set;
	const struct service *service;
	struct metrics *metrics;
	_Atomic int64_t accept_logged_ms;
	int nthreads; /* started and not joined */
	pthread_t *threads;
};

/* ------------------------------------------------------------------------
 * Signals
 */

static void
awaited_signals(sigset_t *set)
{
	(void) sigemptyset(set);
	(void) sigaddset(set, SIGTERM);
	(void) sigaddset(set, SIGINT);
	(void) sigaddset(set, SIGHUP);
}

bool
worker_setup(void)
{
	sigset_t set;

	awaited_signals(&set);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
		pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return false;

	/* Both are read once, by FCGX_Init(), and are 2 s by default.  The first:
	 * how long a close waits for the peer to close too; 0, since the stream
	 * was read to its end.  The second: how long a connection that libfcgi
	 * itself accepts may be silent. */
	if (setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "0", 1) != 0 ||
		setenv("LIBFCGI_IS_AF_UNIX_KEEPER_POLL_TIMEOUT", "500", 1) != 0)
		return false;
	return FCGX_Init() == 0;
}

int
worker_wait_signal(void)
{
	sigset_t set;
	int number = 0;

	awaited_signals(&set);
	while (sigwait(&set, &number) != 0)
		;
	return number;
}

/* ------------------------------------------------------------------------
 * The socket
 */

static bool
say(char *message, const char *what, const char *name)
{
	(void) snprintf(message,
					WORKER_MESSAGE_BYTES,
					"%s \"%s\": %s",
					what,
					name,
					strerror(errno));
	return false;
}

/* is_served -- does somebody answer on the socket of that address? */
static bool
is_served(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	bool served;

	if (fd < 0)
		return false;
	served = connect(fd, (const struct sockaddr *) addr, sizeof(*addr)) == 0;
	(void) close(fd);
	return served;
}

/* own_socket -- mode and group, before anybody is told of the socket. */
static bool
own_socket(const char *path, const char *group, char *message)
{
	const struct group *entry;

	if (*group != '\0')
	{
		errno = 0;
		entry = getgrnam(group);
		if (entry == NULL)
		{
			errno = errno != 0 ? errno : ENOENT;
			return say(message, "group", group);
		}
		if (chown(path, (uid_t) -1, entry->gr_gid) != 0)
			return say(message, "cannot give socket to group", group);
	}
	if (chmod(path, SOCKET_MODE) != 0)
		return say(message, "cannot set the mode of socket", path);
	return true;
}

/*
 * inherited_socket -- the one that the starter passed on to this very process;
 * -1 if there is none, or none of the right kind.
 */
static int
inherited_socket(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *count = getenv("LISTEN_FDS");
	struct sockaddr_un addr;
	socklen_t len = sizeof(addr);

	if (pid == NULL || count == NULL || strcmp(count, "1") != 0 ||
		strtol(pid, NULL, 10) != (long) getpid() ||
		getsockname(INHERITED_FD, (struct sockaddr *) &addr, &len) != 0 ||
		addr.sun_family != AF_UNIX ||
		fcntl(INHERITED_FD, F_SETFD, FD_CLOEXEC) != 0)
		return -1;
	return INHERITED_FD;
}

/*
 * open_socket -- bind and listen; the descriptor, or -1.
 *
 * Only a unix socket will do: libfcgi trusts what it reads, and who can
 * connect can say of every request where it comes from, so nobody but the
 * web server's group may.
 */
static int
open_socket(const struct worker_options *options, char *message)
{
	const char *path = options->listen;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	mode_t mask;
	bool bound;
	int fd;

	if (*path != '/' || strlen(path) >= sizeof(addr.sun_path))
	{
		(void) snprintf(message,
						WORKER_MESSAGE_BYTES,
						"listen must be the absolute path of a unix socket, "
						"shorter than %zu bytes; TCP is not served",
						sizeof(addr.sun_path));
		return -1;
	}
	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (is_served(&addr))
	{
		errno = EADDRINUSE;
		(void) say(message, "cannot listen on", path);
		return -1;
	}
	(void) unlink(path); /* left by one that was killed */

	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0)
	{
		(void) say(message, "cannot make socket", path);
		return -1;
	}
	mask = umask(0177);
	bound = bind(fd, (const struct sockaddr *) &addr, sizeof(addr)) == 0;
	(void) umask(mask);
	if (!bound)
		(void) say(message, "cannot bind to", path);
	else if (listen(fd, options->backlog) != 0)
		bound = say(message, "cannot listen on", path);
	else
		bound = own_socket(path, options->group, message);
	if (!bound)
	{
		(void) close(fd);
		return -1;
	}
	return fd;
}

/* ------------------------------------------------------------------------
 * The threads
 */

static void
accept_failed(struct worker *worker)
{
	const int error = errno;

	metrics_add(worker->metrics, METRIC_ACCEPT_ERRORS, 1);
	if (log_is_due(&worker->accept_logged_ms, clock_mono_ms(), 1000))
		log_note(LOG_LEVEL_ERROR, "accept_failed", "error", strerror(error));
	clock_sleep_ms(ACCEPT_PAUSE_MS);
}

/* run -- one thread: take, dispatch, finish, until there is no more. */
static void *
run(void *arg)
{
	struct worker *worker = arg;
	struct request *req;

	while ((req = request_set_take(worker->set)) != NULL)
	{
		int fd;
		enum connection_kind kind = connections_next(worker->connections, &fd);

		if (kind == CONNECTION_NEW || kind == CONNECTION_KEPT)
		{
			request_begin(req, fd, kind);
			if (dispatch(req, worker->service) == HANDLED_NOW)
				request_finish(req);
			continue;
		}
		request_set_give(worker->set, req);
		if (kind == CONNECTION_STOP)
			break;
		accept_failed(worker);
	}
	return NULL;
}

static void
join_all(struct worker *worker)
{
	while (worker->nthreads > 0)
		(void) pthread_join(worker->threads[--worker->nthreads], NULL);
}

/* stop_accepting -- what is queued is still served; see the top. */
static void
stop_accepting(struct worker *worker, int64_t timeout_ms)
{
	if (!worker->inherited)
		(void) unlink(worker->path);
	connections_stop(worker->connections,
					 worker->inherited,
					 worker->keeps && timeout_ms > KEPT_GRACE_MS
						 ? KEPT_GRACE_MS
						 : timeout_ms);
}

struct worker *
worker_start(const struct worker_options *options,
			 char message[WORKER_MESSAGE_BYTES])
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int i;

	(void) snprintf(message, WORKER_MESSAGE_BYTES, "out of memory");
	if (worker == NULL)
		return NULL;
	worker->service = options->service;
	worker->metrics = options->metrics;
	worker->threads = calloc((size_t) options->threads, sizeof(pthread_t));
	worker->listen_fd = inherited_socket();
	worker->inherited = worker->listen_fd >= 0;
	if (!worker->inherited)
		worker->listen_fd = open_socket(options, message);
	if (worker->threads == NULL || worker->listen_fd < 0)
		goto fail;
	memcpy(worker->path, options->listen, strlen(options->listen) + 1);
	worker->keeps = options->kept > 0;
	worker->connections =
		connections_new(worker->listen_fd, options->kept, options->metrics);
	if (worker->connections == NULL)
		goto fail;
	worker->set = request_set_new(options->requests > options->threads
									  ? options->requests
									  : options->threads,
								  options->max_body_bytes,
								  options->log_requests,
								  options->metrics,
								  worker->connections);
	if (worker->set == NULL)
		goto fail;

	for (i = 0; i < options->threads; i++)
	{
		if (!sync_thread_start(&worker->threads[i], run, worker))
		{
			(void) snprintf(message,
							WORKER_MESSAGE_BYTES,
							"cannot start thread %d",
							i);
			stop_accepting(worker, 0);
			request_set_stop(worker->set);
			join_all(worker);
			goto fail;
		}
		worker->nthreads++;
	}
	return worker;

fail:
	worker_free(worker);
	return NULL;
}

/* wait_idle -- until no structure is in use; false when time is up. */
static bool
wait_idle(struct worker *worker, int64_t deadline_ms)
{
	while (request_set_busy(worker->set) > 0)
	{
		if (clock_mono_ms() >= deadline_ms)
			return false;
		clock_sleep_ms(STOP_LOOK_MS);
	}
	return true;
}

/*
 * worker_stop -- the threads end by themselves once everybody has been served,
 * when they have a structure to look for work with; those are free again when
 * the answers that come later are sent.  A thread between two requests is not
 * counted and may take one more, so after the threads have ended it is looked
 * again.
 */
bool
worker_stop(struct worker *worker, int64_t timeout_ms)
{
	const int64_t deadline_ms = clock_mono_ms() + timeout_ms;

	stop_accepting(worker, timeout_ms);
	if (!wait_idle(worker, deadline_ms))
		return false;
	request_set_stop(worker->set);
	join_all(worker);
	return wait_idle(worker, deadline_ms);
}

void
worker_free(struct worker *worker)
{
	if (worker == NULL)
		return;
	request_set_free(worker->set);
	connections_free(worker->connections);
	if (worker->listen_fd >= 0)
		(void) close(worker->listen_fd);
	free(worker->threads);
	free(worker);
}
