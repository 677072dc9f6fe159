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

/* given_back -- bytes that one look for more gives back to the disk. */
static int64_t
given_back(struct spool *spool)
{
	struct spool_status before;
	struct spool_status after;
	struct spool_batch batch;

	spool_status(spool, &before);
	(void) spool_next(spool, 1, 1, &batch);
	spool_status(spool, &after);
	return before.bytes - after.bytes;
}

static void
test_given_back_in_pieces(void)
{
	const int64_t piece = 2 * 1024 * 1024;
	struct spool *spool;
	struct spool_status status;
	struct spool_batch batch;
	int64_t bytes;

	new_dir();
	file_bytes = piece; /* the record has one of its own size */
	spool = open_spool();
	(void) append(spool, 1, 90000);
	(void) append(spool, 90001, 1);
	tap_int(count_files(".spool", NULL), 2, "a file is full");
	(void) spool_next(spool, 90000, SPOOL_MAX_RECORD, &batch);
	spool_seek(spool, 0);
	(void) spool_next(spool, 90000, SPOOL_MAX_RECORD, &batch);
	spool_seek(spool, 90000);
	spool_status(spool, &status);
	bytes = status.bytes - file_bytes;
	tap_ok(bytes > 2 * piece, "of several pieces");

	tap_int(given_back(spool), piece, "stored, it is given back by one piece");
	tap_int(count_files(".spool", NULL), 1, "and has no name any more");
	tap_int(given_back(spool), piece, "by the next");
	tap_int(given_back(spool), bytes - 2 * piece, "and by the last");
	tap_int(given_back(spool), 0, "that was all");
	spool_close(spool);

	file_bytes = FILE_BYTES;
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
	test_limits_of_a_batch();
	test_many_files();
	test_given_back_in_pieces();
	test_restart();
	test_one_program();
	test_older_database();
	return end_of_tests();
}
