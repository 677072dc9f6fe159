/*
 * db_reply.c
 *	  What the database refused, as an error for the client.
 */
#include "db_reply.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "../extension/contract.h"
#include "log.h"
#include "reply.h"

#define MESSAGE_BYTES 2048

/* clang-format off */
static const struct
{
	const char *sqlstate;
	enum reply_code code;
} table[] = {
	{"22023", REPLY_INVALID_PARAMETER},
	{TALLY_ERR_TIMEFRAME, REPLY_TIMEFRAME},
	{TALLY_ERR_MISSING_PARAMETER, REPLY_MISSING_PARAMETER},
	{TALLY_ERR_NOT_FOUND, REPLY_NOT_FOUND},
	{TALLY_ERR_COLLECTION_NAME, REPLY_COLLECTION_NAME},
	{TALLY_ERR_PROPERTY_NAME, REPLY_PROPERTY_NAME},
	{"54000", REPLY_QUERY_TOO_LARGE},
};
/* clang-format on */

/*
 * compose -- message, detail and hint as sentences.
 *
 * The server's messages begin in lower case and have no full stop; detail and
 * hint are sentences already.
 */
static void
compose(const struct db_error *error, char message[MESSAGE_BYTES])
{
	(void) snprintf(message,
					MESSAGE_BYTES,
					"%s.%s%s%s%s",
					error->message,
					error->detail[0] != '\0' ? " " : "",
					error->detail,
					error->hint[0] != '\0' ? " " : "",
					error->hint);
	message[0] = (char) toupper((unsigned char) message[0]);
}

static void
timed_out(struct request *req)
{
	reply_error(req,
				REPLY_QUERY_TIMEOUT,
				"The query took too long and was ended. Ask for a shorter "
				"timeframe, fewer groups or a wider interval.");
}

static void
unavailable(struct request *req, struct db *db)
{
	reply_unavailable(req,
					  REPLY_UNAVAILABLE,
					  METRIC_SHED_DATABASE,
					  "The database is not available now.",
					  db_retry_ms(db));
}

static void
internal(struct request *req, const struct db_error *error)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_ERROR, "db_error");
	log_str(&line, "sqlstate", error->sqlstate);
	log_str(&line, "message", error->message);
	log_end(&line);
	reply_error(req, REPLY_INTERNAL, "The server could not run the request.");
}

/* code_of -- as the table has it; REPLY_CODE__COUNT if it has not. */
static enum reply_code
code_of(const char *sqlstate)
{
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].sqlstate, sqlstate) == 0)
			return table[i].code;
	return REPLY_CODE__COUNT;
}

bool
db_reply_blames_request(const struct db_error *error)
{
	return code_of(error->sqlstate) != REPLY_CODE__COUNT;
}

static void
server_refused(struct request *req, struct db *db,
			   const struct db_error *error)
{
	const enum reply_code code = code_of(error->sqlstate);
	char message[MESSAGE_BYTES];

	if (code != REPLY_CODE__COUNT)
	{
		compose(error, message);
		reply_error(req, code, message);
	}
	else if (strcmp(error->sqlstate, "57014") == 0)
		timed_out(req);
	else if (db_is_transient(error->sqlstate))
		unavailable(req, db);
	else
		internal(req, error);
}

void
db_reply_error(struct request *req, struct db *db, enum db_result result,
			   const struct db_error *error)
{
	switch (result)
	{
		case DB_BUSY:
			reply_unavailable(req,
							  REPLY_UNAVAILABLE,
							  METRIC_SHED_SLOTS,
							  "All query slots are in use.",
							  db_retry_ms(db));
			break;
		case DB_TIMEOUT:
			timed_out(req);
			break;
		case DB_ERROR:
			server_refused(req, db, error);
			break;
		case DB_NO_MEMORY:
			reply_unavailable(req,
							  REPLY_UNAVAILABLE,
							  METRIC_SHED_MEMORY,
							  "The server is out of memory.",
							  0);
			break;
		case DB_CLIENT_GONE:
			reply_error(req, REPLY_CLIENT_GONE, "The client has left.");
			break;
		case DB_OK:
		case DB_DOWN:
		case DB_STOPPED:
			unavailable(req, db);
			break;
	}
}
