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
	quarantine_loss(q, 9, 171000);
	tap_int(found(q, 9, 171001),
			QUARANTINE_LOST,
			"a third one soon after is one too many");
	tap_int(quarantine_count(q, 171001), 1, "counted");
	quarantine_loss(q, 9, 172000);
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
	quarantine_loss(q, 7, NOW);
	tap_int(found(q, 7, NOW), QUARANTINE_LOST, "with one here there are two");
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
	int fd = open(file, O_WRONLY);

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
test_file(void)
{
	struct quarantine *all[QUARANTINE_ROWS + 1];
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

	for (i = 0; i <= QUARANTINE_ROWS; i++)
		all[i] = quarantine_new(file, LENGTH_MS, NOW);
	fingerprint = quarantine_fingerprint(all[0], "text", 4);
	tap_ok(quarantine_fingerprint(all[QUARANTINE_ROWS - 1], "text", 4) ==
			   fingerprint,
		   "a text has the same fingerprint in all programs");
	quarantine_timeout(all[0], 9, NOW);
	tap_int(found(all[QUARANTINE_ROWS - 1], 9, NOW),
			QUARANTINE_TIMEOUT,
			"as many as there are rows share it");
	tap_int(found(all[QUARANTINE_ROWS], 9, NOW),
			QUARANTINE_NONE,
			"one more is alone");
	for (i = 0; i <= QUARANTINE_ROWS; i++)
		quarantine_free(all[i]);

	(void) unlink(file);
	if (symlink("/etc/hostname", file) != 0)
		tap_ok(false, "cannot link the file");
	all[0] = quarantine_new(file, LENGTH_MS, NOW);
	quarantine_timeout(all[0], 9, NOW);
	tap_int(found(all[0], 9, NOW),
			QUARANTINE_TIMEOUT,
			"without a file, too, this one knows it");
	quarantine_free(all[0]);
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
	test_file();
	(void) rmdir(dir);
	return tap_done();
}
