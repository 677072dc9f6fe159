/*
 * test_db.c
 *	  A connection's settings: what is asked, what counts as that; and what is
 *	  asked of TCP.  Statements need a server: t/.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "db.h"
#include "db_settings.h"
#include "log.h"
#include "tap.h"

/* ------------------------------------------------------------------------
 * Settings
 */

static struct db_settings settings;
static char problem[DB_SETTINGS_PROBLEM_BYTES];

static bool
check(const char *name, const char *value)
{
	problem[0] = '\0';
	return db_settings_check(&settings, name, value, "tally_reader", problem);
}

static void
test_settings(void)
{
	db_settings_make(&settings, 10000, true);
	tap_ok(strstr(settings.options, "-c statement_timeout=10000 ") != NULL,
		   "the timeout is asked for");
	tap_ok(strstr(settings.options, "-c default_transaction_read_only=on ") !=
			   NULL,
		   "and that nothing is written");
	tap_ok(strstr(settings.options,
				  "-c plan_cache_mode=force_generic_plan ") != NULL,
		   "and what comes last in the table");
	tap_str(settings.names,
			"{search_path,TimeZone,DateStyle,bytea_output,statement_timeout,"
			"lock_timeout,idle_in_transaction_session_timeout,"
			"client_connection_check_interval,default_transaction_read_only}",
			"these are looked at");

	tap_ok(check("lock_timeout", "1s"), "1s is 1000");
	tap_ok(check("lock_timeout", "1000ms"), "1000ms, too");
	tap_ok(check("statement_timeout", "10s"), "10s is 10000");
	tap_ok(!check("statement_timeout", "10min"), "10min is not");
	tap_ok(!check("statement_timeout", "10"), "nor is 10");
	tap_ok(!check("statement_timeout", ""), "nor is nothing");
	tap_ok(!check("statement_timeout", "10s "), "nor what ends otherwise");
	tap_ok(check("TimeZone", "UTC"), "UTC is UTC");
	tap_ok(!check("TimeZone", "UTC+1"), "UTC+1 is not");
	tap_ok(check("DateStyle", "ISO, DMY"), "ISO, whatever comes behind it");
	tap_ok(!check("DateStyle", "SQL, DMY"), "but nothing else");
	tap_ok(!check("search_path", "pg_catalog, public"),
		   "one more schema is one too many");
	tap_ok(check("default_transaction_read_only", "on"), "read only");
	tap_ok(!check("default_transaction_read_only", "off"), "or not");
	db_settings_make(&settings, 90000, false);
	tap_ok(check("default_transaction_read_only", "off"),
		   "a writer's may write");
	tap_ok(!check("default_transaction_read_only", "on"), "and must be able");
	tap_ok(check("statement_timeout", "90s"), "90s is 90000");
	db_settings_make(&settings, 120000, false);
	tap_ok(check("statement_timeout", "2min"), "2min is 120000");
	db_settings_make(&settings, 3600000, false);
	tap_ok(check("statement_timeout", "1h"), "1h is 3600000");

	tap_ok(!check("lock_timeout", "0"), "no limit is not one of 1 s");
	tap_str(
		problem,
		"the connection's lock_timeout is 0, 1000 was asked: does a pooler "
		"between drop the settings (\"options\") of a connection? Connect "
		"to the server itself, or let the role have them: ALTER ROLE "
		"tally_reader SET lock_timeout = '1000'",
		"it is said what is, what was asked, and what to do");
	tap_ok(!check("client_connection_check_interval", NULL),
		   "a setting that the server does not know");
	tap_ok(strstr(problem, " is not known, ") != NULL, "is said to be so");
}

/* ------------------------------------------------------------------------
 * TCP
 */

static char conninfo[128];

static struct db *db;
static int64_t stopped_ms;

/* connect_once -- to somebody who takes the connection and says nothing. */
static void *
connect_once(void *arg)
{
	struct db_options options = {
		.conninfo = conninfo,
		.application_name = "test",
		.max_connections = 1,
		.connect_timeout_ms = 10000,
		.statement_timeout_ms = 1000,
	};
	struct db_error error;
	struct db_call call = {.stmt = STMT_HEARTBEAT, .watch_fd = -1};

	(void) arg;
	db = db_new(&options);
	if (db == NULL)
		abort();
	call.wait_deadline_ms = call.deadline_ms = clock_mono_ms() + 10000;
	(void) db_run(db, &call, &error);
	db_free(db);
	return NULL;
}

/* end_at -- our own descriptor that is bound to that address, or -1. */
static int
end_at(const struct sockaddr_in *wanted)
{
	for (int fd = 0; fd < 256; fd++)
	{
		struct sockaddr_in addr;
		socklen_t len = sizeof(addr);

		if (getsockname(fd, (struct sockaddr *) &addr, &len) == 0 &&
			addr.sin_family == AF_INET && addr.sin_port == wanted->sin_port)
			return fd;
	}
	return -1;
}

static int
tcp_option(int fd, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, IPPROTO_TCP, option, &value, &len) == 0 ? value : -1;
}

/* connected -- to "listener", with more in the connection string; look() at
 * the socket while it waits for the server's first word, and end that. */
static void
connected(int listener, const char *more, void (*look)(int fd))
{
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	pthread_t thread;
	int server;

	if (getsockname(listener, (struct sockaddr *) &addr, &len) != 0)
		abort();
	(void) snprintf(conninfo,
					sizeof(conninfo),
					"host=127.0.0.1 port=%d sslmode=disable %s",
					ntohs(addr.sin_port),
					more);
	if (pthread_create(&thread, NULL, connect_once, NULL) != 0)
		abort();
	len = sizeof(addr);
	server = accept(listener, (struct sockaddr *) &addr, &len);
	look(end_at(&addr));
	stopped_ms = clock_mono_ms();
	db_stop(db);
	(void) pthread_join(thread, NULL);
	(void) close(server);
}

static void
look_at_defaults(int fd)
{
	tap_int(tcp_option(fd, TCP_USER_TIMEOUT),
			5000,
			"what was sent must be acknowledged within 5 s");
	tap_int(tcp_option(fd, TCP_KEEPIDLE), 2, "silence is looked into after 2");
	tap_int(tcp_option(fd, TCP_KEEPINTVL), 1, "each second");
	tap_int(tcp_option(fd, TCP_KEEPCNT), 3, "three times");
}

static void
look_at_configured(int fd)
{
	tap_int(tcp_option(fd, TCP_USER_TIMEOUT),
			7000,
			"what the configuration says stands over it");
	tap_int(tcp_option(fd, TCP_KEEPIDLE), 70, "the same of the others");
	tap_int(tcp_option(fd, TCP_KEEPCNT), 3, "what it does not say stays");
}

static void
test_tcp(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *) &addr, sizeof(addr)) != 0 ||
		listen(listener, 1) != 0)
		abort();
	connected(listener, "", look_at_defaults);
	connected(listener,
			  "tcp_user_timeout=7000 keepalives_idle=70",
			  look_at_configured);
	tap_ok(clock_mono_ms() - stopped_ms < 1000,
		   "who connects gives it up when the program ends");
	(void) close(listener);
}

int
main(void)
{
	log_set_level(LOG_LEVEL_ERROR);
	test_settings();
	test_tcp();
	return tap_done();
}
