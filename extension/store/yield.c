/*-------------------------------------------------------------------------
 *
 * yield.c
 *	  Storing events gives way to who else needs a processor.
 *
 * Events that wait in a spool are safe; who posts one, or asks, is waiting.
 * A client that takes events from a spool therefore sets tally.ingest_nice in
 * its connection.  Nothing is lost by it while a processor is idle.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "guc.h"
#include "store/yield.h"

/*
 * Where Linux schedules by session ("autogroup"), and every backend is one, a
 * process's own nice value counts only within it, and this file holds the
 * session's.  Elsewhere there is no such file.
 */
#define SESSION_NICE_FILE "/proc/self/autogroup"

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
