/*
 * test_quarantine.c
 *	  Queries that did harm: for how long, from when on, what other programs
 *	  know of them, and what those leave that die.
 *
 * Another program is a child here, which lives and dies as the test says.
 */
#define _XOPEN_SOURCE 700 /* mkdtemp() */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "quarantine.h"
#include "tap.h"

#define LENGTH_MS 60000
/* A time of this boot's clock, which the tests go on from. */
#define NOW 1000

static char dir[] = "/tmp/tally-quarantine-XXXXXX";
static char file[sizeof(dir) + sizeof("/quarantine")];

static enum quarantine_reason
found(struct quarantine *q, uint64_t fingerprint, int64_t now_ms)
{
	int64_t left_ms;

	return quarantine_find(q, fingerprint, now_ms, &left_ms);
}

/* ------------------------------------------------------------------------
 * One program
 */

static void
test_alone(void)
{
	struct quarantine *q = quarantine_new("", LENGTH_MS, NOW);
	int64_t left_ms;
	uint64_t i;

	tap_int(found(q, 7, 5), QUARANTINE_NONE, "nothing");
	quarantine_timeout(q, 7, 1000);
	tap_int(quarantine_find(q, 7, 60999, &left_ms),
			QUARANTINE_TIMEOUT,
			"who took all its time is in it");
	tap_int(left_ms, 1, "until it has been a minute");
	tap_int(found(q, 7, 61000), QUARANTINE_NONE, "no more");

	quarantine_loss(q, 9, 100000);
	tap_int(found(q, 9, 100001),
			QUARANTINE_NONE,
			"one lost connection is none");
	tap_int(quarantine_count(q, 100001), 0, "nor is it counted");
	quarantine_loss(q, 9, 170000);
	tap_int(found(q, 9, 170001), QUARANTINE_NONE, "a second one, much later");
	quarantine_loss(q, 9, 170500);
	tap_int(found(q, 9, 170501),
			QUARANTINE_NONE,
			"what comes with it is the same one");
	quarantine_loss(q, 9, 173000);
	tap_int(found(q, 9, 173001),
			QUARANTINE_LOST,
			"a third one after it is one too many");
	tap_int(quarantine_count(q, 173001), 1, "counted");
	quarantine_loss(q, 9, 176000);
	tap_int(quarantine_entered(q), 2, "each time it was put there, once");

	for (i = 100; i < 100 + 2 * QUARANTINE_PLACES; i++)
		quarantine_timeout(q, i, 200000 + (int64_t) i);
	tap_int(quarantine_count(q, 201000), QUARANTINE_PLACES, "it is bounded");
	tap_int(found(q, i - 1, 201000), QUARANTINE_TIMEOUT, "the newest stay");
	quarantine_free(q);

	q = quarantine_new("", 0, NOW);
	quarantine_timeout(q, 7, NOW);
	tap_int(found(q, 7, NOW), QUARANTINE_NONE, "a length of 0 is none");
	tap_int(quarantine_entered(q), 0, "nor counted");
	quarantine_free(q);
}

/* ------------------------------------------------------------------------
 * Several
 */

struct other
{
	pid_t pid;
	int said; /* readable when it has done what it does */
};

/* Is what it says by its highest descriptor?  Else its lowest. */
static bool is_highest;
#define HIGHEST 1000

/* other -- a program that does that, and then stands still. */
static struct other
other(void (*does)(struct quarantine *q))
{
	int fds[2] = {-1, -1};
	struct other other = {0};

	if (pipe(fds) != 0)
		exit(EXIT_FAILURE);
	other.said = fds[0];
	other.pid = fork();
	if (other.pid == 0)
	{
		struct quarantine *q = quarantine_new(file, LENGTH_MS, NOW);

		if (is_highest && dup2(fds[1], HIGHEST) == HIGHEST)
		{
			(void) close(fds[1]);
			fds[1] = HIGHEST;
			/* much to close between the two */
			for (int i = 0; i < HIGHEST / 2 - 20; i++)
				if (pipe((int[2]){0}) != 0)
					break;
		}

		does(q);
		if (write(fds[1], "", 1) != 1)
			_exit(EXIT_FAILURE);
		(void) pause();
		_exit(EXIT_SUCCESS);
	}
	(void) close(fds[1]);
	return other;
}

