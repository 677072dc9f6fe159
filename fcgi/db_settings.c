/*
 * db_settings.c
 *	  The settings of a connection, one table for asking and for looking.
 */
#include "db_settings.h"

#include <stdio.h>
#include <string.h>

#define TIMEOUT_BYTES 24

struct db_setting
{
	const char *name;
	const char *asked; /* NULL: it is not the same for all, see asked_of() */
	bool is_checked;   /* else the connection does without it, too */
};

static const struct db_setting table[] = {
	/* what a statement means, and the text of its answer */
	{"search_path", "pg_catalog", true},
	{"TimeZone", "UTC", true},
	{"DateStyle", "ISO", true},
	{"bytea_output", "hex", true},
	/* how long anything may take, in milliseconds */
	{"statement_timeout", NULL, true},
	{"lock_timeout", "1000", true},
	{"idle_in_transaction_session_timeout", "5000", true},
	{"client_connection_check_interval", "1000", true},
	{"default_transaction_read_only", NULL, true},
	/* A notice makes an idle connection look closed. */
	{"client_min_messages", "error", false},
	/* A plan of its own for every call would copy what is passed, which for a
	 * batch of events is a megabyte. */
	{"plan_cache_mode", "force_generic_plan", false},
};

#define SETTINGS (sizeof(table) / sizeof(table[0]))

/* asked_of -- what is asked for, in "text" if it has to be made. */
static const char *
asked_of(const struct db_settings *settings, const struct db_setting *setting,
		 char text[TIMEOUT_BYTES])
{
	if (setting->asked != NULL)
		return setting->asked;
	if (strcmp(setting->name, "statement_timeout") != 0)
		return settings->read_only ? "on" : "off";
	(void) snprintf(text,
					TIMEOUT_BYTES,
					"%lld",
					(long long) settings->statement_timeout_ms);
	return text;
}

static void
append(char *out, size_t size, const char *before, const char *text)
{
	size_t len = strlen(out);

	(void) snprintf(out + len, size - len, "%s%s", before, text);
}

void
db_settings_make(struct db_settings *settings, int64_t statement_timeout_ms,
				 bool read_only)
{
	char text[TIMEOUT_BYTES];

	*settings =
		(struct db_settings){.statement_timeout_ms = statement_timeout_ms,
							 .read_only = read_only};
	for (size_t i = 0; i < SETTINGS; i++)
	{
		append(settings->options, DB_SETTINGS_BYTES, "-c ", table[i].name);
		append(settings->options,
			   DB_SETTINGS_BYTES,
			   "=",
			   asked_of(settings, &table[i], text));
		append(settings->options, DB_SETTINGS_BYTES, " ", "");
		if (table[i].is_checked)
			append(settings->names,
				   DB_SETTINGS_BYTES,
				   settings->names[0] == '\0' ? "{" : ",",
				   table[i].name);
	}
	append(settings->names, DB_SETTINGS_BYTES, "}", "");
}

/*
 * milliseconds -- of a duration as SHOW has it, in the largest unit that
 * divides it: 0, 250ms, 10s, 2min.  -1 if it is none.
 */
static int64_t
milliseconds(const char *text)
{
	static const struct
	{
		const char *name;
		int64_t ms;
	} units[] = {
		{"", 1},
		{"ms", 1},
		{"s", 1000},
		{"min", 60000},
		{"h", 3600000},
		{"d", 86400000},
	};
	int64_t n = 0;
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 10)
		return -1;
	for (size_t i = 0; i < digits; i++)
		n = n * 10 + (text[i] - '0');
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(text + digits, units[i].name) == 0)
			return n * units[i].ms;
	return -1;
}

/* is_same -- is "value" another way to write what was asked? */
static bool
is_same(const char *asked, const char *value)
{
	const size_t len = strlen(asked);
	const int64_t ms = milliseconds(asked);

	if (ms >= 0)
		return milliseconds(value) == ms;
	/* "ISO" is shown as "ISO, MDY": the rest is how input is read */
	return strncmp(asked, value, len) == 0 &&
		   (value[len] == '\0' ||
			(value[len] == ',' && strcmp(asked, "ISO") == 0));
}

bool
db_settings_check(const struct db_settings *settings, const char *name,
				  const char *value, const char *user,
				  char problem[DB_SETTINGS_PROBLEM_BYTES])
{
	char text[TIMEOUT_BYTES];

	for (size_t i = 0; i < SETTINGS; i++)
	{
		const char *asked = asked_of(settings, &table[i], text);

		if (strcmp(table[i].name, name) != 0 ||
			(value != NULL && is_same(asked, value)))
			continue;
		(void) snprintf(problem,
						DB_SETTINGS_PROBLEM_BYTES,
						"the connection's %s is %.60s, %s was asked: does a "
						"pooler between drop the settings (\"options\") of a "
						"connection? Connect to the server itself, or let the "
						"role have them: ALTER ROLE %.64s SET %s = '%s'",
						name,
						value != NULL ? value : "not known",
						asked,
						user,
						name,
						asked);
		return false;
	}
	return true;
}
