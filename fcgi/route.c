/*
 * route.c
 *	  Finds the route of a path.
 *
 * A table has a dozen entries, so it is walked from its start each time.
 */
#include "route.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *const method_names[METHOD__COUNT] = {
	[METHOD_GET] = "GET, HEAD",
	[METHOD_POST] = "POST",
	[METHOD_PUT] = "PUT",
	[METHOD_DELETE] = "DELETE",
	[METHOD_OPTIONS] = "OPTIONS",
};

/*
 * fits -- does the path fit the pattern?  Collects what stands for its {}.
 *
 * An empty segment never stands for a {}: /events// names no collection.
 */
static bool
fits(const char *pattern, const struct uri *uri, struct route_match *match)
{
	size_t i;

	match->nargs = 0;
	for (i = 0; i < uri->nsegments; i++)
	{
		const char *segment = uri->segments[i];
		size_t len;

		if (*pattern != '/')
			return false;
		pattern++;
		len = strcspn(pattern, "/");
		if (len == 2 && memcmp(pattern, "{}", 2) == 0)
		{
			if (*segment == '\0' || match->nargs == ROUTE_MAX_ARGS)
				return false;
			match->args[match->nargs++] = segment;
		}
		else if (len != strlen(segment) || memcmp(pattern, segment, len) != 0)
			return false;
		pattern += len;
	}
	return *pattern == '\0' || (uri->nsegments == 0 && pattern[1] == '\0');
}

void
route_find(const struct route_table *table, enum method method,
		   const struct uri *uri, struct route_match *match)
{
	size_t i;

	match->route = NULL;
	match->allowed = 0;
	for (i = 0; i < table->count; i++)
	{
		const struct route *route = &table->routes[i];

		if (!fits(route->pattern, uri, match))
			continue;
		match->allowed |= 1U << route->method;
		if (route->method == method)
		{
			match->route = route;
			return;
		}
	}
}

struct metrics *
route_metrics(enum metrics_program program, const struct route_table *table)
{
	struct metrics *metrics = metrics_new(program, table->count);
	size_t i;

	for (i = 0; i < table->count; i++)
		metrics_name_route(metrics, i, table->routes[i].name);
	return metrics;
}

void
route_allow(unsigned allowed, char text[ROUTE_ALLOW_BYTES])
{
	enum method method;
	size_t len = 0;

	allowed |= 1U << METHOD_OPTIONS;
	text[0] = '\0';
	for (method = METHOD_GET; method < METHOD_OTHER; method++)
	{
		if ((allowed & (1U << method)) == 0)
			continue;
		len += (size_t) snprintf(text + len,
								 ROUTE_ALLOW_BYTES - len,
								 "%s%s",
								 len > 0 ? ", " : "",
								 method_names[method]);
	}
}
