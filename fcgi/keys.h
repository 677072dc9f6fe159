/*
 * keys.h
 *	  Which keys there are: an immutable snapshot, replaced whole.
 *
 * One thread loads all keys every few seconds and puts a new snapshot in the
 * place of the old one; a request only ever reads.  While the database is
 * away the last snapshot stays valid, up to the hard age, after which keys
 * that were revoked meanwhile would be honoured too long.  With a file the
 * snapshot outlives the program, so one that starts while the database is
 * down knows its keys.  The file holds hashes only, mode 0600.
 *
 * All functions may be called from any thread.
 */
#ifndef TALLY_KEYS_H
#define TALLY_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../extension/contract.h"
#include "clock.h"
#include "route.h"
#include "digest.h"

#define KEY_HASH_BYTES DIGEST_BYTES

struct keys;
struct keys_builder;

struct keys_options
{
	/* Adds all keys with keys_add(); false when they could not be had. */
	bool (*load)(void *arg, struct keys_builder *builder);
	void *load_arg;
	clock_fn now;		 /* clock_mono_ms() */
	clock_fn wall;		 /* clock_wall_ms() */
	int64_t refresh_ms;	 /* between two loads, +-10 % */
	int64_t retry_ms;	 /* after a failed one */
	int64_t hard_age_ms; /* a snapshot older than this is none */
	const char *file;	 /* NULL or "": none */
};

enum keys_result
{
	KEYS_OK,
	KEYS_UNKNOWN_PROJECT,
	KEYS_UNKNOWN_KEY,
	KEYS_OTHER_PROJECT, /* a key, but of another project */
	KEYS_NO_SCOPE,		/* the project's key, but not for this */
	KEYS_NONE,			/* no snapshot yet, or it is too old */
};

/* Reads the file if there is one.  NULL when out of memory. */
struct keys *keys_new(const struct keys_options *options);
void keys_free(struct keys *keys);

/* The refresher; it loads at once when it starts. */
bool keys_start(struct keys *keys);

/* Asks for a load now instead of at its time; does not wait for it. */
void keys_wake(struct keys *keys);

/* False when the refresher is still in a load after "timeout_ms": then the
 * keys must not be freed, and the program just ends. */
bool keys_stop(struct keys *keys, int64_t timeout_ms);

/* One load, now, in the caller's thread.  False when it failed. */
bool keys_refresh(struct keys *keys);

/*
 * May the key of that hash do "scope" in the project?  The time it takes does
 * not depend on how much of a wrong key is right.
 */
enum keys_result keys_check(struct keys *keys,
							const uint8_t project[TALLY_PROJECT_ID_BYTES],
							const uint8_t hash[KEY_HASH_BYTES],
							enum scope scope);

/* Is there a project of that id?  Also false when there is no snapshot. */
bool keys_knows_project(struct keys *keys,
						const uint8_t project[TALLY_PROJECT_ID_BYTES]);

/* Milliseconds since the snapshot was loaded; -1 when there is none. */
int64_t keys_age_ms(struct keys *keys);

/* Is there a snapshot, and is it not too old? */
bool keys_ready(struct keys *keys);

/* For load(): one key.  False when out of memory or past the limit. */
bool keys_add(struct keys_builder *builder, const uint8_t hash[KEY_HASH_BYTES],
			  const uint8_t project[TALLY_PROJECT_ID_BYTES], enum scope scope);

/* 24 hexadecimals, and no more -> 12 bytes. */
bool project_parse(const char *text, uint8_t project[TALLY_PROJECT_ID_BYTES]);

#endif
