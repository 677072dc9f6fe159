/*
 * sync.c
 *	  Condition variables that wait by the monotonic clock; quiet threads.
 */
#include "sync.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "clock.h"

/*
 * A thread's stack.  The deepest user is libpq in its connecting; 512 kB is
 * several times what it takes, and keeps 16 threads from reserving 128 MB.
 */
#define STACK_BYTES (512 * 1024)

bool
sync_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;
	bool ok;

	if (pthread_condattr_init(&attr) != 0)
		return false;
	ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
		 pthread_cond_init(cond, &attr) == 0;
	(void) pthread_condattr_destroy(&attr);
	return ok;
}

bool
sync_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex,
			   int64_t deadline_ms)
{
	struct timespec until = clock_timespec(deadline_ms);

	return pthread_cond_timedwait(cond, mutex, &until) != ETIMEDOUT;
}

bool
sync_thread_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;
	sigset_t all;
	sigset_t before;
	bool ok;

	if (pthread_attr_init(&attr) != 0)
		return false;
	(void) pthread_attr_setstacksize(&attr, STACK_BYTES);

	(void) sigfillset(&all);
	(void) pthread_sigmask(SIG_SETMASK, &all, &before);
	ok = pthread_create(thread, &attr, run, arg) == 0;
	(void) pthread_sigmask(SIG_SETMASK, &before, NULL);

	(void) pthread_attr_destroy(&attr);
	return ok;
}
