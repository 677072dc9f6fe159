/*
 * query_run.h
 *	  Computes what a flight asks: one statement, its answer or its failure.
 */
#ifndef TALLY_QUERY_RUN_H
#define TALLY_QUERY_RUN_H

#include "answer.h"
#include "db.h"
#include "flights.h"
#include "request.h"

/* The "run" of struct flights_options; "arg" is the struct reader.  The
 * requests of the waiters are struct request. */
void query_run(void *arg, struct flight *flight, struct flight_end *end);

/* The header "Tally-Behind", in seconds, of an answer whose events are that far
 * behind those that were acknowledged; none if they are not, or nobody knows. */
void query_reply_behind(struct request *req, int64_t behind_ms);

/* What a failure, an answer that is not ANSWER_OK, says. */
struct query_failure
{
	enum db_result result;
	struct db_error error;
};

void query_failure_read(const struct answer *answer,
						struct query_failure *failure);

#endif
