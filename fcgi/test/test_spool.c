/*
 * test_spool.c
 *	  spool*.c: what goes in comes out, once and in order, over files and
 *	  restarts.
 */
#define _XOPEN_SOURCE 700 /* mkdtemp(), nftw() */
#include "spool_rig.h"

static void
test_in_and_out(void)
{
	struct spool *spool;
	struct spool_batch batch;

	new_dir();
	spool = open_spool();
	tap_int(spool_next(spool, 10, 1000, &batch),
			SPOOL_NEXT_NONE,
			"an empty spool has nothing");
	tap_int(count_files(".spool", NULL), 0, "and not even a file");

	tap_int(append(spool, 1, 3), SPOOL_OK, "three events are taken");
	tap_int(disk.syncs, 1, "by one sync");
	tap_int(append(spool, 4, 1), SPOOL_OK, "and one more");
	tap_int(spool_next(spool, 10, 1000, &batch),
			SPOOL_NEXT_ASK,
			"the reader asks how far the database is");
	spool_seek(spool, 0);
	tap_int(spool_next(spool, 10, 100000, &batch),
			SPOOL_NEXT_BATCH,
			"a batch");
	tap_ok(batch.first == 1 && batch.last == 4, "has both records");
	tap_int(batch.oldest_us, 1, "and says when its first event came");
	tap_int(spool_next(spool, 10, 100000, &batch), SPOOL_NEXT_BATCH, "again");
	tap_ok(batch.first == 1 && batch.last == 4,
		   "the same, as long as it is not said to be stored");
	spool_seek(spool, 4);
	tap_int(spool_next(spool, 10, 1000, &batch), SPOOL_NEXT_NONE, "then none");
	tap_int(count_files(".spool", NULL), 1, "the file goes on");
	(void) append(spool, 5, 1);
	tap_str(drain(spool), "5", "with the next event");
	spool_close(spool);
}

/* How far it goes is known but for the last file of an earlier start. */
static void
test_reach(void)
{
	struct spool *spool;
	struct spool_batch batch;
	int n = 0;

	new_dir();
	spool = open_spool();
	while (count_files(".spool", NULL) < 3)
		(void) append(spool, ++n, 1);
	(void) append(spool, ++n, 1);
	(void) append(spool, ++n, 1);
	(void) spool_next(spool, 1, 1 << 20, &batch);
	spool_seek(spool, 0);
	(void) spool_next(spool, 1, 1 << 20, &batch);
	tap_int((int64_t) spool_reach(spool),
			n,
			"it reaches to what was written last");
	spool_close(spool);

	spool = open_spool();
	(void) append(spool, 1000, 1);
	(void) spool_next(spool, 1, 1 << 20, &batch);
	spool_seek(spool, 0);
	(void) spool_next(spool, 1, 1 << 20, &batch);
	tap_int((int64_t) spool_reach(spool),
			n - 3,
			"an earlier start's to where its last file begins");
	spool_seek(spool, (uint64_t) n - 3);
	(void) spool_next(spool, 1, 1 << 20, &batch);
	tap_int((int64_t) spool_reach(spool),
			n - 1,
			"there to the record behind the batch");
	spool_seek(spool, (uint64_t) n - 1);
	(void) spool_next(spool, 1, 1 << 20, &batch);
	tap_int((int64_t) spool_reach(spool), n, "or to its end");
	spool_close(spool);
}

/* The beginning of a backlog stays in memory, and whatever is small. */
static void
test_forgets(void)
{
	struct spool *spool;
	int64_t before;
	int n;

	new_dir();
	file_bytes = 1 << 20;
	spool = open_spool();
	(void) append(spool, 1, 5000);
	tap_ok(disk.forgotten == 0, "what is read soon stays in memory");
	for (n = 5001; count_files(".spool", NULL) < 4; n += 5000)
		(void) append(spool, n, 5000);
	before = disk.forgotten;
	(void) append(spool, n, 5000);
	tap_ok(disk.forgotten > before + 64 * 1024,
		   "the end of a long backlog does not");
	before = disk.forgotten;
	(void) append(spool, n + 5000, 1);
	tap_ok(disk.forgotten == before, "but for what is small");
	spool_close(spool);
	file_bytes = FILE_BYTES;
}

