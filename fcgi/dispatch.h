/*
 * dispatch.h
 *	  From an accepted request to its handler: URI, route, key, body.
 */
#ifndef TALLY_DISPATCH_H
#define TALLY_DISPATCH_H

#include "keys.h"
#include "request.h"
#include "route.h"

/* What a program does: its routes, its keys, and what its handlers need. */
struct service
{
	struct route_table routes;
	struct keys *keys; /* may be NULL if no route has a scope */
	void *app;
};

enum handled dispatch(struct request *req, const struct service *service);

#endif
