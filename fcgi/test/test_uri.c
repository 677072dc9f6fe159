/*
 * test_uri.c
 *	  URIs: split, then decoded; and routes on them.
 */
#include <stdlib.h>

#include "request_fcgi.h"
#include "route.h"
#include "tap.h"
#include "uri.h"

static struct arena *arena;
static struct uri uri;

static enum uri_result
parse(const char *text)
{
	arena_reset(arena);
	return uri_parse(arena, text, &uri);
}

static void
test_path(void)
{
	tap_int(parse("/3.0/projects/a%2Fb/x%20y+z"), URI_OK, "a path");
	tap_int((int64_t) uri.nsegments, 4, "is cut at its slashes");
	tap_str(uri.segments[2], "a/b", "before it is decoded");
	tap_str(uri.segments[3], "x y+z", "a '+' in a path is a '+'");
	(void) parse("/a/");
	tap_int((int64_t) uri.nsegments, 1, "a slash at the end is ignored");
	(void) parse("/a//b");
	tap_str(uri.segments[1], "", "one in the middle is not");
	tap_int(parse("/"), URI_OK, "the root");
	tap_int((int64_t) uri.nsegments, 0, "has no segments");

	tap_int(parse(""), URI_BAD, "nothing is no path");
	tap_int(parse("a/b"), URI_BAD, "a path begins with a slash");
	tap_int(parse("/%"), URI_BAD, "half an escape");
	tap_int(parse("/%4"), URI_BAD, "two thirds of an escape");
	tap_int(parse("/%4?x"), URI_BAD, "an escape cut by the query");
	tap_int(parse("/%g0"), URI_BAD, "an escape that is none");
	tap_int(parse("/%00"), URI_BAD, "an escaped NUL");
	tap_int(parse("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"),
			URI_BAD,
			"too many segments");
}

static void
test_query(void)
{
	char many[2000] = "/?";
	int i;

	tap_int(parse("/a?x=1&y=a+b%2B&&x=2&=3&flag&z=%22q%22#f=1"),
			URI_OK,
			"a query");
	tap_int((int64_t) uri.nparams, 5, "without nameless and behind '#'");
	tap_str(uri_param(&uri, "x"), "1", "the first of a name");
	tap_str(uri_param(&uri, "y"), "a b+", "a '+' is a blank");
	tap_str(uri_param(&uri, "flag"), "", "a name without a value");
	tap_str(uri_param(&uri, "z"), "\"q\"", "quotes");
	tap_ok(uri_param(&uri, "f") == NULL, "a fragment is not read");
	tap_int(parse("/a?x=%0"), URI_BAD, "an escape cut by the end");
	tap_int(parse("/a?x=%00y"), URI_BAD, "an escaped NUL in a value");

	for (i = 0; i < 200; i++)
		memcpy(many + 2 + i * 3, "a&b", 3);
	tap_int(parse(many), URI_BAD, "too many parameters");
}

static enum handled
handler(struct request *req, void *app)
{
	(void) req;
	(void) app;
	return HANDLED_NOW;
}

/* clang-format off */
static const struct route routes[] = {
	{METHOD_GET, "/", "root", SCOPE_NONE, 0, handler},
	{METHOD_GET, "/p/{}/q/{}", "q", SCOPE_READ, 0, handler},
	{METHOD_POST, "/p/{}/q/{}", "q", SCOPE_READ, 9, handler},
	{METHOD_GET, "/p/{}/q", "list", SCOPE_READ, 0, handler},
};
/* clang-format on */

static void
test_route(void)
{
	static const struct route_table table = {routes, 4};
	struct route_match match;
	char allow[ROUTE_ALLOW_BYTES];

	(void) parse("/p/x/q/y");
	route_find(&table, METHOD_POST, &uri, &match);
	tap_ok(match.route == &routes[2], "path and method find their route");
	tap_str(match.args[1], "y", "with what stands for the {}");
	route_find(&table, METHOD_PUT, &uri, &match);
	tap_ok(match.route == NULL, "another method finds none");
	route_allow(match.allowed, allow);
	tap_str(allow,
			"GET, HEAD, POST, OPTIONS",
			"but learns of those there are");

	(void) parse("/p/x/q");
	route_find(&table, METHOD_GET, &uri, &match);
	tap_ok(match.route == &routes[3], "a shorter path is another route");
	(void) parse("/");
	route_find(&table, METHOD_GET, &uri, &match);
	tap_ok(match.route == &routes[0], "the root is one too");
	(void) parse("/p/x/q/y/z");
	route_find(&table, METHOD_GET, &uri, &match);
	tap_ok(match.route == NULL && match.allowed == 0, "a longer one is none");
	(void) parse("/p//q");
	route_find(&table, METHOD_GET, &uri, &match);
	tap_ok(match.route == NULL, "an empty segment stands for nothing");
	(void) parse("/P/x/q");
	route_find(&table, METHOD_GET, &uri, &match);
	tap_ok(match.route == NULL, "case matters");
}

static void
test_length(void)
{
	size_t len = 1;

	tap_ok(request_parse_length(NULL, &len) && len == 0, "no length is 0");
	tap_ok(request_parse_length("", &len) && len == 0, "an empty one too");
	tap_ok(request_parse_length("0123", &len) && len == 123, "digits");
	tap_ok(!request_parse_length("-1", &len), "no sign");
	tap_ok(!request_parse_length("12 ", &len), "no blank");
	tap_ok(!request_parse_length("0x10", &len), "no other base");
	tap_ok(!request_parse_length("99999999999999999999", &len), "no overflow");
	tap_int(request_method_named("HEAD"), METHOD_GET, "HEAD is a GET");
	tap_int(request_method_named("get"), METHOD_OTHER, "methods have a case");
}

int
main(void)
{
	arena = arena_new(1 << 20);
	test_path();
	test_query();
	test_route();
	test_length();
	arena_free(arena);
	return tap_done();
}
