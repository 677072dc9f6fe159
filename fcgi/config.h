/*
 * config.h
 *	  A program's settings: one table says name, type, default, bounds and
 *	  help; a file of "key = value" lines and --key=value options fill them in.
 *
 *	struct my_config { int64_t threads; const char *listen; };
 *
 *	static const struct setting table[] = {
 *		SETTING_INT(struct my_config, threads, "16", 1, 1024, "threads"),
 *		SETTING_TEXT(struct my_config, listen, "/run/x.sock", "socket"),
 *	};
 *
 * The file has a setting a line; '#' at the start of a line or behind a blank
 * begins a comment, unless inside '...' or "..." quotes.  A setting
 * nobody knows, a value out of bounds and a setting given twice are errors:
 * the program does not start on a guess.
 */
#ifndef TALLY_CONFIG_H
#define TALLY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum setting_type
{
	SETTING_TYPE_INT,  /* int64_t */
	SETTING_TYPE_BOOL, /* bool: true, false, on, off, yes, no, 1, 0 */
	SETTING_TYPE_TEXT, /* const char *, never NULL */
};

struct setting
{
	const char *name;
	enum setting_type type;
	size_t offset; /* in the program's struct */
	const char *initial;
	int64_t min; /* of an int */
	int64_t max;
	const char *help;
};

#define SETTING_INT(type, field, initial, min, max, help)                     \
	{                                                                         \
#field, SETTING_TYPE_INT, offsetof(type, field), initial, min, max,   \
			help                                                              \
	}
#define SETTING_BOOL(type, field, initial, help)                              \
	{                                                                         \
#field, SETTING_TYPE_BOOL, offsetof(type, field), initial, 0, 0, help \
	}
#define SETTING_TEXT(type, field, initial, help)                              \
	{                                                                         \
#field, SETTING_TYPE_TEXT, offsetof(type, field), initial, 0, 0, help \
	}

struct config_table
{
	const char *program; /* "tally-read" */
	const char *about;	 /* one line for --help */
	const struct setting *settings;
	size_t count;
};

enum config_result
{
	CONFIG_OK,
	CONFIG_EXIT,  /* --help or --version: was printed, leave with status 0 */
	CONFIG_ERROR, /* "message" says what and where */
};

#define CONFIG_MESSAGE_BYTES 512

/*
 * Fills "config", the program's struct, from the defaults, then from the file
 * of --config, then from the options.  Text values live as long as the
 * program does: config_free() is for tests.
 */
enum config_result config_load(const struct config_table *table, int argc,
							   char *const *argv, void *config,
							   char message[CONFIG_MESSAGE_BYTES]);

void config_free(const struct config_table *table, void *config);

/* Every setting with its help, bounds and default, as a file that could be
 * given to --config: this is what --help prints. */
void config_help(const struct config_table *table, FILE *out);

#endif
