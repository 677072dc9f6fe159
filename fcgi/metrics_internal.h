/*
 * metrics_internal.h
 *	  The tables of metrics_table.c, for metrics.c.
 */
#ifndef TALLY_METRICS_INTERNAL_H
#define TALLY_METRICS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "metrics.h"

struct metric_info
{
	unsigned programs;
	bool is_counter;
	int decimals; /* that the integer has: 6 for microseconds as seconds */
	const char *name;
	const char *labels; /* NULL: none */
	const char *help;
};

extern const struct metric_info metric_infos[METRIC__COUNT];

struct histogram_info
{
	unsigned programs;
	const char *name;
	const char *help;
};

extern const struct histogram_info metric_histograms[METRIC_HISTOGRAM__COUNT];

/* Upper end of a bucket, and as a label. */
struct metric_bound
{
	int64_t us;
	const char *text;
};

#define METRIC_BOUNDS 16

extern const struct metric_bound metric_bounds[METRIC_BOUNDS];

#endif
