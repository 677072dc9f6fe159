/*
 * test_leaves.c
 *	  buf, arena, hex, log: bounds, and what happens past them.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "hex.h"
#include "log.h"
#include "tap.h"

static void
test_buf(void)
{
	struct buf buf;
	int i;

	buf_init(&buf, 1000);
	tap_ok(buf.data == NULL && !buf.failed, "an empty buffer has no memory");
	for (i = 0; i < 100; i++)
		buf_str(&buf, "0123456789");
	tap_int((int64_t) buf.len, 1000, "a buffer grows to its limit");
	tap_ok(!buf.failed, "which is allowed");
	buf_char(&buf, 'x');
	tap_ok(buf.failed && buf.len == 1000, "one byte more is refused");
	buf_reset(&buf);
	buf_int(&buf, INT64_MIN);
	buf_char(&buf, '\0');
	tap_str(buf.data, "-9223372036854775808", "it is usable after a reset");
	tap_ok(buf_room(&buf, 2000) == NULL && buf.failed, "no room for so much");
	buf_shrink(&buf, 10);
	tap_ok(buf.data == NULL && !buf.failed, "shrinking gives memory back");
	buf_free(&buf);
}

static void
test_arena(void)
{
	struct arena *arena = arena_new(100000);
	size_t first = arena_held(arena);
	char *text = arena_copy(arena, "abcdef", 3);
	void *big;

	tap_str(text, "abc", "a copy ends where it should");
	tap_ok((uintptr_t) arena_alloc(arena, 1) % sizeof(long double) == 0,
		   "memory is aligned after an odd length");
	big = arena_alloc(arena, 60000);
	tap_ok(big != NULL, "a piece larger than a block");
	memset(big, 1, 60000);
	tap_ok(arena_alloc(arena, 60000) == NULL, "not past the limit");
	tap_ok(arena_alloc(arena, SIZE_MAX) == NULL, "nor past all numbers");
	tap_ok(arena_copy(arena, "", SIZE_MAX) == NULL, "for copies too");
	arena_reset(arena);
	tap_int((int64_t) arena_held(arena),
			(int64_t) first,
			"a reset keeps the first block only");
	tap_ok(arena_alloc(arena, 60000) != NULL, "and all of it is free again");
	arena_free(arena);
	arena_free(NULL);
}

static void
test_hex(void)
{
	uint8_t out[2];
	struct buf buf;

	tap_ok(hex_parse("aF09zz", out, 2) && out[0] == 0xaf && out[1] == 0x09,
		   "hexadecimals of both cases");
	tap_ok(!hex_parse("aF0", out, 2), "too few");
	tap_ok(!hex_parse("aF0g", out, 2), "not a digit");
	buf_init(&buf, 100);
	hex_append(&buf, (const uint8_t *) "\x01\xfe", 2);
	buf_char(&buf, '\0');
	tap_str(buf.data, "01fe", "and back");
	buf_free(&buf);
}

/* logged -- the line as it went to stderr, without the time. */
static const char *
logged(struct log_line *line)
{
	static char text[2 * LOG_LINE_BYTES];
	int saved = dup(STDERR_FILENO);
	int fds[2] = {-1, -1};
	ssize_t n;

	if (pipe(fds) != 0)
		return "no pipe";
	(void) dup2(fds[1], STDERR_FILENO);
	log_end(line);
	(void) dup2(saved, STDERR_FILENO);
	(void) close(fds[1]);
	(void) close(saved);
	n = read(fds[0], text, sizeof(text) - 1);
	(void) close(fds[0]);
	text[n > 0 ? n : 0] = '\0';
	return n > 25 ? text + 25 : text;
}

static void
test_log(void)
{
	struct log_line line;
	char longest[2 * LOG_LINE_BYTES];
	const char *text;

	log_begin(&line, LOG_LEVEL_WARN, "e");
	log_str(&line, "a", "plain");
	log_str(&line, "b", "two words");
	log_str(&line, "c", "quote\" back\\ line\nend");
	log_str(&line, "d", "");
	log_str(&line, "e", NULL);
	log_int(&line, "n", -5);
	tap_str(logged(&line),
			"level=warn event=e a=plain b=\"two words\""
			" c=\"quote\\\" back\\\\ line end\" d=\"\" e=\"\" n=-5\n",
			"values are quoted where they must, and a line is a line");

	memset(longest, 'x', sizeof(longest) - 1);
	longest[5] = ' ';
	longest[sizeof(longest) - 1] = '\0';
	log_begin(&line, LOG_LEVEL_WARN, "e");
	log_str(&line, "a", longest);
	log_str(&line, "b", longest);
	text = logged(&line);
	tap_int((int64_t) strlen(text), LOG_LINE_BYTES - 25, "a line is cut");
	tap_ok(strcmp(text + strlen(text) - 2, "\"\n") == 0,
		   "and still ends with quote and newline");

	log_begin(&line, LOG_LEVEL_DEBUG, "e");
	log_str(&line, "a", "b");
	tap_ok(!line.wanted, "a line below the level is not written");
	tap_int(log_level_named("debug"), LOG_LEVEL_DEBUG, "a level by name");
	tap_int(log_level_named("loud"), LOG_LEVEL__COUNT, "or none");
}

static void
test_due(void)
{
	_Atomic int64_t last = 0;

	tap_ok(log_is_due(&last, 5, 1000), "the first is due");
	tap_ok(!log_is_due(&last, 1004, 1000), "the next is not for a while");
	tap_ok(log_is_due(&last, 1005, 1000), "then it is");
}

static void
test_limit(void)
{
	struct log_limit limit = {0};
	int allowed = 0;
	int skipped = -1;
	int i;

	for (i = 0; i < 50; i++)
		if (log_limit_allow(&limit, 5500, 20, &skipped))
			allowed++;
	tap_int(allowed, 20, "so many lines in a second");
	tap_int(skipped, 0, "and none skipped before");
	tap_ok(log_limit_allow(&limit, 6000, 20, &skipped), "the next second");
	tap_int(skipped, 30, "says how many there were");
	tap_ok(log_limit_allow(&limit, 6000, 20, &skipped), "only");
	tap_int(skipped, 0, "once");
}

static void
test_clock(void)
{
	int64_t now = clock_mono_ms();

	tap_int(clock_left_ms(now - 1000), 0, "no time is left after a deadline");
	tap_ok(clock_left_ms(now + 10000) > 9000, "nor too little before it");
	/* 2026-01-01, and 2100: is the epoch 2000 and the unit right? */
	tap_ok(clock_wall_us() > INT64_C(820454400000000) &&
			   clock_wall_us() < INT64_C(3155760000000000),
		   "microseconds since 2000");
	clock_sleep_ms(20);
	tap_ok(clock_mono_ms() - now >= 20, "a sleep sleeps");
}

int
main(void)
{
	test_buf();
	test_arena();
	test_hex();
	test_log();
	test_due();
	test_limit();
	test_clock();
	return tap_done();
}
