/*
 * test_committer.c
 *	  committer.c: every commit is told once, after it is on disk; a stalled
 *	  disk makes the senders wait and then be refused, and costs no memory.
 */
#define _XOPEN_SOURCE 700 /* mkdtemp(), nftw() */
#include "folder.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "committer.h"
#include "sync.h"

#define SENDERS 4
#define COMMITS 500

static atomic_int disk_stalls; /* while not 0 a sync does not end */
static atomic_int disk_fails;
static atomic_int syncs;
static atomic_int told[3]; /* by result */

static int
slow_fdatasync(int fd)
{
	(void) fd;
	while (atomic_load(&disk_stalls) != 0)
		clock_sleep_ms(1);
	atomic_fetch_add(&syncs, 1);
	errno = EIO;
	return atomic_load(&disk_fails) != 0 ? -1 : 0;
}

static ssize_t
plain_pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
	(void) n;
	return pwrite(fd, iov[0].iov_base, iov[0].iov_len, offset);
}

static int64_t
no_limit(const char *path)
{
	(void) path;
	return -1;
}

static int
no_sync(int fd)
{
	(void) fd;
	return 0;
}

static int
no_forget(int fd, off_t offset, off_t len)
{
	(void) fd;
	(void) offset;
	(void) len;
	return 0;
}

static const struct spool_io disk = {
	.forget = no_forget,
	.pwritev = plain_pwritev,
	.fdatasync = slow_fdatasync,
	.fsync = no_sync,
	.fallocate = posix_fallocate,
	.ftruncate = ftruncate,
	.free_bytes = no_limit,
};

static void
done(void *app, const struct commit *commit, enum spool_result result)
{
	void *owner = commit->owner;

	(void) app;
	if (owner != NULL)
		atomic_fetch_add((atomic_int *) owner, 1);
	atomic_fetch_add(&told[result], 1);
}

static struct spool *
open_spool(void)
{
	struct spool_options options = {
		.dir = dir,
		.file_bytes = 1 << 20,
		.max_bytes = 1 << 26,
		.io = &disk,
		.now = clock_mono_ms,
		.wall_us = clock_wall_us,
	};
	char message[SPOOL_MESSAGE_BYTES];
	struct spool *spool = spool_open(&options, message);

	if (spool == NULL)
		abort();
	return spool;
}

static struct commit *
make_commit(const char *json, uint32_t events)
{
	struct commit *commit = commit_new(16);
	struct frame frame = {.collection = "c", .collection_len = 1};
	bool full;

	frame.json = json;
	frame.json_len = strlen(json);
	for (uint32_t i = 0; i < events; i++)
		if (commit == NULL || !commit_add(&commit, &frame, &full))
			abort();
	return commit;
}

struct sender
{
	struct committer *committer;
	atomic_int told;
	int refused;
};

static void *
run_sender(void *arg)
{
	struct sender *sender = arg;

	for (int i = 0; i < COMMITS; i++)
	{
		struct commit *commit = make_commit("{\"a\":1}", 1 + (uint32_t) i % 3);

		commit->owner = &sender->told;
		if (!committer_submit(sender->committer,
							  commit,
							  clock_mono_ms() + 5000))
		{
			sender->refused++;
			commit_free(commit);
		}
	}
	return NULL;
}

/* count_events -- how many the spool gives out; they count on from 1. */
static int64_t
count_events(struct spool *spool)
{
	struct spool_batch batch;
	int64_t n = 0;

	for (;;)
	{
		switch (spool_next(spool, 100, 1 << 20, &batch))
		{
			case SPOOL_NEXT_ASK:
				spool_seek(spool, 0);
				break;
			case SPOOL_NEXT_BATCH:
				n += (int64_t) (batch.last - batch.first) + 1;
				spool_seek(spool, batch.last);
				break;
			case SPOOL_NEXT_NONE:
				return n;
			case SPOOL_NEXT_GAP:
			case SPOOL_NEXT_FAILED:
				return -1;
		}
	}
}

