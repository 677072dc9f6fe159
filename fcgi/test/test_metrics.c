/*
 * test_metrics.c
 *	  What is counted is what is rendered, also by many threads at once.
 */
#include <pthread.h>
#include <stdlib.h>

#include "metrics.h"
#include "sync.h"
#include "tap.h"

#define THREADS 4
#define ROUNDS 20000

enum
{
	ROUTE_POST,
	ROUTE_QUERY_GET,
	ROUTE_QUERY_POST,
	ROUTES
};

static struct buf out;

static struct metrics *
make(enum metrics_program program)
{
	struct metrics *metrics = metrics_new(program, ROUTES);

	if (metrics == NULL)
		abort();
	metrics_name_route(metrics, ROUTE_POST, "event");
	metrics_name_route(metrics, ROUTE_QUERY_GET, "query");
	metrics_name_route(metrics, ROUTE_QUERY_POST, "query");
	return metrics;
}

static const char *
render(struct metrics *metrics)
{
	buf_reset(&out);
	metrics_render(metrics, "1.2.3", &out);
	buf_char(&out, '\0');
	return out.failed ? "" : out.data;
}

/* has -- is it a whole line, and there once? */
static bool
has(const char *text, const char *line)
{
	size_t len = strlen(line);
	int found = 0;

	for (const char *at = text; (at = strstr(at, line)) != NULL; at += len)
		if ((at == text || at[-1] == '\n') && at[len] == '\n')
			found++;
	return found == 1;
}

static void
test_lines(void)
{
	struct metrics *metrics = make(METRICS_READ);
	const char *text = render(metrics);

	tap_ok(has(text,
			   "tally_build_info{program=\"tally-read\","
			   "version=\"1.2.3\"} 1"),
		   "program and version");
	tap_ok(has(text, "tally_shed_total{reason=\"slots\"} 0"),
		   "what has not happened is there, as 0");
	tap_ok(has(text, "# TYPE tally_shed_total counter"), "a type a name");
	tap_ok(strstr(text, "tally_spool") == NULL,
		   "what only the other program has is not");

	metrics_add(metrics, METRIC_SHED_SLOTS, 2);
	metrics_add(metrics, METRIC_SHED_SLOTS, 3);
	metrics_set(metrics, METRIC_UPTIME_US, 61000007);
	metrics_set(metrics, METRIC_KEYS_AGE_MS, 1500);
	text = render(metrics);
	tap_ok(has(text, "tally_shed_total{reason=\"slots\"} 5"), "adding");
	tap_ok(has(text, "tally_uptime_seconds 61.000007"), "us as seconds");
	tap_ok(has(text, "tally_keys_age_seconds 1.500"), "ms as seconds");
	metrics_set(metrics, METRIC_KEYS_AGE_MS, METRIC_INFINITE);
	tap_ok(has(render(metrics), "tally_keys_age_seconds +Inf"),
		   "no keys are infinitely old");

	metrics_raise(metrics, METRIC_SHED_KEYS, 7);
	metrics_raise(metrics, METRIC_SHED_KEYS, 6);
	tap_ok(has(render(metrics), "tally_shed_total{reason=\"keys\"} 7"),
		   "a count that is put in does not go back");
	metrics_free(metrics);
}