static void
test_limits_of_a_batch(void)
{
	struct spool *spool;
	struct spool_batch batch;

	new_dir();
	spool = open_spool();
	(void) append(spool, 1, 10);
	(void) append(spool, 11, 10);
	(void) spool_next(spool, 4, 1 << 20, &batch);
	spool_seek(spool, 0);
	(void) spool_next(spool, 4, 1 << 20, &batch);
	tap_ok(batch.first == 1 && batch.last == 4, "part of a record");
	spool_seek(spool, 4);
	(void) spool_next(spool, 8, 1 << 20, &batch);
	tap_ok(batch.first == 5 && batch.last == 12, "the rest and part of one");
	spool_seek(spool, 12);
	(void) spool_next(spool, 8, 1, &batch);
	tap_ok(batch.first == 13 && batch.last == 13, "one event always");
	spool_seek(spool, 13);
	(void) spool_next(spool, 100, 150, &batch);
	tap_ok(batch.first == 14 && batch.last == 15, "as many bytes as allowed");
	spool_close(spool);

	spool = open_spool();
	tap_str(drain_from(spool, 7, 3), "8-20", "from the middle of a record on");
	spool_close(spool);
}

static void
test_many_files(void)
{
	struct spool *spool;
	struct spool_status status;
	int taken = 0;

	new_dir();
	spool = open_spool();
	for (int i = 0; i < 20; i++)
		taken += append(spool, 1 + i * 10, 10) == SPOOL_OK;
	tap_int(taken, 20, "events for many files");
	tap_ok(count_files(".spool", NULL) > 3, "which there are");
	tap_str(drain(spool), "1-200", "come out in order");
	tap_int(count_files(".spool", NULL), 1, "and only the last file stays");
	spool_status(spool, &status);
	tap_int(status.bytes, FILE_BYTES, "which is all that is counted");

	tap_int(append(spool, 201, 100), SPOOL_OK, "a record larger than a file");
	tap_str(drain(spool), "201-300", "has one of its own");
	spool_close(spool);
}

/* open_files -- descriptors of this process. */
static int
open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	if (d == NULL)
		abort();
	while (readdir(d) != NULL)
		n++;
	(void) closedir(d);
	return n;
}

/* look -- once more for events, one of which there is. */
static void
look(struct spool *spool)
{
	struct spool_batch batch;

	(void) spool_next(spool, 1, 1, &batch);
}

/* three_files -- of which the first two, of three pieces each, are to go. */
static struct spool *
three_files(void)
{
	struct spool *spool;

	new_dir();
	file_bytes = 2 * 1024 * 1024; /* those two need more, and get it */
	spool = open_spool();
	(void) append(spool, 1, 90000);
	(void) append(spool, 90001, 90000);
	(void) append(spool, 180001, 1);
	file_bytes = FILE_BYTES;
	look(spool);
	spool_seek(spool, 0);
	look(spool);
	disk.truncates = 0;
	return spool;
}

