/*
 * reply.h
 *	  The answer to a request: status, headers, body; and the one form of an
 *	  error.
 *
 * An answer is prepared here as bytes; request_finish() sends it.  Only a
 * large answer is sent while it is made: see reply_stream_*().  Every answer,
 * errors too, may be read by any page and is kept by nobody on the way.
 *
 * An error is {"message": "...", "error_code": "..."}.  The message is made
 * of what the client sent and what is allowed: never of SQL, paths, or other
 * tenants' names.
 */
#ifndef TALLY_REPLY_H
#define TALLY_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "answer.h"
#include "buf.h"
#include "request.h"

enum reply_code
{
	REPLY_INVALID_KEY,		  /* 401 InvalidApiKeyError */
	REPLY_NOT_FOUND,		  /* 404 ResourceNotFoundError */
	REPLY_METHOD_NOT_ALLOWED, /* 405 MethodNotAllowedError */
	REPLY_BAD_REQUEST,		  /* 400 BadRequestError: not HTTP we know */
	REPLY_INVALID_JSON,		  /* 400 InvalidJSONError */
	REPLY_BODY_TOO_LARGE,	  /* 413 RequestTooLargeError */
	REPLY_ENCODING,
	REPLY_BROKEN_ENCODING,
	REPLY_INVALID_PARAMETER, /* 400 InvalidParameterError */
	REPLY_TIMEFRAME,		 /* 400 TimeframeDefinitionError */
	REPLY_MISSING_PARAMETER, /* 400 MissingRequiredRequestFieldError */
	REPLY_COLLECTION_NAME,	 /* 400 InvalidCollectionNameError */
	REPLY_PROPERTY_NAME,	 /* 400 InvalidPropertyNameError */
	REPLY_PROPERTY_VALUE,	 /* 400 InvalidPropertyValueError */
	REPLY_INVALID_EVENT,	 /* 400 InvalidEventError */
	REPLY_INVALID_BATCH,	 /* 400 InvalidBatchError */
	REPLY_NAMESPACE_TYPE,	 /* 400 NamespaceTypeError */
	REPLY_KEEN_PROPERTY,	 /* 400 InvalidKeenNamespaceProperty */
	REPLY_LISTS_OF_LISTS,	 /* 400 ListsOfNonPrimitivesNotAllowedError */
	REPLY_QUERY_TOO_LARGE,	 /* 400 QueryTooLargeError */
	REPLY_QUERY_TIMEOUT,	 /* 504 QueryTimeoutError */
	REPLY_QUERY_QUARANTINED, /* 429 QueryQuarantinedError, Retry-After */
	REPLY_TOO_MANY_REQUESTS, /* 429 TooManyRequestsError, Retry-After */
	REPLY_UNAVAILABLE,		 /* 503 ServiceUnavailableError, Retry-After */
	REPLY_SPOOL_FULL,		 /* 503 SpoolFullError, Retry-After */
	REPLY_CLIENT_GONE,		 /* 499, for the log: nobody reads it */
	REPLY_INTERNAL,			 /* 500 InternalServerError */
	REPLY_CODE__COUNT
};

/* The error_code as a client sees it, for a bulk answer's items. */
const char *reply_code_name(enum reply_code code);

/* Begins an answer, forgetting one begun before.  "type" is a literal;
 * application/json when NULL. */
void reply_begin(struct request *req, int status, const char *type);

/* Adds a header; the value must not hold line ends. */
void reply_header(struct request *req, const char *name, const char *value);

/* Where the body's bytes go.  If it fails (buf.h), 500 is sent instead. */
struct buf *reply_body(struct request *req);

/* A whole answer in one call; "body" is JSON. */
void reply_json(struct request *req, int status, const char *body);

/* A whole answer of 200 whose bytes others hold too: takes over the reference
 * and lets go of it once it is sent. */
void reply_shared(struct request *req, struct answer *answer);

/* The answer to a browser's question (OPTIONS) before its request:
 * which methods it may use. */
void reply_preflight(struct request *req, const char *methods);

/* A whole error.  With a retry_after of 1 s or more, the header too. */
void reply_error(struct request *req, enum reply_code code,
				 const char *message);
void reply_errorf(struct request *req, enum reply_code code,
				  const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * "shed" says for the metrics what was missing: one of METRIC_SHED_*.  Its
 * Retry-After is never sooner than that, and differs from answer to answer, so
 * that not all who were refused come back at once.
 */
void reply_unavailable(struct request *req, enum reply_code code,
					   enum metric shed, const char *message,
					   int64_t retry_after_ms);

/*
 * Sends what was prepared so far, headers and body, and from now on what is
 * appended to the body whenever reply_stream_flush() is called.  False when
 * the client cannot be written to: then give up.
 *
 * While streaming an answer can no longer become an error; it can be broken
 * off by reply_stream_break(), so that the client sees an incomplete one once
 * the request is finished.  A failed flush does that too.
 */
bool reply_stream_flush(struct request *req);
bool reply_is_streaming(const struct request *req);
void reply_stream_break(struct request *req);

#endif