static void
wait_until_done(const struct other *other)
{
	char c;

	if (read(other->said, &c, 1) != 1)
		exit(EXIT_FAILURE);
}

static void
kill_it(const struct other *other)
{
	int status;

	(void) kill(other->pid, SIGKILL);
	(void) waitpid(other->pid, &status, 0);
	(void) close(other->said);
}

static void
runs_7(struct quarantine *q)
{
	quarantine_begin(q, 3, 7);
}

static void
runs_7_twice(struct quarantine *q)
{
	quarantine_begin(q, 0, 7);
	quarantine_begin(q, QUARANTINE_SLOTS - 1, 7);
}

static void
runs_7_and_8(struct quarantine *q)
{
	quarantine_begin(q, 0, 7);
	quarantine_begin(q, 1, 8);
}

static void
ran_7(struct quarantine *q)
{
	quarantine_begin(q, 0, 7);
	quarantine_end(q, 0);
}

static void
timed_out_7(struct quarantine *q)
{
	quarantine_timeout(q, 7, NOW);
}

static void
lost_7(struct quarantine *q)
{
	quarantine_loss(q, 7, NOW);
}

static void
leaves_7(struct quarantine *q)
{
	quarantine_begin(q, 0, 7);
	quarantine_leave(q);
}

static uint64_t runs_now;

static void
runs_that(struct quarantine *q)
{
	quarantine_begin(q, 0, runs_now);
}

static void
does_nothing(struct quarantine *q)
{
	(void) q;
}

static void
test_lives(void)
{
	struct quarantine *q = quarantine_new(file, LENGTH_MS, NOW);
	struct other one = other(timed_out_7);
	struct other two;

	wait_until_done(&one);
	tap_int(found(q, 7, NOW),
			QUARANTINE_TIMEOUT,
			"what another knows is known");
	tap_int(found(q, 7, NOW + LENGTH_MS), QUARANTINE_NONE, "as long as there");
	tap_int(quarantine_count(q, NOW), 0, "each counts its own");
	kill_it(&one);
	tap_int(found(q, 7, NOW), QUARANTINE_TIMEOUT, "it outlives who knew");
	quarantine_free(q);
	q = quarantine_new(file, LENGTH_MS, NOW);
	tap_int(found(q, 7, NOW), QUARANTINE_TIMEOUT, "and a restart");
	quarantine_free(q);

	(void) unlink(file);
	q = quarantine_new(file, LENGTH_MS, NOW);
	one = other(runs_7);
	wait_until_done(&one);
	tap_int(found(q, 7, NOW), QUARANTINE_NONE, "what another runs is no harm");
	two = other(lost_7);
	wait_until_done(&two);
	tap_int(found(q, 7, NOW), QUARANTINE_NONE, "nor one loss of another");
	quarantine_loss(q, 7, NOW + 500);
	tap_int(found(q, 7, NOW + 500),
			QUARANTINE_NONE,
			"nor what is lost here at the same time");
	quarantine_loss(q, 7, NOW + 4000);
	tap_int(found(q, 7, NOW + 4000),
			QUARANTINE_LOST,
			"with one later there are two");
	kill_it(&one);
	kill_it(&two);
	quarantine_free(q);
}

/* dies -- what the next one, or one that lives, says of 7 and 8. */
static void
dies(void (*does)(struct quarantine *q), enum quarantine_reason seven,
	 enum quarantine_reason eight, const char *title)
{
	int restarted;

	for (restarted = 0; restarted < 2; restarted++)
	{
		struct quarantine *q = NULL;
		struct other one;

		(void) unlink(file);
		if (!restarted)
			q = quarantine_new(file, LENGTH_MS, NOW);
		one = other(does);
		wait_until_done(&one);
		kill_it(&one);
		if (restarted)
			q = quarantine_new(file, LENGTH_MS, NOW);
		tap_int(found(q, 7, NOW), seven, title);
		tap_int(found(q, 8, NOW),
				eight,
				restarted ? "... says the next one" : "... says another");
		quarantine_free(q);
	}
}

