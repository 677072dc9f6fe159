/*
 * log.h
 *	  One line an event on stderr: key=value, values quoted where they must.
 *
 *	  2026-01-31T09:30:00.123Z level=warn event=db_down error="no route"
 *
 * A line is built in the caller's memory and written with one write(), so
 * lines of several threads do not mix.  It is cut at LOG_LINE_BYTES.  What a
 * client sent is never logged but for its project's id.
 *
 *	struct log_line line;
 *
 *	log_begin(&line, LOG_LEVEL_WARN, "db_down");
 *	log_str(&line, "error", message);
 *	log_int(&line, "retry_ms", retry_ms);
 *	log_end(&line);
 */
#ifndef TALLY_LOG_H
#define TALLY_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_BYTES 1024

enum log_level
{
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL__COUNT
};

struct log_line
{
	size_t len;
	bool wanted;
	char text[LOG_LINE_BYTES];
};

/* Lines above this level are dropped.  Once, before there are threads. */
void log_set_level(enum log_level level);

/* LOG_LEVEL__COUNT when "name" is none of error, warn, info, debug. */
enum log_level log_level_named(const char *name);

void log_begin(struct log_line *line, enum log_level level, const char *event);
void log_str(struct log_line *line, const char *key, const char *value);
void log_int(struct log_line *line, const char *key, int64_t value);
void log_end(struct log_line *line);

/* A line with one value, or with none when "key" is NULL. */
void log_note(enum log_level level, const char *event, const char *key,
			  const char *value);

/* One line an interval for what happens often: true when it is due again.
 * "last_ms" belongs to the caller and starts as 0; any thread. */
bool log_is_due(_Atomic int64_t *last_ms, int64_t now_ms, int64_t every_ms);

/*
 * At most so many lines a second of a kind that a fault can make thousands
 * of.  When one is allowed, *skipped is how many were not since the last.  A
 * limit belongs to the caller and starts as zeros; any thread.
 */
struct log_limit
{
	_Atomic int64_t second;
	_Atomic int lines;
	_Atomic int skipped;
};

bool log_limit_allow(struct log_limit *limit, int64_t now_ms, int per_second,
					 int *skipped);

#endif
