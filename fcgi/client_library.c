/*
 * client_library.c
 *	  Client libraries, and how each introduces itself.
 *
 * Keen's say "name-version" in a header of their own, and most leave the
 * User-Agent to what they send with: so that header counts first.  Honeycomb's
 * say "name/version" in the User-Agent.
 *
 * Whoever has a version in the name can say anything behind it, so what is
 * counted is the table's, never a piece of the header.
 */
#include "client_library.h"

#include <stddef.h>
#include <string.h>

struct library
{
	const char *prefix;
	enum metric metric;
};

static const struct library by_sdk[] = {
	{"javascript-", METRIC_CLIENT_KEEN_JAVASCRIPT},
	{"python-", METRIC_CLIENT_KEEN_PYTHON},
	{"ruby-", METRIC_CLIENT_KEEN_RUBY},
	{"java-", METRIC_CLIENT_KEEN_JAVA},
	{"php-", METRIC_CLIENT_KEEN_PHP},
	{".net-", METRIC_CLIENT_KEEN_DOTNET},
	{"ios-", METRIC_CLIENT_KEEN_IOS},
};

static const struct library by_agent[] = {
	{"libhoney-js/", METRIC_CLIENT_LIBHONEY_JS},
	{"libhoney-py/", METRIC_CLIENT_LIBHONEY_PY},
	{"libhoney-rb/", METRIC_CLIENT_LIBHONEY_RB},
	{"libhoney-go/", METRIC_CLIENT_LIBHONEY_GO},
	{"libhoney-java/", METRIC_CLIENT_LIBHONEY_JAVA},
	{"keen-gem", METRIC_CLIENT_KEEN_RUBY},
};

#define SDKS (sizeof(by_sdk) / sizeof(by_sdk[0]))
#define AGENTS (sizeof(by_agent) / sizeof(by_agent[0]))

/* find -- whose prefix is it? */
static enum metric
find(const struct library *libraries, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
	{
		const char *prefix = libraries[i].prefix;

		/* Mostly the first byte tells. */
		if (*text == *prefix && strncmp(text, prefix, strlen(prefix)) == 0)
			return libraries[i].metric;
	}
	return METRIC_CLIENT_OTHER;
}

enum metric
client_library(const char *keen_sdk, const char *user_agent)
{
	if (keen_sdk != NULL && *keen_sdk != '\0')
		return find(by_sdk, SDKS, keen_sdk);
	if (user_agent == NULL || *user_agent == '\0')
		return METRIC_CLIENT_NONE;
	return find(by_agent, AGENTS, user_agent);
}