static void
test_requests(void)
{
	struct metrics *metrics = make(METRICS_WRITE);
	const char *text;

	metrics_request(metrics, ROUTE_POST, 201, 400);
	metrics_request(metrics, ROUTE_POST, 200, 500);
	metrics_request(metrics, ROUTE_POST, 404, 501);
	metrics_request(metrics, ROUTE_POST, 503, 60000001);
	metrics_request(metrics, ROUTE_QUERY_GET, 200, 1);
	metrics_request(metrics, ROUTE_QUERY_POST, 200, -5);
	metrics_request(metrics, METRICS_NO_ROUTE, 404, 1);
	metrics_request(metrics, ROUTE_POST, 0, 1);
	text = render(metrics);
	tap_ok(has(text, "tally_requests_total{route=\"event\",status=\"2xx\"} 2"),
		   "requests by class");
	tap_ok(has(text, "tally_requests_total{route=\"event\",status=\"4xx\"} 1"),
		   "of errors too");
	tap_ok(has(text, "tally_requests_total{route=\"event\",status=\"5xx\"} 2"),
		   "a status that is none is ours");
	tap_ok(has(text, "tally_requests_total{route=\"query\",status=\"2xx\"} 2"),
		   "routes of one name are one line");
	tap_ok(has(text, "tally_requests_total{route=\"none\",status=\"4xx\"} 1"),
		   "no route is one as well");

#define DURATION "tally_request_duration_seconds"
	tap_ok(has(text, DURATION "_bucket{route=\"event\",le=\"0.0005\"} 3"),
		   "the end of a bucket belongs to it");
	tap_ok(has(text, DURATION "_bucket{route=\"event\",le=\"0.001\"} 4"),
		   "buckets hold those before them");
	tap_ok(has(text, DURATION "_bucket{route=\"event\",le=\"60\"} 4"),
		   "what is longer than all");
	tap_ok(has(text, DURATION "_bucket{route=\"event\",le=\"+Inf\"} 5"),
		   "is in the last");
	tap_ok(has(text, DURATION "_count{route=\"event\"} 5"), "the count");
	tap_ok(has(text, DURATION "_sum{route=\"event\"} 60.001403"), "the sum");
	tap_ok(has(text, DURATION "_sum{route=\"query\"} 0.000001"),
		   "a clock that was set back takes nothing off");

	metrics_observe(metrics, METRIC_DRAIN_LAG, 2000000);
	text = render(metrics);
	tap_ok(has(text, "tally_drain_lag_seconds_bucket{le=\"1\"} 0") &&
			   has(text, "tally_drain_lag_seconds_bucket{le=\"2.5\"} 1"),
		   "a histogram without labels");
	metrics_free(metrics);
}

static void
test_bounds(void)
{
	struct metrics *metrics;
	struct buf small;

	tap_ok(metrics_new(METRICS_READ, METRICS_MAX_ROUTES + 1) == NULL,
		   "too many routes");
	metrics_add(NULL, METRIC_SHED_SLOTS, 1);
	metrics_set(NULL, METRIC_SHED_SLOTS, 1);
	metrics_raise(NULL, METRIC_SHED_SLOTS, 1);
	metrics_observe(NULL, METRIC_QUEUE_WAIT, 1);
	metrics_request(NULL, 0, 200, 1);
	metrics_name_route(NULL, 0, "x");
	tap_ok(*render(NULL) == '\0', "without metrics nothing is counted");

	metrics = make(METRICS_WRITE);
	buf_init(&small, 100);
	metrics_render(metrics, "1", &small);
	tap_ok(small.failed, "a buffer that is too small says so");
	buf_free(&small);
	metrics_free(metrics);
}

static void *
count(void *arg)
{
	struct metrics *metrics = arg;

	for (int i = 1; i <= ROUNDS; i++)
	{
		metrics_request(metrics, (size_t) i % ROUTES, 200, i);
		metrics_add(metrics, METRIC_EVENTS_REJECTED, 2);
		metrics_raise(metrics, METRIC_DRAIN_STORED, i);
		metrics_observe(metrics, METRIC_QUEUE_WAIT, 700);
	}
	return NULL;
}

static void
test_threads(void)
{
	struct metrics *metrics = make(METRICS_WRITE);
	pthread_t threads[THREADS];
	const char *text;
	int i;

	for (i = 0; i < THREADS; i++)
		if (!sync_thread_start(&threads[i], count, metrics))
			abort();
	for (i = 0; i < 50; i++)
		(void) render(metrics);
	for (i = 0; i < THREADS; i++)
		(void) pthread_join(threads[i], NULL);
	text = render(metrics);
	tap_ok(has(text, "tally_ingest_events_total{result=\"rejected\"} 160000"),
		   "no addition of four threads is lost");
	tap_ok(has(text, "tally_queue_wait_seconds_bucket{le=\"0.001\"} 80000"),
		   "nor an observation");
	tap_ok(has(text, "tally_queue_wait_seconds_sum 56.000000"),
		   "nor of its sum");
	tap_ok(has(text, "tally_drain_events_total{result=\"stored\"} 20000"),
		   "the highest of what was put in stays");
	tap_ok(has(text, DURATION "_count{route=\"event\"} 26664"),
		   "nor a request of a route");
	metrics_free(metrics);
}

int
main(void)
{
	buf_init(&out, 1 << 20);
	test_lines();
	test_requests();
	test_bounds();
	test_threads();
	buf_free(&out);
	return tap_done();
}
