/*
 * config.c
 *	  Settings from a table, a file and options.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 4096

/* What one config_load() works on; "seen" has a flag a setting. */
struct loader
{
	const struct config_table *table;
	void *config;
	bool *seen;
	char *message;
};

static enum config_result fail(const struct loader *loader, const char *format,
							   ...) __attribute__((format(printf, 2, 3)));

static enum config_result
fail(const struct loader *loader, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void) vsnprintf(loader->message, CONFIG_MESSAGE_BYTES, format, args);
	va_end(args);
	return CONFIG_ERROR;
}

static void *
field_of(void *config, const struct setting *setting)
{
	return (char *) config + setting->offset;
}

static bool
parse_bool(const char *text, bool *value)
{
	static const char *const words[][2] = {{"false", "true"},
										   {"off", "on"},
										   {"no", "yes"},
										   {"0", "1"}};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (strcmp(text, words[i][0]) == 0 || strcmp(text, words[i][1]) == 0)
		{
			*value = strcmp(text, words[i][1]) == 0;
			return true;
		}
	}
	return false;
}

static enum config_result
store_int(const struct loader *loader, const struct setting *setting,
		  const char *text)
{
	int64_t *field = field_of(loader->config, setting);
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (end == text || *end != '\0')
		return fail(loader,
					"setting \"%s\" must be a whole number, not \"%s\"",
					setting->name,
					text);
	if (errno == ERANGE || value < setting->min || value > setting->max)
		return fail(loader,
					"setting \"%s\" must be from %" PRId64 " to %" PRId64
					", not %s",
					setting->name,
					setting->min,
					setting->max,
					text);
	*field = value;
	return CONFIG_OK;
}

static enum config_result
store(const struct loader *loader, const struct setting *setting,
	  const char *text)
{
	switch (setting->type)
	{
		case SETTING_TYPE_INT:
			return store_int(loader, setting, text);

		case SETTING_TYPE_BOOL:
			if (!parse_bool(text, field_of(loader->config, setting)))
				return fail(loader,
							"setting \"%s\" must be true or false, not \"%s\"",
							setting->name,
							text);
			return CONFIG_OK;

		case SETTING_TYPE_TEXT:
		{
			char **field = field_of(loader->config, setting);
			char *copy = strdup(text);

			if (copy == NULL)
				return fail(loader, "out of memory");
			free(*field);
			*field = copy;
			return CONFIG_OK;
		}
	}
	return fail(loader, "setting \"%s\" has no type", setting->name);
}

static const struct setting *
find(const struct config_table *table, const char *name)
{
	size_t i;

	for (i = 0; i < table->count; i++)
		if (strcmp(table->settings[i].name, name) == 0)
			return &table->settings[i];
	return NULL;
}

/* set -- store a value that somebody gave; twice in one place is an error. */
static enum config_result
set(const struct loader *loader, const char *name, const char *text)
{
	const struct setting *setting = find(loader->table, name);
	bool *seen;

	if (setting == NULL)
		return fail(loader,
					"there is no setting \"%s\" (%s --help lists them)",
					name,
					loader->table->program);
	seen = &loader->seen[setting - loader->table->settings];
	if (*seen)
		return fail(loader, "setting \"%s\" is given twice", name);
	*seen = true;
	return store(loader, setting, text);
}

/* trim -- cut blanks off both ends, in place. */
static char *
trim(char *text)
{
	size_t len;

	while (isspace((unsigned char) *text))
		text++;
	len = strlen(text);
	while (len > 0 && isspace((unsigned char) text[len - 1]))
		text[--len] = '\0';
	return text;
}

/*
 * cut_comment -- end the line where a comment begins.
 *
 * A '#' counts only at the start or behind a blank, and not inside quotes:
 * a password in a connection string may contain one.
 */
static void
cut_comment(char *line)
{
	char quote = '\0';
	char *p;

	for (p = line; *p != '\0'; p++)
	{
		if (quote != '\0')
		{
			if (*p == quote)
				quote = '\0';
		}
		else if (*p == '\'' || *p == '"')
			quote = *p;
		else if (*p == '#' && (p == line || isspace((unsigned char) p[-1])))
		{
			*p = '\0';
			return;
		}
	}
}

/* A value wholly in double quotes loses them; single ones are libpq's. */
static char *
unquote(char *value)
{
	size_t len = strlen(value);

	if (len >= 2 && value[0] == '"' &&
		strchr(value + 1, '"') == value + len - 1)
	{
		value[len - 1] = '\0';
		return value + 1;
	}
	return value;
}

static enum config_result
load_line(const struct loader *loader, char *line)
{
	char *name;
	char *value;

	cut_comment(line);
	name = trim(line);
	if (*name == '\0')
		return CONFIG_OK;
	value = strchr(name, '=');
	if (value == NULL)
		return fail(loader, "\"%s\" is not of the form: name = value", name);
	*value++ = '\0';
	return set(loader, trim(name), unquote(trim(value)));
}

