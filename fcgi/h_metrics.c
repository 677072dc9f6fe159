/*
 * h_metrics.c
 *	  GET /metrics: what both programs say of themselves.
 *
 * Nothing here waits: all is known already, or is read from /proc.
 */
#include "h_metrics.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "reply.h"

#define TEXT_FORMAT "text/plain; version=0.0.4; charset=utf-8"

/* resident_bytes -- the second number of statm, which counts pages; 0 where
 * there is no such file. */
static int64_t
resident_bytes(void)
{
	char text[128];
	char *end;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	(void) close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	(void) strtoll(text, &end, 10);
	return (int64_t) strtoll(end, NULL, 10) * sysconf(_SC_PAGESIZE);
}

void
metrics_of_db(struct metrics *metrics, struct db *db,
			  const struct connection_metrics *names)
{
	struct pool_counts counts;

	db_counts(db, &counts);
	metrics_set(metrics, names->idle, counts.idle);
	metrics_set(metrics, names->used, counts.open - counts.idle);
	metrics_set(metrics, names->breaker_open, counts.is_down ? 1 : 0);
}

void
metrics_reply(struct request *req, int64_t started_us, struct keys *keys)
{
	struct metrics *metrics = request_metrics(req);
	int64_t age_ms = keys_age_ms(keys);

	metrics_set(metrics, METRIC_UPTIME_US, clock_mono_us() - started_us);
	metrics_set(metrics, METRIC_MEMORY_BYTES, resident_bytes());
	metrics_set(metrics,
				METRIC_KEYS_AGE_MS,
				age_ms >= 0 ? age_ms : METRIC_INFINITE);
	reply_begin(req, 200, TEXT_FORMAT);
	metrics_render(metrics, TALLY_VERSION, reply_body(req));
}
