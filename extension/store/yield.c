/*-------------------------------------------------------------------------
 *
 * yield.c
 *	  Storing events gives way to who else needs a processor.
 *
 * Events that wait in a spool are safe; who posts one, or asks, is waiting.
 * A client that takes events from a spool therefore sets tally.ingest_nice in
 * its connection.  With it the session is nice, and pauses now and then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "guc.h"
#include "store/yield.h"

/*
 * Where Linux schedules by session ("autogroup"), and every backend is one, a
 * process's own nice value counts only within it, and this file holds the
 * session's.  Elsewhere there is no such file.
 */
#define SESSION_NICE_FILE "/proc/self/autogroup"

/*
 * Between two pauses, and of one: the least that there is, which Linux makes
 * some 50 microseconds.  Who waits for the processor has it then, but while
 * rows are written to their pages or a transaction is committed.
 *
 * Being nice is not enough: a kernel that does not preempt lets whoever runs
 * go on to the next tick of its clock, up to 4 ms, while another processor may
 * even be idle.  Nor is sched_yield(): where sessions are scheduled as groups
 * it gives way to others of its own session only.
 */
#define PAUSE_EVERY_NS 250000
static const struct timespec shortest_pause = {0, 1};

/* After so much work the clock is looked at. */
#define BYTES_A_LOOK 4096

static void
yield_session(int nice)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", nice);
	int fd = open(SESSION_NICE_FILE, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	/* Where it is refused the process's own value must do. */
	if (write(fd, text, len) != len)
		elog(DEBUG1, "could not write %s: %m", SESSION_NICE_FILE);
	(void) close(fd);
}

void
tally_yield(void)
{
	static int given = 0;

	if (tally_ingest_nice <= given)
		return;
	given = tally_ingest_nice;
	/* Who was made nicer by others stays so. */
	if (getpriority(PRIO_PROCESS, 0) < given &&
		setpriority(PRIO_PROCESS, 0, given) != 0)
		elog(DEBUG1, "could not set the nice value: %m");
	yield_session(given);
}

static int64
clock_ns(void)
{
	struct timespec now;

	(void) clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64CONST(1000000000) + now.tv_nsec;
}

void
tally_yield_now_and_then(size_t bytes)
{
	static size_t done = 0;
	static int64 paused_ns = 0;

	done += bytes;
	if (tally_ingest_nice == 0 || done < BYTES_A_LOOK)
		return;
	done = 0;
	if (clock_ns() - paused_ns < PAUSE_EVERY_NS)
		return;
	/* A signal ends it early, which is as well. */
	(void) nanosleep(&shortest_pause, NULL);
	paused_ns = clock_ns();
}