static enum config_result
load_file(const struct loader *loader, const char *path)
{
	enum config_result result = CONFIG_OK;
	char line[LINE_BYTES];
	FILE *file = fopen(path, "re");
	int number = 0;

	if (file == NULL)
		return fail(loader, "%s: %s", path, strerror(errno));

	while (result == CONFIG_OK && fgets(line, sizeof(line), file) != NULL)
	{
		number++;
		if (strlen(line) == sizeof(line) - 1)
			result = fail(loader, "line is longer than %d", LINE_BYTES - 2);
		else
			result = load_line(loader, line);
	}
	if (result == CONFIG_OK && ferror(file))
		result = fail(loader, "%s", strerror(errno));
	(void) fclose(file);

	if (result != CONFIG_OK)
	{
		char what[CONFIG_MESSAGE_BYTES];

		memcpy(what, loader->message, sizeof(what));
		(void) fail(loader, "%s:%d: %.400s", path, number, what);
	}
	return result;
}

/* option_value -- the value of "--name=value" or "--name value". */
static const char *
option_value(const char *arg, int argc, char *const *argv, int *i)
{
	const char *equals = strchr(arg, '=');

	if (equals != NULL)
		return equals + 1;
	return *i + 1 < argc ? argv[++*i] : NULL;
}

/*
 * load_options -- one walk over argv.
 *
 * Called twice: first for --config alone (and --help, --version), since the
 * file comes before the options whatever their order; then for the rest.
 */
static enum config_result
load_options(const struct loader *loader, int argc, char *const *argv,
			 const char **file)
{
	enum config_result result = CONFIG_OK;
	int i;

	for (i = 1; i < argc && result == CONFIG_OK; i++)
	{
		const char *arg = argv[i];
		const char *value;
		char name[64];

		if (strcmp(arg, "--help") == 0 || strcmp(arg, "--version") == 0)
		{
			if (strcmp(arg, "--help") == 0)
				config_help(loader->table, stdout);
			else
				printf("%s %s\n", loader->table->program, TALLY_VERSION);
			return CONFIG_EXIT;
		}
		if (strncmp(arg, "--", 2) != 0)
			return fail(loader, "\"%s\" is not an option", arg);
		(void) snprintf(
			name, sizeof(name), "%.*s", (int) strcspn(arg + 2, "="), arg + 2);
		value = option_value(arg, argc, argv, &i);
		if (value == NULL)
			return fail(loader, "option \"%s\" wants a value", arg);

		if (strcmp(name, "config") == 0)
		{
			if (file != NULL)
				*file = value;
		}
		else if (file == NULL)
			result = set(loader, name, value);
	}
	return result;
}

static enum config_result
load(struct loader *loader, int argc, char *const *argv)
{
	const struct config_table *table = loader->table;
	const char *file = NULL;
	enum config_result result;
	size_t i;

	for (i = 0; i < table->count; i++)
	{
		result =
			store(loader, &table->settings[i], table->settings[i].initial);
		if (result != CONFIG_OK)
			return result;
	}

	result = load_options(loader, argc, argv, &file);
	if (result == CONFIG_OK && file != NULL)
	{
		result = load_file(loader, file);
		memset(loader->seen, 0, table->count * sizeof(bool));
	}
	if (result == CONFIG_OK)
		result = load_options(loader, argc, argv, NULL);
	return result;
}

enum config_result
config_load(const struct config_table *table, int argc, char *const *argv,
			void *config, char message[CONFIG_MESSAGE_BYTES])
{
	struct loader loader = {.table = table,
							.config = config,
							.message = message};
	enum config_result result;
	size_t i;

	for (i = 0; i < table->count; i++)
		if (table->settings[i].type == SETTING_TYPE_TEXT)
			*(char **) field_of(config, &table->settings[i]) = NULL;

	loader.seen = calloc(table->count + 1, sizeof(bool));
	if (loader.seen == NULL)
		return fail(&loader, "out of memory");
	result = load(&loader, argc, argv);
	free(loader.seen);
	return result;
}

void
config_free(const struct config_table *table, void *config)
{
	size_t i;

	for (i = 0; i < table->count; i++)
	{
		if (table->settings[i].type == SETTING_TYPE_TEXT)
		{
			char **field = field_of(config, &table->settings[i]);

			free(*field);
			*field = NULL;
		}
	}
}

void
config_help(const struct config_table *table, FILE *out)
{
	size_t i;

	fprintf(out,
			"# %s: %s\n"
			"# Usage: %s [--config FILE] [--SETTING=VALUE ...]"
			" | --help | --version\n"
			"# Every setting at its default:\n",
			table->program,
			table->about,
			table->program);
	for (i = 0; i < table->count; i++)
	{
		const struct setting *s = &table->settings[i];

		fprintf(out, "\n# %s", s->help);
		if (s->type == SETTING_TYPE_INT)
			fprintf(out, " (%" PRId64 " to %" PRId64 ")", s->min, s->max);
		fprintf(out, "\n#%s = %s\n", s->name, s->initial);
	}
}