static void
test_given_back_in_pieces(void)
{
	struct spool *spool = three_files();
	struct spool_status status;
	int before = open_files();

	spool_seek(spool, 90000);
	look(spool);
	tap_int(count_files(".spool", NULL), 2, "a file that is stored is gone");
	spool_status(spool, &status);
	tap_ok(status.bytes < 9000000, "and not counted any more");
	tap_int(disk.truncates, 1, "and one piece of it given back");
	tap_int(open_files(), before + 1, "and it is held for the others");
	look(spool);
	tap_int(disk.truncates, 2, "then the next");
	look(spool);
	tap_int(open_files(), before, "and the last, with the file");
	look(spool);
	tap_int(disk.truncates, 2, "that was all");
	spool_close(spool);

	spool = three_files();
	before = open_files();
	spool_seek(spool, 180000);
	look(spool);
	tap_int(disk.truncates, 3, "the next file to go does not wait for it");
	tap_int(open_files(), before + 1, "and is held itself");
	spool_close(spool);
	tap_int(disk.truncates, 4 + 1, "at the end all is given back");

	spool = three_files();
	before = open_files();
	disk.truncate_errno = EIO;
	spool_seek(spool, 90000);
	look(spool);
	tap_int(open_files(), before, "who cannot cut it gives all of it back");
	spool_close(spool);

	{
		char name[256];
		char path[400];
		char other[400];
		struct stat st;

		spool = three_files();
		(void) count_files(".spool", name);
		snprintf(path, sizeof(path), "%s/%s", dir, name);
		snprintf(other, sizeof(other), "%s/kept", dir);
		if (link(path, other) != 0)
			abort();
		spool_seek(spool, 90000);
		look(spool);
		tap_ok(stat(path, &st) != 0 && stat(other, &st) == 0 &&
				   st.st_size > 5000000,
			   "a file with another name keeps what it holds");
		spool_close(spool);
	}
}

static void
test_restart(void)
{
	struct spool *spool;
	struct spool_status status;

	new_dir();
	for (int i = 0; i < 3; i++)
	{
		spool = open_spool();
		(void) append(spool, 1 + 2 * i, 2);
		if (i == 1)
			crash(spool);
		else
			spool_close(spool);
	}
	spool = open_spool();
	(void) append(spool, 7, 1);
	tap_str(drain(spool), "1-2 | 3-4 | 5-6 | 7", "old spools, oldest first");
	tap_int(count_files(".spool", NULL), 1, "and they are gone then");
	spool_status(spool, &status);
	tap_ok(status.bad_files == 0 && status.torn_bytes == 0,
		   "a crash between two writes is no damage");
	spool_close(spool);

	new_dir();
	spool = open_spool();
	(void) append(spool, 1, 4);
	spool_close(spool);
	spool = open_spool();
	tap_str(drain_from(spool, 99, 10), "", "what is stored is not given out");
	spool_close(spool);
}

static void
test_one_program(void)
{
	struct spool_options options = {.dir = dir,
									.now = test_now,
									.wall_us = test_wall};
	char message[SPOOL_MESSAGE_BYTES];
	struct spool *spool;

	new_dir();
	spool = open_spool();
	tap_ok(spool_open(&options, message) == NULL,
		   "a second program on the same folder");
	tap_ok(strstr(message, "another program uses the spool") != NULL,
		   "is told why");
	spool_close(spool);
	options.dir = "/nonexistent/spool";
	tap_ok(spool_open(&options, message) == NULL,
		   "a folder that is not there");
	tap_ok(strstr(message, "/nonexistent/spool") != NULL, "is named");
	{
		char below[100];
		struct stat st;

		snprintf(below, sizeof(below), "%s/new", dir);
		options.dir = below;
		spool = spool_open(&options, message);
		tap_ok(spool != NULL, "one whose parent is there is made");
		tap_ok(stat(below, &st) == 0 && (st.st_mode & 0777) == 0700,
			   "for its owner alone");
		spool_close(spool);
	}
}

static void
test_older_database(void)
{
	struct spool *spool;
	struct spool_batch batch;

	new_dir();
	spool = open_spool();
	(void) append(spool, 1, 2);
	(void) append(spool, 3, 2);
	tap_str(drain(spool), "1-4", "all is stored");
	spool_seek(spool, 1);
	tap_int(spool_next(spool, 10, 1 << 20, &batch),
			SPOOL_NEXT_BATCH,
			"and given out again to a database that lost it");
	tap_ok(batch.first == 2 && batch.last == 4, "from where it is now");
	spool_close(spool);
}

int
main(void)
{
	test_in_and_out();
	test_reach();
	test_forgets();
	test_limits_of_a_batch();
	test_many_files();
	test_given_back_in_pieces();
	test_restart();
	test_one_program();
	test_older_database();
	return end_of_tests();
}
