/*
 * test_spool_disk.c
 *	  spool*.c: what was promised is there, whatever the disk does.
 */
#define _XOPEN_SOURCE 700 /* mkdtemp(), nftw() */
#include "spool_rig.h"

static void
test_full(void)
{
	struct spool *spool;
	struct spool_status status;
	int n = 0;

	new_dir();
	spool = open_spool();
	while (append(spool, 1 + n, 1) == SPOOL_OK && n < 10000)
		n++;
	tap_ok(n > 1000 && n < 10000, "the limit is reached");
	spool_status(spool, &status);
	tap_ok(status.bytes <= MAX_BYTES, "and kept");
	tap_ok(!status.takes_events && !status.failed, "which shows");
	tap_int(append(spool, 1 + n, 1), SPOOL_FULL, "it stays full");
	{
		char expected[32];

		snprintf(expected, sizeof(expected), "1-%d", n);
		tap_str(drain(spool), expected, "all that was taken comes out");
	}
	tap_int(append(spool, 5, 1), SPOOL_FULL, "for a moment nobody looks");
	now_ms += 200;
	tap_int(append(spool, 5, 1), SPOOL_OK, "then there is room again");
	tap_str(drain(spool), "5", "and it works as before");
	spool_close(spool);

	new_dir();
	spool = open_spool();
	disk.free_bytes = FILE_BYTES + 999;
	tap_int(append(spool, 1, 1), SPOOL_FULL, "the reserve is left to others");
	spool_status(spool, &status);
	tap_ok(!status.takes_events, "which shows, too");
	now_ms += 200;
	disk.free_bytes++;
	tap_int(append(spool, 1, 1), SPOOL_OK, "exactly");
	disk.free_bytes = 0;
	tap_int(append(spool, 2, 1), SPOOL_OK, "what is preallocated is ours");
	spool_close(spool);

	new_dir();
	spool = open_spool();
	disk.fallocate_error = ENOSPC;
	tap_int(append(spool, 1, 1), SPOOL_FULL, "no space for a file");
	tap_int(count_files(".spool", NULL), 0, "leaves none behind");
	now_ms += 200;
	disk.fallocate_error = 0;
	tap_int(append(spool, 1, 1), SPOOL_OK, "until there is");
	spool_close(spool);
}

static void
test_short_writes(void)
{
	struct spool *spool;

	new_dir();
	spool = open_spool();
	(void) append(spool, 1, 1);
	disk.bytes_a_write = 7;
	tap_int(append(spool, 2, 5), SPOOL_OK, "a write in pieces of 7 bytes");
	disk.bytes_a_write = 0;
	tap_str(drain(spool), "1-6", "is whole");
	spool_close(spool);
}

/* The disk is full after so many bytes, for every number of them. */
static void
test_disk_full_anywhere(void)
{
	int wrong = 0;
	int after = 0;
	size_t len = SPOOL_RECORD_HEADER + 2 * (FRAME_HEADER_BYTES + 1 + 7);

	for (size_t left = 0; left < len; left++)
	{
		struct spool *spool;

		new_dir();
		spool = open_spool();
		(void) append(spool, 1, 2);
		disk.bytes_left = (int64_t) left;
		wrong += append(spool, 5, 2) != SPOOL_FULL;
		disk.bytes_left = -1;
		after += append(spool, 3, 2) == SPOOL_OK;
		wrong += strcmp(drain(spool), "1-4") != 0;
		spool_close(spool);
	}
	tap_int(wrong, 0, "no part of a write that failed comes out");
	tap_int(after, (int64_t) len, "and the next one is taken");

	/* The same, and then the program is killed at once. */
	wrong = 0;
	for (size_t left = 0; left < len; left++)
	{
		struct spool *spool;

		new_dir();
		spool = open_spool();
		(void) append(spool, 1, 2);
		disk.bytes_left = (int64_t) left;
		(void) append(spool, 5, 2);
		disk.bytes_left = -1;
		crash(spool);
		spool = open_spool();
		wrong += strcmp(drain(spool), "1-2") != 0;
		spool_close(spool);
	}
	tap_int(wrong, 0, "nor after a crash");
}

