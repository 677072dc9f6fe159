/*
 * query_request.h
 *	  What a client asks for, as the one JSON object tally.query() takes.
 *
 * A POST's body is that object.  A GET has the same names as parameters,
 * where values that are no strings are JSON texts (KEEN_API 5): a value that
 * begins with '{', '[' or '"' and is JSON is taken as JSON, every other one
 * as a string.
 */
#ifndef TALLY_QUERY_REQUEST_H
#define TALLY_QUERY_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "uri.h"

enum query_request
{
	QUERY_REQUEST_OK,
	QUERY_REQUEST_BAD,		 /* "why" is a sentence */
	QUERY_REQUEST_NO_MEMORY, /* "out" could not grow */
};

#define QUERY_REQUEST_WHY_BYTES 512

/*
 * Writes the object of all parameters, but for those that are not the
 * query's (api_key, pretty, jsonp), to "out", with a NUL that "len" of the
 * buffer does not count.
 */
enum query_request query_request_of_uri(const struct uri *uri, struct buf *out,
										char why[QUERY_REQUEST_WHY_BYTES]);

/* Is the body of "len" bytes an object that jsonb takes? */
enum query_request query_request_check(const char *body, size_t len,
									   char why[QUERY_REQUEST_WHY_BYTES]);

#endif
