/*
 * keys.c
 *	  The snapshot of all keys that counts now, and its refresher.
 *
 * LOCKS.  "lock" guards the pointer to the snapshot and its count of readers,
 * and is held for a few instructions.  A snapshot is never changed once it is
 * in its place; the last one who lets go of it frees it.
 */
#include "keys.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "hex.h"
#include "keys_file.h"
#include "log.h"
#include "snapshot.h"
#include "sync.h"

/* The file's age is what counts after a restart, so it is written again
 * now and then even when no key has changed. */
#define SAVE_EVERY_MS 60000
#define LOG_EVERY_MS 60000

struct keys
{
	struct keys_options opt;
	pthread_mutex_t lock;
	pthread_cond_t wake; /* the refresher; and keys_stop() */
	struct snapshot *current;
	bool started;
	bool running; /* the refresher has not ended */
	bool stopping;
	bool wanted; /* by keys_wake() */
	uint32_t random;
	pthread_t thread;
	int64_t saved_ms;		   /* the refresher's own */
	_Atomic int64_t logged_ms; /* of failed loads */
};

/* ------------------------------------------------------------------------
 * The snapshot
 */

/* grab -- the current snapshot, to be let go of; NULL if none or too old. */
static struct snapshot *
grab(struct keys *keys)
{
	struct snapshot *snap;

	(void) pthread_mutex_lock(&keys->lock);
	snap = keys->current;
	if (snap != NULL &&
		keys->opt.now() - snap->loaded_ms > keys->opt.hard_age_ms)
		snap = NULL;
	if (snap != NULL)
		snap->readers++;
	(void) pthread_mutex_unlock(&keys->lock);
	return snap;
}

static void
let_go(struct keys *keys, struct snapshot *snap)
{
	bool last;

	(void) pthread_mutex_lock(&keys->lock);
	last = --snap->readers == 0;
	(void) pthread_mutex_unlock(&keys->lock);
	if (last)
		snapshot_free(snap);
}

/* replace -- put "snap" in its place; being there counts as a reader. */
static void
replace(struct keys *keys, struct snapshot *snap)
{
	struct snapshot *old;

	snap->readers = 1;
	(void) pthread_mutex_lock(&keys->lock);
	old = keys->current;
	keys->current = snap;
	(void) pthread_mutex_unlock(&keys->lock);
	if (old != NULL)
		let_go(keys, old);
}

/* ------------------------------------------------------------------------
 * Questions
 */

bool
project_parse(const char *text, uint8_t project[TALLY_PROJECT_ID_BYTES])
{
	return strlen(text) == (size_t) TALLY_PROJECT_ID_BYTES * 2 &&
		   hex_parse(text, project, TALLY_PROJECT_ID_BYTES);
}

enum keys_result
keys_check(struct keys *keys, const uint8_t project[TALLY_PROJECT_ID_BYTES],
		   const uint8_t hash[KEY_HASH_BYTES], enum scope scope)
{
	struct snapshot *snap = grab(keys);
	enum keys_result result;

	if (snap == NULL)
		return KEYS_NONE;
	result = snapshot_check(snap, project, hash, scope);
	let_go(keys, snap);
	return result;
}

bool
keys_knows_project(struct keys *keys,
				   const uint8_t project[TALLY_PROJECT_ID_BYTES])
{
	struct snapshot *snap = grab(keys);
	bool known;

	if (snap == NULL)
		return false;
	known = snapshot_has_project(snap, project);
	let_go(keys, snap);
	return known;
}

int64_t
keys_age_ms(struct keys *keys)
{
	int64_t age_ms = -1;

	(void) pthread_mutex_lock(&keys->lock);
	if (keys->current != NULL)
		age_ms = keys->opt.now() - keys->current->loaded_ms;
	(void) pthread_mutex_unlock(&keys->lock);
	return age_ms;
}

bool
keys_ready(struct keys *keys)
{
	int64_t age_ms = keys_age_ms(keys);

	return age_ms >= 0 && age_ms <= keys->opt.hard_age_ms;
}

/* ------------------------------------------------------------------------
 * Loading
 */

static void
log_failed_load(struct keys *keys)
{
	struct log_line line;

	if (!log_is_due(&keys->logged_ms, keys->opt.now(), LOG_EVERY_MS))
		return;
	log_begin(&line, LOG_LEVEL_WARN, "keys_not_loaded");
	log_int(&line, "age_ms", keys_age_ms(keys));
	log_end(&line);
}

