/*
 * test_keys.c
 *	  Keys: who may do what, how old they may be, their file, and a refresher
 *	  beside readers.
 */
#include <fcntl.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "keys.h"
#include "log.h"
#include "sync.h"
#include "tap.h"

static const uint8_t ours[TALLY_PROJECT_ID_BYTES] = "our project";
static const uint8_t other[TALLY_PROJECT_ID_BYTES] = "the other p";
static const uint8_t unknown[TALLY_PROJECT_ID_BYTES] = "unheard of ";

static _Atomic int64_t mono_ms = 1000000;
static _Atomic int64_t wall_ms = INT64_C(1700000000000);
static atomic_bool is_up = true;
static atomic_int loads;
static atomic_bool with_second_reader;

static char path[] = "/tmp/tally-test-keys-XXXXXX";

static int64_t
mono(void)
{
	return mono_ms;
}

static int64_t
wall(void)
{
	return wall_ms;
}

static bool
add(struct keys_builder *builder, const char *key, const uint8_t *project,
	enum scope scope)
{
	uint8_t hash[KEY_HASH_BYTES];

	(void) SHA256((const unsigned char *) key, strlen(key), hash);
	return keys_add(builder, hash, project, scope);
}

static bool
load(void *arg, struct keys_builder *builder)
{
	int i;

	(void) arg;
	loads++;
	if (!add(builder, "READ", ours, SCOPE_READ) ||
		!add(builder, "WRITE", ours, SCOPE_WRITE) ||
		!add(builder, "MASTER", ours, SCOPE_MASTER) ||
		!add(builder, "OTHER", other, SCOPE_MASTER))
		return false;
	if (with_second_reader && !add(builder, "READ2", ours, SCOPE_READ))
		return false;
	for (i = 0; i < 200; i++)
	{
		char key[20];

		(void) snprintf(key, sizeof(key), "KEY%d", i);
		if (!add(builder, key, other, SCOPE_READ))
			return false;
	}
	/* one that fails half way leaves nothing behind */
	return is_up;
}

static struct keys *
new_keys(const char *file)
{
	const struct keys_options options = {.load = load,
										 .now = mono,
										 .wall = wall,
										 .refresh_ms = 10,
										 .retry_ms = 10,
										 .hard_age_ms = 60000,
										 .file = file};

	is_up = true;
	return keys_new(&options);
}

static enum keys_result
ask(struct keys *keys, const uint8_t *project, const char *key, enum scope s)
{
	uint8_t hash[KEY_HASH_BYTES];

	(void) digest_sha256(key, strlen(key), hash);
	return keys_check(keys, project, hash, s);
}

static void
test_check(void)
{
	struct keys *keys = new_keys(NULL);

	tap_int(ask(keys, ours, "READ", SCOPE_READ), KEYS_NONE, "not loaded");
	tap_int(keys_age_ms(keys), -1, "has no age");
	tap_ok(!keys_ready(keys), "and is not ready");
	tap_ok(keys_refresh(keys), "loaded");
	tap_ok(keys_ready(keys), "and ready");

	tap_int(ask(keys, ours, "READ", SCOPE_READ), KEYS_OK, "read reads");
	tap_int(ask(keys, ours, "READ", SCOPE_WRITE), KEYS_NO_SCOPE, "only");
	tap_int(ask(keys, ours, "WRITE", SCOPE_WRITE), KEYS_OK, "write writes");
	tap_int(ask(keys, ours, "WRITE", SCOPE_READ), KEYS_NO_SCOPE, "only");
	tap_int(ask(keys, ours, "READ", SCOPE_MASTER),
			KEYS_NO_SCOPE,
			"what needs the master key needs it");
	tap_int(ask(keys, ours, "MASTER", SCOPE_WRITE),
			KEYS_OK,
			"master does all");
	tap_int(ask(keys, ours, "MASTER", SCOPE_MASTER), KEYS_OK, "of it");
	tap_int(ask(keys, ours, "OTHER", SCOPE_READ),
			KEYS_OTHER_PROJECT,
			"but not in another project");
	tap_int(ask(keys, other, "OTHER", SCOPE_READ), KEYS_OK, "only in its own");
	tap_int(ask(keys, other, "KEY137", SCOPE_READ), KEYS_OK, "one of many");
	tap_int(ask(keys, ours, "READ ", SCOPE_READ), KEYS_UNKNOWN_KEY, "unknown");
	tap_int(ask(keys, ours, "", SCOPE_READ), KEYS_UNKNOWN_KEY, "empty");
	tap_int(ask(keys, unknown, "READ", SCOPE_READ),
			KEYS_UNKNOWN_PROJECT,
			"no such project");
	tap_ok(keys_knows_project(keys, other) &&
			   !keys_knows_project(keys, unknown),
		   "which projects there are");
	keys_free(keys);
}

