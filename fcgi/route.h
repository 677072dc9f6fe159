/*
 * route.h
 *	  Which handler answers which path: a static table a program.
 *
 * A pattern is compared segment by segment; {} stands for any one segment,
 * and the first {} of a route with a scope is the project's id.
 */
#ifndef TALLY_ROUTE_H
#define TALLY_ROUTE_H

#include <stddef.h>

#include "metrics.h"
#include "request.h"
#include "uri.h"

#define ROUTE_MAX_ARGS 4

/* What the key must allow.  A master key allows everything. */
enum scope
{
	SCOPE_NONE, /* no key needed */
	SCOPE_WRITE,
	SCOPE_READ,
	SCOPE_MASTER,
	SCOPE__COUNT
};

/* "app" is what the program gave to its worker. */
typedef enum handled (*route_handler)(struct request *req, void *app);

struct route
{
	enum method method;
	const char *pattern; /* "/3.0/projects/{}/events/{}" */
	const char *name;	 /* of the label "route" of the metrics */
	enum scope scope;
	size_t max_body_bytes; /* 0: a body is refused */
	route_handler handler;
};

struct route_table
{
	const struct route *routes;
	size_t count;
};

struct route_match
{
	const struct route *route; /* NULL: none for this path and method */
	unsigned allowed;		   /* bits (1 << method) that the path knows */
	size_t nargs;
	const char *args[ROUTE_MAX_ARGS];
};

/* The first route whose pattern and method fit. */
void route_find(const struct route_table *table, enum method method,
				const struct uri *uri, struct route_match *match);

/* Metrics of the program with a line a name of these routes.  NULL when out of
 * memory or if they are too many. */
struct metrics *route_metrics(enum metrics_program program,
							  const struct route_table *table);

/* "GET, HEAD, POST, OPTIONS" of the bits, for an Allow header. */
#define ROUTE_ALLOW_BYTES 64
void route_allow(unsigned allowed, char text[ROUTE_ALLOW_BYTES]);

#endif