/*
 * keys_refresh -- load, compare, replace.
 *
 * Only the refresher calls this once it has started, so nobody else replaces
 * the snapshot, and the old one can be looked at without the lock.
 */
bool
keys_refresh(struct keys *keys)
{
	struct keys_builder builder = {.entries = NULL};
	struct snapshot *snap = NULL;
	int64_t now_ms;
	bool save_it;

	if (keys->opt.load(keys->opt.load_arg, &builder))
		snap = snapshot_new(&builder, keys->opt.now(), keys->opt.wall());
	free(builder.entries);
	if (snap == NULL)
	{
		log_failed_load(keys);
		return false;
	}

	now_ms = snap->loaded_ms;
	save_it = keys->opt.file != NULL && *keys->opt.file != '\0' &&
			  (!snapshot_equal(keys->current, snap) || keys->saved_ms == 0 ||
			   now_ms - keys->saved_ms >= SAVE_EVERY_MS);
	if (save_it && keys_file_save(keys->opt.file, snap))
		keys->saved_ms = now_ms;
	replace(keys, snap);
	return true;
}

/* pause_ms -- until the next load, so that hosts do not load in step. */
static int64_t
pause_ms(struct keys *keys, bool loaded)
{
	const int64_t ms = loaded ? keys->opt.refresh_ms : keys->opt.retry_ms;

	keys->random = keys->random * 1664525 + 1013904223;
	return ms - ms / 10 + (int64_t) (keys->random >> 8) % (ms / 5 + 1);
}

static void *
refresher(void *arg)
{
	struct keys *keys = arg;

	(void) pthread_mutex_lock(&keys->lock);
	while (!keys->stopping)
	{
		int64_t until_ms;
		bool loaded;

		keys->wanted = false;
		(void) pthread_mutex_unlock(&keys->lock);
		loaded = keys_refresh(keys);
		until_ms = clock_mono_ms() + pause_ms(keys, loaded);
		(void) pthread_mutex_lock(&keys->lock);

		while (!keys->stopping && !keys->wanted &&
			   sync_cond_wait(&keys->wake, &keys->lock, until_ms))
			;
	}
	keys->running = false;
	(void) pthread_cond_broadcast(&keys->wake);
	(void) pthread_mutex_unlock(&keys->lock);
	return NULL;
}

/* ------------------------------------------------------------------------
 * Begin and end
 */

struct keys *
keys_new(const struct keys_options *options)
{
	struct keys *keys = calloc(1, sizeof(*keys));
	struct snapshot *snap;

	if (keys == NULL)
		return NULL;
	keys->opt = *options;
	keys->random = (uint32_t) options->now() ^ (uint32_t) getpid();
	if (!sync_cond_init(&keys->wake))
	{
		free(keys);
		return NULL;
	}
	(void) pthread_mutex_init(&keys->lock, NULL);
	if (keys->opt.file != NULL && *keys->opt.file != '\0')
	{
		snap =
			keys_file_load(keys->opt.file, keys->opt.now(), keys->opt.wall());
		if (snap != NULL)
			replace(keys, snap);
	}
	return keys;
}

void
keys_free(struct keys *keys)
{
	if (keys == NULL)
		return;
	if (keys->current != NULL)
		let_go(keys, keys->current);
	(void) pthread_cond_destroy(&keys->wake);
	(void) pthread_mutex_destroy(&keys->lock);
	free(keys);
}

bool
keys_start(struct keys *keys)
{
	keys->running = true;
	keys->started = sync_thread_start(&keys->thread, refresher, keys);
	keys->running = keys->started;
	return keys->started;
}

void
keys_wake(struct keys *keys)
{
	(void) pthread_mutex_lock(&keys->lock);
	keys->wanted = true;
	(void) pthread_cond_broadcast(&keys->wake);
	(void) pthread_mutex_unlock(&keys->lock);
}

bool
keys_stop(struct keys *keys, int64_t timeout_ms)
{
	const int64_t until_ms = clock_mono_ms() + timeout_ms;
	bool stopped;

	if (!keys->started)
		return true;
	(void) pthread_mutex_lock(&keys->lock);
	keys->stopping = true;
	(void) pthread_cond_broadcast(&keys->wake);
	while (keys->running && sync_cond_wait(&keys->wake, &keys->lock, until_ms))
		;
	stopped = !keys->running;
	(void) pthread_mutex_unlock(&keys->lock);
	if (stopped)
		(void) pthread_join(keys->thread, NULL);
	return stopped;
}