static void
test_broken_disk(void)
{
	struct spool *spool;
	struct spool_status status;

	new_dir();
	spool = open_spool();
	(void) append(spool, 1, 2);
	disk.sync_errno = EIO;
	tap_int(append(spool, 3, 1), SPOOL_FAILED, "a sync that fails");
	disk.sync_errno = 0;
	tap_int(append(spool, 3, 1), SPOOL_FAILED, "is never tried again");
	spool_status(spool, &status);
	tap_ok(status.failed && !status.takes_events, "which shows");
	tap_int(status.sync_errors, 1, "and is counted");
	tap_str(drain(spool), "1-2", "what was promised before comes out");
	crash(spool);
	spool = open_spool();
	tap_int(append(spool, 9, 1), SPOOL_OK, "a restart takes events again");
	spool_close(spool);

	new_dir();
	spool = open_spool();
	(void) append(spool, 1, 2);
	disk.bytes_left = 10;
	disk.truncate_errno = EIO;
	tap_int(append(spool, 3, 1),
			SPOOL_FAILED,
			"a write that cannot be taken back");
	disk_well();
	tap_int(append(spool, 3, 1), SPOOL_FAILED, "is the last");
	tap_str(drain(spool), "1-2", "what was promised before comes out");
	spool_close(spool);

	new_dir();
	spool = open_spool();
	(void) append(spool, 1, 2);
	disk.write_errno = EIO;
	tap_int(append(spool, 3, 1), SPOOL_FAILED, "a write error");
	spool_close(spool);

	new_dir();
	spool = open_spool();
	disk.dir_sync_errno = EIO;
	tap_int(append(spool, 3, 1),
			SPOOL_FAILED,
			"a folder that cannot be synced");
	spool_close(spool);
}

/*
 * at_the_nth -- events for three files; the n-th call of the disk fails.
 *
 * What was said to be on disk must come out of the next start, in order and
 * once; what was refused may or may not, if the disk had it, but once at most.
 * True when the call was never reached, so that all went well.
 */
static bool
at_the_nth(int n, int error, int *wrong)
{
	bool promised[121] = {false};
	struct spool_batch batch;
	struct spool *spool;
	bool failed;
	int last = 0;

	new_dir();
	disk.fail_in = n;
	disk.fail_errno = error;
	spool = open_spool();
	for (int i = 1; i <= 120; i++)
	{
		now_ms += 200;
		promised[i] = append(spool, i, 1) == SPOOL_OK;
	}
	spool_close(spool);
	failed = disk.failed;
	disk_well();

	spool = open_spool();
	for (;;)
	{
		enum spool_next next = spool_next(spool, 1, 1 << 20, &batch);
		struct frame frame;
		int value;

		if (next == SPOOL_NEXT_ASK)
			spool_seek(spool, 0);
		if (next == SPOOL_NEXT_ASK)
			continue;
		if (next != SPOOL_NEXT_BATCH)
		{
			*wrong += next != SPOOL_NEXT_NONE;
			break;
		}
		(void) frame_read(batch.frames, batch.frames_len, &frame);
		value = atoi(frame.json + 5);
		*wrong += value <= last || value > 120;
		for (int i = last + 1; i < value && i <= 120; i++)
			*wrong += promised[i];
		last = value;
		spool_seek(spool, batch.last);
	}
	for (int i = last + 1; i <= 120; i++)
		*wrong += promised[i];
	spool_close(spool);
	return !failed;
}

static void
test_every_call(void)
{
	static const struct
	{
		int error;
		const char *title;
	} faults[] = {
		{ENOSPC, "no space at the n-th call, for every n"},
		{EIO, "an error at the n-th call, for every n"},
		{0, "a short write at the n-th call, for every n"},
	};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
	{
		int wrong = 0;
		int n = 1;

		while (!at_the_nth(n, faults[i].error, &wrong) && n < 10000)
			n++;
		tap_int(wrong, 0, faults[i].title);
		tap_ok(n > 240 && n < 10000, "until all calls went well");
		printf("# %d calls\n", n - 1);
	}
}

/* Files large enough for zeros to be laid down before the records. */
static void
test_zeros(void)
{
	char expected[32];
	struct spool *spool;
	int wrong = 0;
	int n = 0;

	file_bytes = 2 * 1024 * 1024;
	new_dir();
	spool = open_spool();
	for (; n < 4000; n += 100)
		wrong += append(spool, n + 1, 100) != SPOOL_OK;
	tap_int(wrong, 0, "records onto zeros");
	(void) snprintf(expected, sizeof(expected), "1-%d", n);
	tap_str(drain(spool), expected, "come out as they were");
	spool_close(spool);

	for (int calls = 1; calls < 8; calls++)
	{
		new_dir();
		spool = open_spool();
		disk.fail_in = calls + 3; /* behind those that begin the file */
		disk.fail_errno = calls % 2 != 0 ? 0 : EINTR;
		for (n = 1; n <= 5; n++)
			(void) append(spool, n, 1);
		crash(spool);
		spool = open_spool();
		wrong += strncmp(drain(spool), "1", 1) != 0;
		spool_close(spool);
	}
	tap_int(wrong, 0, "zeros that were not all written do no harm");
	file_bytes = FILE_BYTES;
}

int
main(void)
{
	test_full();
	test_short_writes();
	test_disk_full_anywhere();
	test_broken_disk();
	test_every_call();
	test_zeros();
	return end_of_tests();
}
