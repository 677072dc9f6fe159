/*
 * metrics.c
 *	  Counters, gauges and histograms, and their text.
 *
 * Everything is relaxed: a number needs to be right, not to be in step with
 * its neighbours.  A histogram holds what fell into each bucket alone; sums
 * over buckets, and with them its count, are made when it is rendered, so the
 * count and the last bucket can never differ.
 */
#include "metrics_internal.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An answer's class: 2xx to 5xx. */
#define STATUS_CLASSES 4
#define FIRST_CLASS 2

#define LINE_BYTES 256

struct histogram
{
	_Atomic int64_t buckets[METRIC_BOUNDS + 1];
	_Atomic int64_t sum_us;
};

struct route_metrics
{
	const char *name;
	_Atomic int64_t classes[STATUS_CLASSES];
	struct histogram duration;
};

struct metrics
{
	enum metrics_program program;
	_Atomic int64_t values[METRIC__COUNT];
	struct histogram histograms[METRIC_HISTOGRAM__COUNT];
	size_t nroutes;
	struct route_metrics routes[METRICS_MAX_ROUTES + 1]; /* last: no route */
};

struct metrics *
metrics_new(enum metrics_program program, size_t nroutes)
{
	struct metrics *metrics;
	size_t i;

	if (nroutes > METRICS_MAX_ROUTES)
		return NULL;
	metrics = calloc(1, sizeof(*metrics));
	if (metrics == NULL)
		return NULL;
	metrics->program = program;
	metrics->nroutes = nroutes;
	for (i = 0; i <= nroutes; i++)
		metrics->routes[i].name = "none";
	return metrics;
}

void
metrics_free(struct metrics *metrics)
{
	free(metrics);
}

/* ------------------------------------------------------------------------
 * Counting
 */

static void
add(_Atomic int64_t *value, int64_t n)
{
	(void) atomic_fetch_add_explicit(value, n, memory_order_relaxed);
}

static int64_t
get(_Atomic int64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

/* observe -- most are short, so the buckets are searched from below. */
static void
observe(struct histogram *histogram, int64_t us)
{
	size_t i = 0;

	/* A wall clock may be set back. */
	if (us < 0)
		us = 0;
	while (i < METRIC_BOUNDS && us > metric_bounds[i].us)
		i++;
	add(&histogram->buckets[i], 1);
	add(&histogram->sum_us, us);
}

void
metrics_name_route(struct metrics *metrics, size_t route, const char *name)
{
	if (metrics != NULL && route < metrics->nroutes)
		metrics->routes[route].name = name;
}

void
metrics_request(struct metrics *metrics, size_t route, int status, int64_t us)
{
	struct route_metrics *of;
	int class = status / 100 - FIRST_CLASS;

	if (metrics == NULL)
		return;
	of = &metrics->routes[route < metrics->nroutes ? route : metrics->nroutes];
	/* A status that is none is our fault. */
	if (class < 0 || class >= STATUS_CLASSES)
		class = STATUS_CLASSES - 1;
	add(&of->classes[class], 1);
	observe(&of->duration, us);
}

void
metrics_add(struct metrics *metrics, enum metric metric, int64_t n)
{
	if (metrics != NULL)
		add(&metrics->values[metric], n);
}

void
metrics_observe(struct metrics *metrics, enum metric_histogram histogram,
				int64_t us)
{
	if (metrics != NULL)
		observe(&metrics->histograms[histogram], us);
}

void
metrics_set(struct metrics *metrics, enum metric metric, int64_t value)
{
	if (metrics != NULL)
		atomic_store_explicit(&metrics->values[metric],
							  value,
							  memory_order_relaxed);
}

void
metrics_raise(struct metrics *metrics, enum metric metric, int64_t value)
{
	int64_t old;

	if (metrics == NULL)
		return;
	old = get(&metrics->values[metric]);
	while (old < value &&
		   !atomic_compare_exchange_weak_explicit(&metrics->values[metric],
												  &old,
												  value,
												  memory_order_relaxed,
												  memory_order_relaxed))
		;
}

/* ------------------------------------------------------------------------
 * Rendering
 */

static void
put_head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_str(out, "# HELP tally_");
	buf_str(out, name);
	buf_char(out, ' ');
	buf_str(out, help);
	buf_str(out, "\n# TYPE tally_");
	buf_str(out, name);
	buf_char(out, ' ');
	buf_str(out, type);
	buf_char(out, '\n');
}

/* put_value -- as a decimal number with so many decimals, and the line's
 * end; nothing here is negative. */
static void
put_value(struct buf *out, int64_t value, int decimals)
{
	char text[64];
	int64_t unit = 1;
	int i;

	for (i = 0; i < decimals; i++)
		unit *= 10;
	if (value == METRIC_INFINITE)
		(void) snprintf(text, sizeof(text), " +Inf\n");
	else if (decimals == 0)
		(void) snprintf(text, sizeof(text), " %" PRId64 "\n", value);
	else
		(void) snprintf(text,
						sizeof(text),
						" %" PRId64 ".%0*" PRId64 "\n",
						value / unit,
						decimals,
						value % unit);
	buf_str(out, text);
}

/* put_name -- "tally_NAME SUFFIX {LABELS}"; a value must follow. */
static void
put_name(struct buf *out, const char *name, const char *suffix,
		 const char *labels)
{
	buf_str(out, "tally_");
	buf_str(out, name);
	buf_str(out, suffix);
	if (labels == NULL || *labels == '\0')
		return;
	buf_char(out, '{');
	buf_str(out, labels);
	buf_char(out, '}');
}

