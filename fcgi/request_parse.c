/*
 * request_parse.c
 *	  What can be read of a request's parameters without FastCGI.
 */
#include <string.h>

#include "request_fcgi.h"

enum method
request_method_named(const char *name)
{
	static const struct
	{
		const char *name;
		enum method method;
	} names[] = {
		{"GET", METHOD_GET},
		{"HEAD", METHOD_GET},
		{"POST", METHOD_POST},
		{"PUT", METHOD_PUT},
		{"DELETE", METHOD_DELETE},
		{"OPTIONS", METHOD_OPTIONS},
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].name, name) == 0)
			return names[i].method;
	return METHOD_OTHER;
}

/*
 * request_parse_length -- digits and nothing else; nothing at all is 0.
 *
 * nginx sends an empty CONTENT_LENGTH with a POST that has no body.
 */
bool
request_parse_length(const char *text, size_t *len)
{
	const size_t most = SIZE_MAX / 16;
	size_t value = 0;

	for (; text != NULL && *text != '\0'; text++)
	{
		if (*text < '0' || *text > '9' || value > most)
			return false;
		value = value * 10 + (size_t) (*text - '0');
	}
	*len = value;
	return true;
}