static void
test_many_senders(void)
{
	struct spool *spool = open_spool();
	struct committer_options options = {.spool = spool,
										.max_bytes = 4096,
										.done = done};
	struct committer *committer = committer_start(&options);
	struct committer_counts counts;
	struct sender senders[SENDERS] = {{0}};
	pthread_t threads[SENDERS];
	int64_t events = 0;
	int wrong = 0;

	for (int i = 0; i < SENDERS; i++)
	{
		senders[i].committer = committer;
		if (!sync_thread_start(&threads[i], run_sender, &senders[i]))
			abort();
	}
	/* Taken out while it is written, as in earnest. */
	while (events >= 0 && atomic_load(&told[SPOOL_OK]) < SENDERS * COMMITS)
		events += count_events(spool);
	for (int i = 0; i < SENDERS; i++)
		(void) pthread_join(threads[i], NULL);
	committer_counts(committer, &counts);
	committer_stop(committer);
	events += count_events(spool);

	for (int i = 0; i < SENDERS; i++)
		wrong += atomic_load(&senders[i].told) != COMMITS ||
				 senders[i].refused != 0;
	tap_int(wrong, 0, "every sender is told of each of its commits, once");
	tap_int(counts.commits, SENDERS * COMMITS, "all are counted");
	tap_int(events, counts.events, "and all their events are in the spool");
	tap_ok(counts.syncs <= counts.commits, "with no more syncs than commits");
	tap_int(counts.refused, 0, "none was refused");
	spool_close(spool);
}

static void
test_stalled_disk(void)
{
	struct spool *spool = open_spool();
	struct committer_options options = {.spool = spool,
										.max_bytes = 1000,
										.done = done};
	struct committer *committer = committer_start(&options);
	struct commit *commit;
	int64_t began;
	int taken = 0;
	int before;

	atomic_store(&told[SPOOL_OK], 0);
	atomic_store(&disk_stalls, 1);
	do
	{
		commit = make_commit("{\"a\":1}", 1);
		began = clock_mono_ms();
		taken++;
	} while (committer_submit(committer, commit, began + 50) && taken < 1000);
	commit_free(commit);
	taken--;
	tap_ok(taken >= 5 && taken < 30, "a stalled disk fills the queue");
	tap_ok(clock_mono_ms() - began >= 45,
		   "then a sender waits until its deadline and is refused");
	tap_int(atomic_load(&told[SPOOL_OK]), 0, "nobody is told what is not so");

	before = atomic_load(&syncs);
	atomic_store(&disk_stalls, 0);
	while (atomic_load(&told[SPOOL_OK]) < taken)
		clock_sleep_ms(1);
	tap_ok(atomic_load(&syncs) - before <= 2,
		   "what queued is made durable by one sync");
	committer_stop(committer);
	spool_close(spool);
}

static void
test_stop_and_fail(void)
{
	struct spool *spool = open_spool();
	struct committer_options options = {.spool = spool,
										.max_bytes = 1 << 20,
										.done = done};
	struct committer *committer = committer_start(&options);

	atomic_store(&told[SPOOL_OK], 0);
	for (int i = 0; i < 20; i++)
		(void) committer_submit(committer, make_commit("{}", 1), 0);
	committer_stop(committer);
	tap_int(atomic_load(&told[SPOOL_OK]),
			20,
			"a stop finishes what is queued");

	committer = committer_start(&options);
	atomic_store(&disk_fails, 1);
	(void) committer_submit(committer, make_commit("{}", 1), 0);
	committer_stop(committer);
	tap_int(atomic_load(&told[SPOOL_FAILED]), 1, "a failed sync is told");
	atomic_store(&disk_fails, 0);
	spool_close(spool);
}

static void
test_limits(void)
{
	struct commit *commit = commit_new(0);
	char *json = malloc(TALLY_MAX_EVENT_BYTES);
	struct frame frame = {.collection = "c", .collection_len = 1};
	bool full = false;
	int n = 0;

	if (json == NULL || commit == NULL)
		abort();
	memset(json, ' ', TALLY_MAX_EVENT_BYTES);
	frame.json = json;
	frame.json_len = TALLY_MAX_EVENT_BYTES;
	while (n < 100 && commit_add(&commit, &frame, &full))
		n++;
	tap_ok(full && n == 18, "a commit is no larger than a record may be");
	tap_int((int64_t) commit->count, n, "and keeps what it has");
	commit_free(commit);
	free(json);
}

int
main(void)
{
	folder_new();
	test_many_senders();
	test_stalled_disk();
	test_stop_and_fail();
	test_limits();
	folder_remove();
	return tap_done();
}
