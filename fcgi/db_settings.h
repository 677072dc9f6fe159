/*
 * db_settings.h
 *	  What every connection is set to: asked for when it is opened, and looked
 *	  at once it is open.
 *
 * A pooler between may drop what was asked for and say nothing; a statement
 * would then have no end, and a stopped client leave its query running.  So a
 * connection on which a setting is not what was asked is not used.
 */
#ifndef TALLY_DB_SETTINGS_H
#define TALLY_DB_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DB_SETTINGS_BYTES 512
#define DB_SETTINGS_PROBLEM_BYTES 400

struct db_settings
{
	char options[DB_SETTINGS_BYTES]; /* for libpq's parameter of that name */
	char names[DB_SETTINGS_BYTES];	 /* those to look at, as a text[] */
	int64_t statement_timeout_ms;
	bool read_only;
};

void db_settings_make(struct db_settings *settings,
					  int64_t statement_timeout_ms, bool read_only);

/*
 * Is the setting of that name what was asked?  "value" is as SHOW has it; NULL
 * if the server does not know it.  If not, "problem" says what is and what to
 * do; "user" is whose settings the remedy would change.
 */
bool db_settings_check(const struct db_settings *settings, const char *name,
					   const char *value, const char *user,
					   char problem[DB_SETTINGS_PROBLEM_BYTES]);

#endif
