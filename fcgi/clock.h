/*
 * clock.h
 *	  The clocks.
 *
 * Deadlines are instants of the monotonic clock, so that setting the
 * machine's time moves none of them.  What needs a moving clock in its tests
 * takes a clock_fn and is given clock_mono_ms() in earnest.
 */
#ifndef TALLY_CLOCK_H
#define TALLY_CLOCK_H

#include <stdint.h>
#include <time.h>

typedef int64_t (*clock_fn)(void);

/* Milliseconds and microseconds since some moment in the past. */
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);

/* Milliseconds since 1970, and microseconds since 2000-01-01 00:00, UTC. */
int64_t clock_wall_ms(void);
int64_t clock_wall_us(void);

/* Milliseconds from now until "deadline_ms", never negative, for poll(). */
int clock_left_ms(int64_t deadline_ms);

/* The same instant of the monotonic clock, for pthread_cond_timedwait() on a
 * condition variable made by clock_cond_init(). */
struct timespec clock_timespec(int64_t deadline_ms);

void clock_sleep_ms(int64_t ms);
void clock_sleep_us(int64_t us);

#endif
