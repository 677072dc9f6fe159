/*
 * keys_db.c
 *	  Loads all keys from the database.
 */
#include "keys_db.h"

#include <string.h>

#include "clock.h"
#include "hex.h"
#include "log.h"

/* To get a connection, and for all of it.  Nobody waits for a load, so it may
 * take longer than a request could. */
#define WAIT_MS 1000
#define LOAD_MS 5000

struct load
{
	struct keys_builder *builder;
	const char *problem;
};

static enum scope
scope_named(const char *name)
{
	if (strcmp(name, "write") == 0)
		return SCOPE_WRITE;
	if (strcmp(name, "read") == 0)
		return SCOPE_READ;
	if (strcmp(name, "master") == 0)
		return SCOPE_MASTER;
	return SCOPE_NONE;
}

/* hash_parse -- a bytea as text: \x and two digits a byte. */
static bool
hash_parse(const char *text, uint8_t hash[KEY_HASH_BYTES])
{
	return strncmp(text, "\\x", 2) == 0 &&
		   strlen(text + 2) == (size_t) KEY_HASH_BYTES * 2 &&
		   hex_parse(text + 2, hash, KEY_HASH_BYTES);
}

/* add_row -- a scope of a later version is skipped: it allows nothing. */
static bool
add_row(void *arg, const struct db_row *row)
{
	struct load *load = arg;
	uint8_t hash[KEY_HASH_BYTES];
	uint8_t project[TALLY_PROJECT_ID_BYTES];
	enum scope scope;

	if (row->ncols != 3 || row->values[0] == NULL || row->values[1] == NULL ||
		row->values[2] == NULL || !hash_parse(row->values[0], hash) ||
		!project_parse(row->values[1], project))
	{
		load->problem = "a key that cannot be read";
		return false;
	}
	scope = scope_named(row->values[2]);
	if (scope == SCOPE_NONE)
		return true;
	if (!keys_add(load->builder, hash, project, scope))
	{
		load->problem = "more keys than fit";
		return false;
	}
	return true;
}

bool
keys_db_load(void *db, struct keys_builder *builder)
{
	const int64_t now_ms = clock_mono_ms();
	struct load load = {.builder = builder};
	struct db_error error;
	const struct db_call call = {
		.stmt = STMT_KEY_SNAPSHOT,
		.wait_deadline_ms = now_ms + WAIT_MS,
		.deadline_ms = now_ms + LOAD_MS,
		.watch_fd = -1,
		.row = add_row,
		.arg = &load,
	};
	enum db_result result = db_run(db, &call, &error);

	if (load.problem != NULL)
		log_note(LOG_LEVEL_ERROR,
				 "key_snapshot_refused",
				 "error",
				 load.problem);
	else if (result == DB_ERROR)
		log_note(LOG_LEVEL_ERROR,
				 "key_snapshot_refused",
				 "error",
				 error.message);
	return result == DB_OK;
}
