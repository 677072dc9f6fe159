/*
 * h_beacon.c
 *	  Takes one event that came in a URL: an image, a script, a redirect.
 *
 * A page that cannot post asks for an image, a script or another page, with
 * the event in base64 in the parameter "data".  A script that got an error
 * status cannot read why: so with "jsonp" the answer is 200 even then.
 */
#include <string.h>

#include "base64.h"
#include "reply.h"
#include "writer.h"

#define JSONP_CHARS 64
#define REDIRECT_CHARS 2000

/* A transparent GIF of one pixel. */
static const unsigned char pixel[43] = {
	'G',  'I',	'F',  '8',	'9',  'a',	0x01, 0x00, 0x01, 0x00, 0x80,
	0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0x21, 0xf9, 0x04,
	0x01, 0x00, 0x00, 0x00, 0x00, 0x2c, 0x00, 0x00, 0x00, 0x00, 0x01,
	0x00, 0x01, 0x00, 0x00, 0x02, 0x02, 0x44, 0x01, 0x00, 0x3b};

/* How the answer is to look; NULL: as an image. */
struct beacon
{
	const char *jsonp;
	const char *redirect;
};

/* is_callback -- a name, perhaps with dots: never code. */
static bool
is_callback(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
								  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.$";
	size_t len = strlen(name);

	return len > 0 && len <= JSONP_CHARS && strspn(name, allowed) == len;
}

/* is_url -- of the web, and no end of the header's line in it. */
static bool
is_url(const char *url)
{
	size_t len = strlen(url);

	if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (url[i] <= ' ' || url[i] > '~')
			return false;
	return len <= REDIRECT_CHARS;
}

/* as_script -- the prepared answer becomes a call with it. */
static void
as_script(struct request *req, const char *jsonp)
{
	struct buf *body = reply_body(req);
	size_t len = body->len;
	char *json = arena_copy(request_arena(req), body->data, len);

	if (json == NULL)
		return;
	reply_begin(req, 200, "application/javascript");
	/* A comment first keeps it from being taken for another file format. */
	buf_str(body, "/**/");
	buf_str(body, jsonp);
	buf_char(body, '(');
	buf_append(body, json, len);
	buf_str(body, ");");
}

static void
answer(struct request *req, const struct beacon *beacon)
{
	if (beacon->jsonp != NULL)
	{
		reply_json(req, 201, "{\"created\":true}");
		as_script(req, beacon->jsonp);
	}
	else if (beacon->redirect != NULL)
	{
		reply_begin(req, 302, "text/plain");
		reply_header(req, "Location", beacon->redirect);
	}
	else
	{
		reply_begin(req, 200, "image/gif");
		buf_append(reply_body(req), pixel, sizeof(pixel));
	}
}

/* read_beacon -- the parameters beside the event, or an error. */
static bool
read_beacon(struct request *req, struct beacon *beacon)
{
	const char *jsonp = request_param(req, "jsonp");

	beacon->jsonp = NULL;
	beacon->redirect = request_param(req, "redirect");
	if (jsonp != NULL && !is_callback(jsonp))
		reply_errorf(req,
					 REPLY_INVALID_PARAMETER,
					 "jsonp must be the name of a function: 1 to %d letters, "
					 "digits, _, . and $.",
					 JSONP_CHARS);
	else if (beacon->redirect != NULL && !is_url(beacon->redirect))
		reply_errorf(req,
					 REPLY_INVALID_PARAMETER,
					 "redirect must be a URL of http or https, of at most %d "
					 "printable characters.",
					 REDIRECT_CHARS);
	else
	{
		beacon->jsonp = jsonp;
		return true;
	}
	return false;
}

/* read_data -- the event's text, or an error. */
static const char *
read_data(struct request *req, size_t *len)
{
	const char *data = request_param(req, "data");
	size_t data_len = data != NULL ? strlen(data) : 0;
	char *text;

	if (data == NULL)
	{
		reply_error(req,
					REPLY_MISSING_PARAMETER,
					"An event in a URL needs the parameter data: its JSON in "
					"base64.");
		return NULL;
	}
	text = arena_alloc(request_arena(req), BASE64_DECODED_BYTES(data_len));
	if (text == NULL)
		reply_unavailable(req,
						  REPLY_UNAVAILABLE,
						  METRIC_SHED_MEMORY,
						  "The server is out of memory.",
						  1000);
	else if (!base64_decode(data, data_len, text, len))
	{
		reply_error(req,
					REPLY_INVALID_PARAMETER,
					"The parameter data is not base64.");
		text = NULL;
	}
	return text;
}

enum handled
handle_beacon(struct request *req, void *app)
{
	struct commit *commit = NULL;
	struct beacon beacon;
	const char *text;
	size_t len;

	ingest_count_client(req);
	if (!read_beacon(req, &beacon))
		return HANDLED_NOW;
	text = read_data(req, &len);
	if (text != NULL)
		commit = ingest_commit(req, request_arg(req, 1), text, len, NULL);
	if (commit == NULL)
	{
		if (beacon.jsonp != NULL)
			as_script(req, beacon.jsonp);
		return HANDLED_NOW;
	}
	answer(req, &beacon);
	/* No client sends these again, and pages are loaded twice honestly. */
	return ingest_submit(req, app, commit, NULL);
}
