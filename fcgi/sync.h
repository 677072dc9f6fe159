/*
 * sync.h
 *	  Condition variables that wait by the monotonic clock.
 */
#ifndef TALLY_SYNC_H
#define TALLY_SYNC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Returns false when out of memory. */
bool sync_cond_init(pthread_cond_t *cond);

/*
 * Waits for "cond", whose mutex the caller holds, until "deadline_ms" of
 * clock_mono_ms().  False when the deadline has passed.  As with every
 * condition variable it may wake for nothing: look again.
 */
bool sync_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex,
					int64_t deadline_ms);

/* Starts a thread with every signal blocked, so that the one thread in
 * sigwait() gets them all and no system call elsewhere sees EINTR. */
bool sync_thread_start(pthread_t *thread, void *(*run)(void *), void *arg);

#endif
