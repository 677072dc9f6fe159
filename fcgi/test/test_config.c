/*
 * test_config.c
 *	  Settings: defaults, file, options, and everything that is refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config.h"
#include "tap.h"

struct sample
{
	int64_t number;
	bool flag;
	const char *text;
};

/* clang-format off */
static const struct setting settings[] = {
	SETTING_INT(struct sample, number, "7", -1, 100, "a number"),
	SETTING_BOOL(struct sample, flag, "false", "a flag"),
	SETTING_TEXT(struct sample, text, "default", "a text"),
};
/* clang-format on */

static const struct config_table table = {"sample", "for a test", settings, 3};

static char path[] = "/tmp/tally-test-config-XXXXXX";
static char message[CONFIG_MESSAGE_BYTES];
static struct sample sample;

/* load -- with a file of that text (NULL: none) and one option (or NULL). */
static enum config_result
load(const char *text, const char *option)
{
	char *argv[4] = {(char *) "sample"};
	int argc = 1;
	FILE *file;

	if (text != NULL)
	{
		file = fopen(path, "w");
		if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
			return CONFIG_ERROR;
		argv[argc++] = (char *) "--config";
		argv[argc++] = path;
	}
	if (option != NULL)
		argv[argc++] = (char *) (uintptr_t) option;
	config_free(&table, &sample);
	message[0] = '\0';
	return config_load(&table, argc, argv, &sample, message);
}

static void
test_good(void)
{
	tap_int(load(NULL, NULL), CONFIG_OK, "no file, no options");
	tap_ok(sample.number == 7 && !sample.flag, "leave the defaults");
	tap_str(sample.text, "default", "for texts too");

	tap_int(load("# comment\n\n number = 8 # why\nflag=yes\n"
				 "text = host=/run/x password='a # b'\n",
				 NULL),
			CONFIG_OK,
			"a file");
	tap_int(sample.number, 8, "sets numbers");
	tap_ok(sample.flag, "and flags");
	tap_str(sample.text,
			"host=/run/x password='a # b'",
			"a '#' in quotes begins no comment");

	(void) load("text = \" padded \"\nnumber=-1", NULL);
	tap_str(sample.text, " padded ", "double quotes keep blanks");
	tap_int(sample.number, -1, "the last line needs no newline");
	(void) load("text =\n", NULL);
	tap_str(sample.text, "", "a text may be empty");
	(void) load("text = a#b\n", NULL);
	tap_str(sample.text, "a#b", "a '#' inside a word begins no comment");

	tap_int(load("number = 8\n", "--number=9"), CONFIG_OK, "an option");
	tap_int(sample.number, 9, "stands over the file");
}

static void
refused(const char *text, const char *option, const char *want)
{
	tap_int(load(text, option), CONFIG_ERROR, "refused:");
	tap_ok(strstr(message, want) != NULL, want);
	if (strstr(message, want) == NULL)
		printf("# %s\n", message);
}

static void
test_bad(void)
{
	char longest[5000];

	refused("number = 101\n", NULL, "must be from -1 to 100, not 101");
	refused("number = 99999999999999999999\n", NULL, "must be from -1 to 100");
	refused("number = 7x\n", NULL, "must be a whole number, not \"7x\"");
	refused("number = \n", NULL, "must be a whole number");
	refused("flag = maybe\n", NULL, "must be true or false");
	refused("\nnumbr = 7\n", NULL, ":2: there is no setting \"numbr\"");
	refused("number 7\n", NULL, "not of the form: name = value");
	refused("number = 7\nnumber = 8\n", NULL, "is given twice");
	refused(NULL, "number=7", "is not an option");
	refused(NULL, "--number", "wants a value");
	refused(NULL, "--nonsense=1", "there is no setting \"nonsense\"");
	refused(NULL, "--config=/nowhere/at/all", "No such file");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	refused(longest, NULL, "line is longer than");
}

/* What --help prints is a file that says nothing but the defaults. */
static void
test_help(void)
{
	FILE *out = fopen(path, "w");
	char *argv[] = {(char *) "sample", (char *) "--config", path};
	char line[256];
	int count = 0;

	config_help(&table, out);
	(void) fclose(out);
	config_free(&table, &sample);
	tap_int(config_load(&table, 3, argv, &sample, message),
			CONFIG_OK,
			"the help is a configuration file");
	tap_int(sample.number, 7, "which changes nothing");

	out = fopen(path, "r");
	while (fgets(line, sizeof(line), out) != NULL)
		if (strcmp(line, "#number = 7\n") == 0 ||
			strcmp(line, "# a number (-1 to 100)\n") == 0)
			count++;
	(void) fclose(out);
	tap_int(count, 2, "and shows help, bounds and default");
}

int
main(void)
{
	int fd = mkstemp(path);

	if (fd < 0)
		return 1;
	(void) close(fd);
	test_good();
	test_bad();
	test_help();
	config_free(&table, &sample);
	(void) unlink(path);
	return tap_done();
}
