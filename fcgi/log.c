/*
 * log.c
 *	  One line an event on stderr.
 */
#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

/* Kept free at the end of a line for a closing quote and the newline. */
#define TAIL_BYTES 2

static const char *const level_names[LOG_LEVEL__COUNT] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

/* Set once, before there are threads. */
static enum log_level max_level = LOG_LEVEL_INFO;

void
log_set_level(enum log_level level)
{
	max_level = level;
}

enum log_level
log_level_named(const char *name)
{
	enum log_level level;

	for (level = LOG_LEVEL_ERROR; level < LOG_LEVEL__COUNT; level++)
		if (strcmp(level_names[level], name) == 0)
			break;
	return level;
}

static void
put(struct log_line *line, const char *text, size_t len)
{
	const size_t limit = sizeof(line->text) - TAIL_BYTES;

	if (line->len >= limit)
		return;
	if (len > limit - line->len)
		len = limit - line->len;
	memcpy(line->text + line->len, text, len);
	line->len += len;
}

void
log_begin(struct log_line *line, enum log_level level, const char *event)
{
	char stamp[64];
	struct tm tm;
	int64_t now_ms;
	time_t now;
	size_t len;

	line->len = 0;
	line->wanted = level <= max_level;
	if (!line->wanted)
		return;

	now_ms = clock_wall_ms();
	now = (time_t) (now_ms / 1000);
	if (gmtime_r(&now, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	len = strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	put(line, stamp, len);
	len = (size_t)
		snprintf(stamp, sizeof(stamp), ".%03dZ", (int) (now_ms % 1000));
	put(line, stamp, len);
	log_str(line, "level", level_names[level]);
	log_str(line, "event", event);
}

/* Can "value" stand without quotes, and still be read back? */
static bool
is_plain(const char *value)
{
	const char *p;

	for (p = value; *p != '\0'; p++)
		if ((unsigned char) *p <= ' ' || *p == '"' || *p == '=' ||
			*p == '\\' || *p == 0x7f)
			return false;
	return p != value;
}

void
log_str(struct log_line *line, const char *key, const char *value)
{
	const char *p;

	if (!line->wanted)
		return;
	if (value == NULL)
		value = "";

	put(line, " ", 1);
	put(line, key, strlen(key));
	put(line, "=", 1);
	if (is_plain(value))
	{
		put(line, value, strlen(value));
		return;
	}

	put(line, "\"", 1);
	for (p = value; *p != '\0'; p++)
	{
		if (*p == '"' || *p == '\\')
			put(line, "\\", 1);
		/* a line stays one line, and a terminal stays as it is */
		put(line, (unsigned char) *p < ' ' || *p == 0x7f ? " " : p, 1);
	}
	if (line->len == sizeof(line->text) - TAIL_BYTES)
		line->text[line->len++] = '"';
	else
		put(line, "\"", 1);
}

void
log_int(struct log_line *line, const char *key, int64_t value)
{
	char text[24];

	(void) snprintf(text, sizeof(text), "%" PRId64, value);
	log_str(line, key, text);
}

void
log_end(struct log_line *line)
{
	ssize_t n;

	if (!line->wanted)
		return;
	if (line->len >= sizeof(line->text))
		line->len = sizeof(line->text) - 1;
	line->text[line->len++] = '\n';
	do
		n = write(STDERR_FILENO, line->text, line->len);
	while (n < 0 && errno == EINTR);
}

void
log_note(enum log_level level, const char *event, const char *key,
		 const char *value)
{
	struct log_line line;

	log_begin(&line, level, event);
	if (key != NULL)
		log_str(&line, key, value);
	log_end(&line);
}

bool
log_is_due(_Atomic int64_t *last_ms, int64_t now_ms, int64_t every_ms)
{
	int64_t last = atomic_load(last_ms);

	if (last != 0 && now_ms - last < every_ms)
		return false;
	return atomic_compare_exchange_strong(last_ms, &last, now_ms);
}

/* Two threads at the turn of a second may let a line more through, or skip
 * one: this is a limit, not a count. */
bool
log_limit_allow(struct log_limit *limit, int64_t now_ms, int per_second,
				int *skipped)
{
	const int64_t second = now_ms / 1000;

	if (atomic_exchange(&limit->second, second) != second)
		atomic_store(&limit->lines, 0);
	if (atomic_fetch_add(&limit->lines, 1) >= per_second)
	{
		(void) atomic_fetch_add(&limit->skipped, 1);
		return false;
	}
	*skipped = atomic_exchange(&limit->skipped, 0);
	return true;
}
