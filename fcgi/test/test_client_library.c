/*
 * test_client_library.c
 *	  Which library sent it, by its headers; nothing else is believed of them.
 */
#include <stdlib.h>

#include "client_library.h"
#include "tap.h"

static void
test_known(void)
{
	static const struct
	{
		const char *keen_sdk;
		const char *user_agent;
		enum metric metric;
	} libraries[] = {
		{"javascript-5.0.1",
		 "Mozilla/5.0 (X11)",
		 METRIC_CLIENT_KEEN_JAVASCRIPT},
		{"python-0.7.0", "python-requests/2.31", METRIC_CLIENT_KEEN_PYTHON},
		{"ruby-1.1.1", "keen-gem v1.1.1", METRIC_CLIENT_KEEN_RUBY},
		{NULL, "keen-gem v0.8.0", METRIC_CLIENT_KEEN_RUBY},
		{"java-5.0.0", "Java/1.8", METRIC_CLIENT_KEEN_JAVA},
		{"php-2.8", "GuzzleHttp/6", METRIC_CLIENT_KEEN_PHP},
		{".net-0.4.0", NULL, METRIC_CLIENT_KEEN_DOTNET},
		{"ios-3.9.0", "CFNetwork", METRIC_CLIENT_KEEN_IOS},
		{NULL, "libhoney-js/4.3.1 node/v20", METRIC_CLIENT_LIBHONEY_JS},
		{"", "libhoney-py/2.4.0", METRIC_CLIENT_LIBHONEY_PY},
		{NULL, "libhoney-rb/2.3.0", METRIC_CLIENT_LIBHONEY_RB},
		{NULL, "libhoney-go/1.25", METRIC_CLIENT_LIBHONEY_GO},
		{NULL, "libhoney-java/1.6.0", METRIC_CLIENT_LIBHONEY_JAVA},
	};

	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++)
		tap_int(client_library(libraries[i].keen_sdk, libraries[i].user_agent),
				libraries[i].metric,
				libraries[i].keen_sdk != NULL && *libraries[i].keen_sdk != '\0'
					? libraries[i].keen_sdk
					: libraries[i].user_agent);
}

static void
test_others(void)
{
	const size_t len = 100000;
	char *text = malloc(len);

	tap_int(client_library(NULL, NULL), METRIC_CLIENT_NONE, "no header");
	tap_int(client_library("", ""), METRIC_CLIENT_NONE, "empty ones");
	tap_int(client_library(NULL, "curl/8"), METRIC_CLIENT_OTHER, "another");
	tap_int(client_library("javascript", NULL),
			METRIC_CLIENT_OTHER,
			"a name alone is none of ours");
	tap_int(client_library("java", "libhoney-js/1"),
			METRIC_CLIENT_OTHER,
			"the header of a library counts first, whatever it says");
	tap_int(client_library("x javascript-5", "x libhoney-js/1"),
			METRIC_CLIENT_OTHER,
			"a name must stand at the beginning");
	tap_int(client_library(NULL, "libhoney-js"),
			METRIC_CLIENT_OTHER,
			"cut short");

	if (text == NULL)
		abort();
	memset(text, 'j', len);
	text[len - 1] = '\0';
	tap_int(client_library(text, text), METRIC_CLIENT_OTHER, "a long one");
	free(text);
}

int
main(void)
{
	test_known();
	test_others();
	return tap_done();
}
