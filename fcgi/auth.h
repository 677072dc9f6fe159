/*
 * auth.h
 *	  Which key came with the request, and may it do what is asked?
 */
#ifndef TALLY_AUTH_H
#define TALLY_AUTH_H

#include <stdbool.h>

#include "keys.h"
#include "request.h"
#include "route.h"

/*
 * The key is the Authorization header, bare, or else the parameter api_key;
 * the header wins.  "project" is what stood in the path.  True when the
 * request may go on; its project is set then.  Otherwise the error is
 * prepared.
 */
bool auth_check(struct request *req, struct keys *keys, enum scope scope,
				const char *project);

#endif
