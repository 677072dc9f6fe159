/*
 * clock.c
 *	  The only place that asks the system for the time.
 */
#include "clock.h"

#include <errno.h>
#include <limits.h>

/* Seconds from 1970-01-01 to 2000-01-01. */
#define EPOCH_2000_S INT64_C(946684800)

static int64_t
read_us(clockid_t id)
{
	struct timespec ts = {0, 0};

	(void) clock_gettime(id, &ts); /* cannot fail for the ids used here */
	return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
clock_mono_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t
clock_mono_ms(void)
{
	return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t
clock_wall_ms(void)
{
	return read_us(CLOCK_REALTIME) / 1000;
}

int64_t
clock_wall_us(void)
{
	return read_us(CLOCK_REALTIME) - EPOCH_2000_S * 1000000;
}

int
clock_left_ms(int64_t deadline_ms)
{
	int64_t left = deadline_ms - clock_mono_ms();

	if (left < 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int) left;
}

struct timespec
clock_timespec(int64_t deadline_ms)
{
	struct timespec ts;

	ts.tv_sec = (time_t) (deadline_ms / 1000);
	ts.tv_nsec = (long) (deadline_ms % 1000) * 1000000L;
	return ts;
}

void
clock_sleep_ms(int64_t ms)
{
	clock_sleep_us(ms * 1000);
}

void
clock_sleep_us(int64_t us)
{
	struct timespec left;

	left.tv_sec = (time_t) (us / 1000000);
	left.tv_nsec = (long) (us % 1000000) * 1000L;
	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}