/* Whoever learns of a death by a connection that breaks, and asks another one the
 * same, must find it dead: whatever is closed first. */
static void
test_at_once(void)
{
	struct quarantine *q;
	int late = 0;
	int i;

	(void) unlink(file);
	q = quarantine_new(file, LENGTH_MS, NOW);
	for (i = 0; i < 100; i++)
	{
		const uint64_t fingerprint = 1000 + (uint64_t) i;
		struct other one;
		char c;
		int status;

		is_highest = i % 2;
		runs_now = fingerprint;
		one = other(runs_that);
		wait_until_done(&one);
		(void) kill(one.pid, SIGKILL);
		while (read(one.said, &c, 1) > 0)
			;
		late += found(q, fingerprint, NOW) != QUARANTINE_KILLED;
		(void) waitpid(one.pid, &status, 0);
		(void) close(one.said);
	}
	is_highest = false;
	tap_int(late, 0, "who hears of it finds it dead");
	quarantine_free(q);
}

static void
test_deaths(void)
{
	struct quarantine *q;
	struct other one;

	dies(runs_7,
		 QUARANTINE_KILLED,
		 QUARANTINE_NONE,
		 "it died of the only one");
	dies(runs_7_twice, QUARANTINE_KILLED, QUARANTINE_NONE, "in two slots");
	dies(runs_7_and_8, QUARANTINE_NONE, QUARANTINE_NONE, "or of one of two");
	dies(ran_7, QUARANTINE_NONE, QUARANTINE_NONE, "or of none that had ended");
	dies(leaves_7, QUARANTINE_NONE, QUARANTINE_NONE, "or it ended itself");

	(void) unlink(file);
	q = quarantine_new(file, LENGTH_MS, NOW);
	one = other(runs_7_and_8);
	wait_until_done(&one);
	kill_it(&one);
	(void) found(q, 8, NOW);
	one = other(runs_7);
	wait_until_done(&one);
	kill_it(&one);
	tap_int(found(q, 8, NOW), QUARANTINE_NONE, "dead once beside another");
	tap_int(found(q, 7, NOW), QUARANTINE_KILLED, "who is there again");
	quarantine_free(q);

	(void) unlink(file);
	q = quarantine_new(file, LENGTH_MS, NOW);
	one = other(runs_7_and_8);
	wait_until_done(&one);
	kill_it(&one);
	(void) found(q, 7, NOW);
	one = other(runs_7_and_8);
	wait_until_done(&one);
	kill_it(&one);
	tap_int(found(q, 7, NOW),
			QUARANTINE_KILLED,
			"twice with the same beside it");
	tap_int(quarantine_entered(q), 2, "is both of them");
	quarantine_free(q);
}

/* ------------------------------------------------------------------------
 * The file
 */

static void
spoil(off_t at, const char *with)
{
	int fd = open(file, O_WRONLY | O_CREAT, 0600);

	if (pwrite(fd, with, strlen(with), at) < 0)
		tap_ok(false, "cannot write the file");
	(void) close(fd);
}

/* starts_afresh -- from what the file is now. */
static void
starts_afresh(const char *title)
{
	struct quarantine *q = quarantine_new(file, LENGTH_MS, NOW);

	tap_int(found(q, 7, NOW), QUARANTINE_NONE, title);
	quarantine_timeout(q, 7, NOW);
	quarantine_free(q);
	q = quarantine_new(file, LENGTH_MS, NOW);
	tap_int(found(q, 7, NOW), QUARANTINE_TIMEOUT, "... and is in use");
	quarantine_free(q);
}

static void
fill(char with)
{
	struct stat st = {0};
	int fd = open(file, O_WRONLY);
	off_t at;

	(void) fstat(fd, &st);
	for (at = 0; at < st.st_size; at++)
		if (pwrite(fd, &with, 1, at) != 1)
			tap_ok(false, "cannot fill the file");
	(void) close(fd);
}

