/*
 * uri.h
 *	  A request's URI, split before it is decoded.
 *
 * The path is cut at its slashes and only then percent-decoded, so a
 * collection named "a/b", sent as a%2Fb, stays one segment.  One slash at the
 * end is ignored.  In the query a '+' is a blank; parameters without a name
 * (clients send "&&") are dropped.
 */
#ifndef TALLY_URI_H
#define TALLY_URI_H

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"

#define URI_MAX_SEGMENTS 16
#define URI_MAX_PARAMS 128

struct uri_param
{
	const char *name;
	const char *value; /* "" when there was no '=' */
};

struct uri
{
	size_t nsegments;
	const char *segments[URI_MAX_SEGMENTS];
	size_t nparams;
	struct uri_param params[URI_MAX_PARAMS];
};

enum uri_result
{
	URI_OK,
	URI_BAD,	   /* not a path, a broken %XX, a NUL, too many parts */
	URI_NO_MEMORY, /* the arena is full */
};

enum uri_result uri_parse(struct arena *arena, const char *text,
						  struct uri *uri);

/* The first parameter of that name, or NULL. */
const char *uri_param(const struct uri *uri, const char *name);

#endif
