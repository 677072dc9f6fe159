/*
 * health.h
 *	  Answers to "are you well?", as application/health+json.
 *
 * /health/live says that the process answers, and depends on nothing.
 * /health/ready says whether it can do its work now: 200 for pass and warn,
 * 503 for fail.  What that takes each program knows: see health_ready().
 */
#ifndef TALLY_HEALTH_H
#define TALLY_HEALTH_H

#include <stddef.h>
#include <stdint.h>

#include "request.h"

/* Events that wait so long to be stored are not "within a second" any more. */
#define HEALTH_LATE_S 5

enum health_status
{
	HEALTH_PASS,
	HEALTH_WARN,
	HEALTH_FAIL,
};

struct health_check
{
	const char *name; /* "component:measurement" */
	enum health_status status;
	int64_t value;
	const char *unit;	/* of the value; NULL: there is no value */
	const char *output; /* a sentence, for warn and fail; or NULL */
	/* Which requests suffer from a warn or fail: URI templates, a NULL behind
	 * the last; or NULL. */
	const char *const *affected;
};

/* What clients call, for "affected". */
extern const char *const health_events[];
extern const char *const health_queries[];

/* A route_handler: for every program the same. */
enum handled health_live(struct request *req, void *app);

/* Prepares the answer: as bad as the worst of the checks. */
void health_ready(struct request *req, const struct health_check *checks,
				  size_t count);

#endif