/* fresh_says -- a new program, in a process of its own, of that query; "knows":
 * by others, or it is told first. */
static bool
fresh_says(bool knows, uint64_t fingerprint, enum quarantine_reason reason)
{
	const pid_t pid = fork();
	int status = 0;

	if (pid == 0)
	{
		struct quarantine *q = quarantine_new(file, LENGTH_MS, NOW);

		if (!knows)
			quarantine_timeout(q, fingerprint, NOW);
		_exit(found(q, fingerprint, NOW) == reason ? 0 : 1);
	}
	(void) waitpid(pid, &status, 0);
	return status == 0;
}

static void
test_file(void)
{
	struct other all[QUARANTINE_ROWS];
	struct quarantine *q;
	struct stat st = {0};
	uint64_t fingerprint;
	int i;

	(void) unlink(file);
	starts_afresh("a new file");
	(void) stat(file, &st);
	tap_int(st.st_mode & 0777, 0600, "is nobody else's");
	spoil(0, "tally-quarant-0");
	starts_afresh("of another version");
	spoil(16, "00000000");
	starts_afresh("of another boot");
	if (truncate(file, 100) != 0)
		tap_ok(false, "cannot shorten the file");
	starts_afresh("too short");

	q = quarantine_new(file, LENGTH_MS, NOW);
	fingerprint = quarantine_fingerprint(q, "text", 4);
	quarantine_timeout(q, 9, NOW);
	for (i = 0; i < QUARANTINE_ROWS - 1; i++)
	{
		all[i] = other(does_nothing);
		wait_until_done(&all[i]);
	}
	tap_ok(fresh_says(true, 9, QUARANTINE_NONE), "one too many is alone");
	kill_it(&all[0]);
	tap_ok(fresh_says(true, 9, QUARANTINE_TIMEOUT),
		   "as many as there are rows share it");
	for (i = 1; i < QUARANTINE_ROWS - 1; i++)
		kill_it(&all[i]);
	quarantine_free(q);
	q = quarantine_new(file, LENGTH_MS, NOW);
	tap_ok(quarantine_fingerprint(q, "text", 4) == fingerprint,
		   "a text keeps its fingerprint");

	/* what somebody else wrote into it, all over */
	fill('x');
	tap_int(found(q, 9, NOW), QUARANTINE_NONE, "nonsense is nothing");
	tap_int(quarantine_count(q, NOW) >= 0, 1, "and does no harm");
	quarantine_free(q);

	(void) unlink(file);
	if (symlink("/etc/hostname", file) != 0)
		tap_ok(false, "cannot link the file");
	tap_ok(fresh_says(false, 9, QUARANTINE_TIMEOUT),
		   "without a file, too, this one knows it");
	(void) unlink(file);

	/* what is not ours stays as it is */
	spoil(0, "keys");
	tap_ok(fresh_says(false, 9, QUARANTINE_TIMEOUT), "another's file");
	(void) stat(file, &st);
	tap_int(st.st_size, 4, "is left alone");
	(void) unlink(file);
	(void) mkfifo(file, 0600);
	tap_ok(fresh_says(false, 9, QUARANTINE_TIMEOUT), "so is a pipe");
	(void) stat(file, &st);
	tap_ok(S_ISFIFO(st.st_mode), "... by that name");
	(void) unlink(file);
	q = quarantine_new(file, LENGTH_MS, NOW);
	quarantine_timeout(q, 9, NOW);
	quarantine_free(q);
	(void) chmod(file, 0666);
	tap_ok(fresh_says(true, 9, QUARANTINE_NONE),
		   "what all may write is not read");
	(void) unlink(file);
}

int
main(void)
{
	if (mkdtemp(dir) == NULL)
		return EXIT_FAILURE;
	(void) snprintf(file, sizeof(file), "%s/quarantine", dir);
	(void) fflush(stdout);
	setvbuf(stdout, NULL, _IOLBF, 0);
	test_alone();
	test_lives();
	test_deaths();
	test_at_once();
	test_file();
	(void) rmdir(dir);
	return tap_done();
}