static void
test_age(void)
{
	struct keys *keys = new_keys(NULL);

	(void) keys_refresh(keys);
	is_up = false;
	mono_ms += 60000;
	tap_ok(!keys_refresh(keys), "the database is away");
	tap_int(keys_age_ms(keys), 60000, "for a minute");
	tap_int(ask(keys, ours, "READ", SCOPE_READ), KEYS_OK, "keys still count");
	mono_ms += 1;
	tap_int(ask(keys, ours, "READ", SCOPE_READ),
			KEYS_NONE,
			"but not past the hard age");
	tap_ok(!keys_ready(keys), "which makes us not ready");
	is_up = true;
	(void) keys_refresh(keys);
	tap_int(ask(keys, ours, "READ", SCOPE_READ), KEYS_OK, "until it is back");
	keys_free(keys);
}

static off_t
file_size(void)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_size : -1;
}

static void
flip_byte(off_t at)
{
	int fd = open(path, O_RDWR);
	char c = 0;

	if (fd < 0 || pread(fd, &c, 1, at) != 1)
		return;
	c ^= 1;
	if (pwrite(fd, &c, 1, at) != 1)
		printf("# cannot write\n");
	(void) close(fd);
}

static void
test_file(void)
{
	struct keys *keys = new_keys(path);
	struct stat st;
	off_t at;
	int wrong = 0;

	tap_ok(!keys_ready(keys), "an empty file is none");
	(void) keys_refresh(keys);
	keys_free(keys);
	tap_ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600,
		   "the file is for its owner alone");

	mono_ms = 500; /* another boot */
	wall_ms += 20000;
	keys = new_keys(path);
	tap_int(ask(keys, ours, "READ", SCOPE_READ), KEYS_OK, "it is read");
	tap_int(ask(keys, other, "KEY7", SCOPE_READ), KEYS_OK, "to its end");
	tap_int(keys_age_ms(keys), 20000, "and as old as it is");
	keys_free(keys);
	wall_ms += 41000;
	keys = new_keys(path);
	tap_ok(!keys_ready(keys), "after too long it is none");
	keys_free(keys);
	wall_ms -= 200000;
	keys = new_keys(path);
	tap_int(keys_age_ms(keys), 0, "from the future it is new");
	keys_free(keys);

	/* a changed byte anywhere makes it none: of one it is the check */
	for (at = 0; at < file_size(); at += 97)
	{
		flip_byte(at);
		keys = new_keys(path);
		if (keys_ready(keys))
			wrong++;
		keys_free(keys);
		flip_byte(at);
	}
	tap_int(wrong, 0, "one that was damaged is none");
	for (at = file_size() - 1; at > 0; at -= 101)
	{
		if (truncate(path, at) != 0)
			break;
		keys = new_keys(path);
		if (keys_ready(keys))
			wrong++;
		keys_free(keys);
	}
	tap_int(wrong, 0, "one that was cut short too");
}

/* ------------------------------------------------------------------------
 * With threads
 */

static atomic_bool done;
static atomic_int wrong_answers;

static void *
reader(void *arg)
{
	struct keys *keys = arg;

	while (!done)
	{
		if (ask(keys, ours, "READ", SCOPE_READ) != KEYS_OK ||
			ask(keys, ours, "NONE", SCOPE_READ) != KEYS_UNKNOWN_KEY)
			wrong_answers++;
	}
	return NULL;
}

static void
test_threads(void)
{
	struct keys *keys = new_keys(NULL);
	pthread_t threads[3];
	int64_t until_ms = clock_mono_ms() + 10000;
	int i;

	(void) keys_refresh(keys);
	loads = 0;
	for (i = 0; i < 3; i++)
		(void) sync_thread_start(&threads[i], reader, keys);
	tap_ok(keys_start(keys), "a refresher");
	while (loads < 30 && clock_mono_ms() < until_ms)
		clock_sleep_ms(1);
	with_second_reader = true;
	keys_wake(keys);
	while (ask(keys, ours, "READ2", SCOPE_READ) != KEYS_OK &&
		   clock_mono_ms() < until_ms)
		clock_sleep_ms(1);
	tap_int(ask(keys, ours, "READ2", SCOPE_READ), KEYS_OK, "brings new keys");
	tap_ok(keys_stop(keys, 5000), "and stops");
	done = true;
	for (i = 0; i < 3; i++)
		(void) pthread_join(threads[i], NULL);
	tap_int(wrong_answers, 0, "while nobody saw anything half done");
	keys_free(keys);
}

int
main(void)
{
	int fd = mkstemp(path);

	if (fd < 0)
		return 1;
	(void) close(fd);
	log_set_level(LOG_LEVEL_ERROR); /* warnings are what is tested */
	test_check();
	test_age();
	test_file();
	test_threads();
	(void) unlink(path);
	return tap_done();
}