static void
put_sample(struct buf *out, const char *name, const char *suffix,
		   const char *labels, int64_t value)
{
	put_name(out, name, suffix, labels);
	put_value(out, value, 0);
}

static void
put_values(struct metrics *metrics, struct buf *out)
{
	const char *last = "";
	int i;

	for (i = 0; i < METRIC__COUNT; i++)
	{
		const struct metric_info *info = &metric_infos[i];

		if ((info->programs & metrics->program) == 0)
			continue;
		if (strcmp(last, info->name) != 0)
			put_head(out,
					 info->name,
					 info->is_counter ? "counter" : "gauge",
					 info->help);
		last = info->name;
		put_name(out, info->name, "", info->labels);
		put_value(out, get(&metrics->values[i]), info->decimals);
	}
}

/* put_histogram -- "labels" is empty or 'route="query"'. */
static void
put_histogram(struct buf *out, const char *name, const char *labels,
			  const int64_t *buckets, int64_t sum_us)
{
	const char *comma = *labels != '\0' ? "," : "";
	char line[LINE_BYTES];
	int64_t count = 0;
	size_t i;

	for (i = 0; i <= METRIC_BOUNDS; i++)
	{
		count += buckets[i];
		(void) snprintf(line,
						sizeof(line),
						"%s%sle=\"%s\"",
						labels,
						comma,
						i < METRIC_BOUNDS ? metric_bounds[i].text : "+Inf");
		put_sample(out, name, "_bucket", line, count);
	}
	put_name(out, name, "_sum", labels);
	put_value(out, sum_us, 6);
	put_sample(out, name, "_count", labels, count);
}

static void
put_histograms(struct metrics *metrics, struct buf *out)
{
	int h;

	for (h = 0; h < METRIC_HISTOGRAM__COUNT; h++)
	{
		struct histogram *of = &metrics->histograms[h];
		int64_t buckets[METRIC_BOUNDS + 1];
		size_t i;

		if ((metric_histograms[h].programs & metrics->program) == 0)
			continue;
		for (i = 0; i <= METRIC_BOUNDS; i++)
			buckets[i] = get(&of->buckets[i]);
		put_head(out,
				 metric_histograms[h].name,
				 "histogram",
				 metric_histograms[h].help);
		put_histogram(
			out, metric_histograms[h].name, "", buckets, get(&of->sum_us));
	}
}

/* is_first -- of the routes of its name, which are one line together. */
static bool
is_first(const struct metrics *metrics, size_t route)
{
	size_t i;

	for (i = 0; i < route; i++)
		if (strcmp(metrics->routes[i].name, metrics->routes[route].name) == 0)
			return false;
	return true;
}

static void
put_requests(struct metrics *metrics, struct buf *out)
{
	char labels[LINE_BYTES];
	size_t r;
	size_t i;
	int c;

	put_head(out,
			 "requests_total",
			 "counter",
			 "Requests answered, by route and class of status; an answer "
			 "that was broken off is a 5xx.");
	for (r = 0; r <= metrics->nroutes; r++)
		for (c = 0; c < STATUS_CLASSES && is_first(metrics, r); c++)
		{
			int64_t n = 0;

			for (i = r; i <= metrics->nroutes; i++)
				if (strcmp(metrics->routes[i].name, metrics->routes[r].name) ==
					0)
					n += get(&metrics->routes[i].classes[c]);
			(void) snprintf(labels,
							sizeof(labels),
							"route=\"%s\",status=\"%dxx\"",
							metrics->routes[r].name,
							c + FIRST_CLASS);
			put_sample(out, "requests_total", "", labels, n);
		}
}

static void
put_durations(struct metrics *metrics, struct buf *out)
{
	char labels[LINE_BYTES];
	size_t r;
	size_t i;
	size_t b;

	put_head(out,
			 "request_duration_seconds",
			 "histogram",
			 "Time from accepting a request until it was answered, by route.");
	for (r = 0; r <= metrics->nroutes; r++)
	{
		int64_t buckets[METRIC_BOUNDS + 1] = {0};
		int64_t sum_us = 0;

		if (!is_first(metrics, r))
			continue;
		for (i = r; i <= metrics->nroutes; i++)
		{
			struct route_metrics *of = &metrics->routes[i];

			if (strcmp(of->name, metrics->routes[r].name) != 0)
				continue;
			for (b = 0; b <= METRIC_BOUNDS; b++)
				buckets[b] += get(&of->duration.buckets[b]);
			sum_us += get(&of->duration.sum_us);
		}
		(void) snprintf(labels,
						sizeof(labels),
						"route=\"%s\"",
						metrics->routes[r].name);
		put_histogram(
			out, "request_duration_seconds", labels, buckets, sum_us);
	}
}

void
metrics_render(struct metrics *metrics, const char *version, struct buf *out)
{
	char labels[LINE_BYTES];

	if (metrics == NULL)
		return;
	put_head(out,
			 "build_info",
			 "gauge",
			 "Always 1; says which program of which version it is.");
	(void) snprintf(labels,
					sizeof(labels),
					"program=\"%s\",version=\"%s\"",
					metrics->program == METRICS_READ ? "tally-read"
													 : "tally-write",
					version);
	put_sample(out, "build_info", "", labels, 1);
	put_requests(metrics, out);
	put_durations(metrics, out);
	put_histograms(metrics, out);
	put_values(metrics, out);
}
