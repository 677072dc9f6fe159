/*
 * uri.c
 *	  A request's URI, split before it is decoded.
 */
#include "uri.h"

#include <string.h>

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/*
 * decode -- a percent-decoded copy of "len" bytes.
 *
 * %00 is refused: everything behind it would be invisible to C, and so to
 * every check that is made here, but not to PostgreSQL.
 */
static enum uri_result
decode(struct arena *arena, const char *text, size_t len, bool plus_is_blank,
	   const char **result)
{
	char *out = arena_alloc(arena, len + 1);
	size_t i;

	*result = out;
	if (out == NULL)
		return URI_NO_MEMORY;

	for (i = 0; i < len; i++)
	{
		char c = text[i];

		if (c == '%')
		{
			int high = len - i > 2 ? hex_digit(text[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(text[i + 2]) : -1;

			if (low < 0 || (high == 0 && low == 0))
				return URI_BAD;
			c = (char) (high * 16 + low);
			i += 2;
		}
		else if (c == '+' && plus_is_blank)
			c = ' ';
		*out++ = c;
	}
	*out = '\0';
	return URI_OK;
}

static enum uri_result
parse_path(struct arena *arena, const char *path, size_t len, struct uri *uri)
{
	const char *end = path + len;

	if (len == 0 || *path != '/')
		return URI_BAD;
	if (end[-1] == '/')
		end--;

	while (path < end)
	{
		const char *slash;
		enum uri_result result;

		path++; /* the slash in front of the segment */
		slash = memchr(path, '/', (size_t) (end - path));
		if (slash == NULL)
			slash = end;
		if (uri->nsegments == URI_MAX_SEGMENTS)
			return URI_BAD;
		result = decode(arena,
						path,
						(size_t) (slash - path),
						false,
						&uri->segments[uri->nsegments++]);
		if (result != URI_OK)
			return result;
		path = slash;
	}
	return URI_OK;
}

static enum uri_result
parse_param(struct arena *arena, const char *text, size_t len, struct uri *uri)
{
	const char *equals = memchr(text, '=', len);
	size_t name_len = equals != NULL ? (size_t) (equals - text) : len;
	struct uri_param *param;
	enum uri_result result;

	if (name_len == 0)
		return URI_OK;
	if (uri->nparams == URI_MAX_PARAMS)
		return URI_BAD;

	param = &uri->params[uri->nparams++];
	param->value = "";
	result = decode(arena, text, name_len, true, &param->name);
	if (result == URI_OK && equals != NULL)
		result =
			decode(arena, equals + 1, len - name_len - 1, true, &param->value);
	return result;
}

enum uri_result
uri_parse(struct arena *arena, const char *text, struct uri *uri)
{
	size_t path_len = strcspn(text, "?#");
	const char *query = text + path_len;
	enum uri_result result;

	uri->nsegments = 0;
	uri->nparams = 0;

	result = parse_path(arena, text, path_len, uri);
	if (*query != '?')
		return result;
	query++;

	while (result == URI_OK && *query != '\0' && *query != '#')
	{
		size_t len = strcspn(query, "&#");

		result = parse_param(arena, query, len, uri);
		query += len;
		if (*query == '&')
			query++;
	}
	return result;
}

const char *
uri_param(const struct uri *uri, const char *name)
{
	size_t i;

	for (i = 0; i < uri->nparams; i++)
		if (strcmp(uri->params[i].name, name) == 0)
			return uri->params[i].value;
	return NULL;
}
