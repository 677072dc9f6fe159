/*
 * db_reply.h
 *	  What the database refused, as an error for the client.
 */
#ifndef TALLY_DB_REPLY_H
#define TALLY_DB_REPLY_H

#include "db.h"
#include "request.h"

/*
 * Prepares the answer for any result but DB_OK.  What the server says is
 * passed on only for the SQLSTATEs that speak of the request (contract.h);
 * everything else is logged and becomes a 500 that says nothing.
 */
void db_reply_error(struct request *req, struct db *db, enum db_result result,
					const struct db_error *error);

/* Is the error one that speaks of the request, so that the same one has it
 * again, and not of the server? */
bool db_reply_blames_request(const struct db_error *error);

#endif
