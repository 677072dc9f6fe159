/*
 * dispatch.c
 *	  From an accepted request to its handler.
 *
 * The order is fixed: what costs least and tells least comes first.  A body
 * is read only for a key that is allowed to send it, and read or drained in
 * every case, so that the answer reaches the client.
 */
#include "dispatch.h"

#include <string.h>

#include "auth.h"
#include "reply.h"
#include "request_fcgi.h"

static void
not_allowed(struct request *req, const char *allow)
{
	reply_errorf(req,
				 REPLY_METHOD_NOT_ALLOWED,
				 "This resource does not know the method; it knows %s.",
				 allow);
	reply_header(req, "Allow", allow);
}

static void
refuse_read(struct request *req, enum request_read result, size_t max_bytes)
{
	switch (result)
	{
		case REQUEST_READ_BAD_URI:
			reply_error(req,
						REPLY_BAD_REQUEST,
						"The URL cannot be read: broken %-encoding, %00, or "
						"too many parts.");
			break;
		case REQUEST_READ_BAD_LENGTH:
			reply_error(req,
						REPLY_BAD_REQUEST,
						"Content-Length is not a number.");
			break;
		case REQUEST_READ_TOO_LARGE:
			reply_errorf(req,
						 REPLY_BODY_TOO_LARGE,
						 "The body is larger than %zu bytes, the most that "
						 "is taken here.",
						 max_bytes);
			break;
		case REQUEST_READ_SHORT:
			reply_error(req,
						REPLY_BAD_REQUEST,
						"The body is not as long as its Content-Length.");
			break;
		case REQUEST_READ_BROKEN_OFF:
			reply_error(req,
						REPLY_UNAVAILABLE,
						"The body did not arrive in time. Try again.");
			break;
		case REQUEST_READ_ENCODING_UNKNOWN:
			reply_error(req,
						REPLY_ENCODING,
						"The Content-Encoding is not known; gzip, zstd and "
						"identity are, one at a time.");
			reply_header(req, "Accept-Encoding", "gzip, zstd");
			break;
		case REQUEST_READ_ENCODING_BROKEN:
			reply_error(req,
						REPLY_BROKEN_ENCODING,
						"The body is not what its Content-Encoding says, is "
						"cut short, or has something behind its end.");
			break;
		case REQUEST_READ_DECODED_TOO_LARGE:
			reply_errorf(req,
						 REPLY_BODY_TOO_LARGE,
						 "The body decodes to more than %zu bytes, the most "
						 "that is taken here.",
						 max_bytes);
			break;
		case REQUEST_READ_NO_MEMORY:
		case REQUEST_READ_NOTHING:
		case REQUEST_READ_OK:
			reply_unavailable(req,
							  REPLY_UNAVAILABLE,
							  METRIC_SHED_MEMORY,
							  "The server is out of memory.",
							  1000);
			break;
	}
}

/* find -- the route, or the error that there is none. */
static bool
find(struct request *req, const struct service *service)
{
	struct route_match match;
	char allow[ROUTE_ALLOW_BYTES];

	route_find(&service->routes, req->method, &req->uri, &match);
	if (match.route != NULL)
	{
		req->route = match.route;
		req->route_number = (size_t) (match.route - service->routes.routes);
		req->nargs = match.nargs;
		memcpy(req->args, match.args, match.nargs * sizeof(match.args[0]));
		return true;
	}

	route_allow(match.allowed, allow);
	if (req->method == METHOD_OPTIONS && match.allowed != 0)
		reply_preflight(req, allow);
	else if (match.allowed != 0)
		not_allowed(req, allow);
	else
		reply_error(req, REPLY_NOT_FOUND, "There is nothing at this URL.");
	return false;
}

enum handled
dispatch(struct request *req, const struct service *service)
{
	enum request_read result = request_read_head(req);
	const struct route *route;

	if (result == REQUEST_READ_NOTHING)
	{
		request_drop(req);
		return HANDLED_LATER;
	}
	if (result != REQUEST_READ_OK)
	{
		refuse_read(req, result, 0);
		goto refused;
	}
	if (!find(req, service))
		goto refused;
	route = req->route;
	if (route->scope != SCOPE_NONE &&
		!auth_check(req, service->keys, route->scope, req->args[0]))
		goto refused;

	result = request_read_body(req, route->max_body_bytes);
	if (result != REQUEST_READ_OK)
	{
		refuse_read(req, result, route->max_body_bytes);
		return HANDLED_NOW;
	}
	return route->handler(req, service->app);

refused:
	request_drain(req);
	return HANDLED_NOW;
}
