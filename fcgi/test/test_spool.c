/*
 * test_spool.c
 *	  spool*.c: what was promised is there, whatever the disk does.
 *
 * Real files in a temporary folder, behind a disk that can be told to fail.
 */
#define _XOPEN_SOURCE 700 /* mkdtemp(), nftw() */
#include "tap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../extension/wire/frame.h"
#include "spool.h"

#define FILE_BYTES 4096
#define MAX_BYTES (64 * FILE_BYTES)

/* ------------------------------------------------------------------------
 * A disk that fails when it is told to
 */

static struct
{
	int64_t bytes_left;	   /* then ENOSPC, after a short write; -1: no end */
	int64_t bytes_a_write; /* no write takes more; 0: no limit */
	int write_errno;	   /* of every write, if not 0 */
	int sync_errno;		   /* of every fdatasync */
	int dir_sync_errno;
	int fallocate_error;
	int truncate_errno;
	int64_t free_bytes;
	int syncs;
} disk;

static void
disk_well(void)
{
	memset(&disk, 0, sizeof(disk));
	disk.bytes_left = -1;
	disk.free_bytes = -1;
}

static ssize_t
disk_pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
	size_t len = iov[0].iov_len;

	/* One piece at a time: writes that take only part are the rule here. */
	(void) n;
	if (disk.write_errno != 0)
	{
		errno = disk.write_errno;
		return -1;
	}
	if (disk.bytes_a_write > 0 && len > (size_t) disk.bytes_a_write)
		len = (size_t) disk.bytes_a_write;
	if (disk.bytes_left >= 0 && len > (size_t) disk.bytes_left)
		len = (size_t) disk.bytes_left;
	if (len == 0)
	{
		errno = ENOSPC;
		return -1;
	}
	if (disk.bytes_left >= 0)
		disk.bytes_left -= (int64_t) len;
	return pwrite(fd, iov[0].iov_base, len, offset);
}

static int
disk_fdatasync(int fd)
{
	(void) fd;
	disk.syncs++;
	errno = disk.sync_errno;
	return disk.sync_errno != 0 ? -1 : 0;
}

static int
disk_fsync(int fd)
{
	(void) fd;
	errno = disk.dir_sync_errno;
	return disk.dir_sync_errno != 0 ? -1 : 0;
}

static int
disk_fallocate(int fd, off_t offset, off_t len)
{
	return disk.fallocate_error != 0 ? disk.fallocate_error
									 : posix_fallocate(fd, offset, len);
}

static int
disk_ftruncate(int fd, off_t len)
{
	if (disk.truncate_errno != 0)
	{
		errno = disk.truncate_errno;
		return -1;
	}
	return ftruncate(fd, len);
}

static int64_t
disk_free_bytes(const char *dir)
{
	(void) dir;
	return disk.free_bytes;
}

static const struct spool_io disk_io = {
	.pwritev = disk_pwritev,
	.fdatasync = disk_fdatasync,
	.fsync = disk_fsync,
	.fallocate = disk_fallocate,
	.ftruncate = disk_ftruncate,
	.free_bytes = disk_free_bytes,
};

static int64_t now_ms = 1000;
static int64_t wall_us = 1000000;

static int64_t
test_now(void)
{
	return now_ms;
}

/* Every start is later than the last, as it is in earnest. */
static int64_t
test_wall(void)
{
	return wall_us++;
}

/* ------------------------------------------------------------------------
 * Folders, spools and events
 */

static char dir[64];

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void) st;
	(void) type;
	(void) ftw;
	return remove(path);
}

static void
new_dir(void)
{
	if (dir[0] != '\0')
		(void) nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	strcpy(dir, "/tmp/test_spool.XXXXXX");
	if (mkdtemp(dir) == NULL)
		abort();
	disk_well();
}

static struct spool *
open_spool(void)
{
	struct spool_options options = {
		.dir = dir,
		.file_bytes = FILE_BYTES,
		.max_bytes = MAX_BYTES,
		.reserve_bytes = 1000,
		.io = &disk_io,
		.now = test_now,
		.wall_us = test_wall,
	};
	char message[SPOOL_MESSAGE_BYTES];
	struct spool *spool = spool_open(&options, message);

	if (spool == NULL)
	{
		printf("# %s\n", message);
		abort();
	}
	return spool;
}

/* make_record -- "count" events whose JSON says from "n" on which they are. */
static size_t
make_record(uint8_t *record, int n, uint32_t count)
{
	size_t len = SPOOL_RECORD_HEADER;

	for (uint32_t i = 0; i < count; i++)
	{
		char json[32];
		struct frame frame = {.received_us = n, .collection = "c"};

		frame.collection_len = 1;
		frame.json_len =
			(size_t) snprintf(json, sizeof(json), "{\"n\":%d}", n + (int) i);
		frame.json = json;
		frame_write(&frame, record + len);
		len += frame_size(&frame);
	}
	return len;
}

/* append -- one record of "count" events, the first of which is "n". */
static enum spool_result
append(struct spool *spool, int n, uint32_t count)
{
	uint8_t *record = malloc(SPOOL_RECORD_HEADER + count * 96);
	struct iovec iov = {record, 0};
	enum spool_result result;

	if (record == NULL)
		abort();
	iov.iov_len = make_record(record, n, count);
	result = spool_append(spool, &iov, &count, 1);
	free(record);
	return result;
}

/*
 * drain -- take everything out and say what it was: "1-3,5" for the events,
 * "[4]" for a gap, " | " between spools.  What the "database" knows of each
 * spool is kept from one call to the next by the caller's closing the spool.
 */
static const char *
drain_from(struct spool *spool, uint64_t taken, uint32_t max_events)
{
	static char out[4096];
	char id[SPOOL_UUID_CHARS + 1] = "";
	size_t n = 0;
	int last = -1;
	int from = -1;
	bool open = false;

	out[0] = '\0';
	for (int calls = 0; calls < 5000; calls++)
	{
		struct spool_batch batch;
		enum spool_next next = spool_next(spool, max_events, 1 << 20, &batch);

		if (next == SPOOL_NEXT_NONE || next == SPOOL_NEXT_FAILED)
		{
			if (open && last != from)
				n += (size_t) snprintf(out + n, sizeof(out) - n, "-%d", last);
			if (next == SPOOL_NEXT_FAILED)
				(void) snprintf(out + n, sizeof(out) - n, " failed");
			return out;
		}
		if (next == SPOOL_NEXT_ASK)
		{
			if (open && last != from)
				n += (size_t) snprintf(out + n, sizeof(out) - n, "-%d", last);
			open = false;
			if (id[0] != '\0')
				n += (size_t) snprintf(out + n, sizeof(out) - n, " | ");
			strcpy(id, batch.spool);
			spool_seek(spool, taken);
			taken = 0;
			continue;
		}
		if (next == SPOOL_NEXT_GAP)
		{
			if (open && last != from)
				n += (size_t) snprintf(out + n, sizeof(out) - n, "-%d", last);
			open = false;
			n += (size_t) snprintf(out + n,
								   sizeof(out) - n,
								   "[%d..%d]",
								   (int) batch.first,
								   (int) batch.last);
			spool_seek(spool, batch.last);
			continue;
		}

		for (size_t at = 0; at < batch.frames_len;)
		{
			struct frame frame;
			size_t len =
				frame_read(batch.frames + at, batch.frames_len - at, &frame);
			int value = atoi(frame.json + 5);

			if (!open || value != last + 1)
			{
				if (open && last != from)
					n += (size_t)
						snprintf(out + n, sizeof(out) - n, "-%d", last);
				n += (size_t) snprintf(out + n,
									   sizeof(out) - n,
									   open ? ",%d" : "%d",
									   value);
				from = value;
			}
			open = true;
			last = value;
			at += len;
		}
		spool_seek(spool, batch.last);
	}
	return "endless";
}

static const char *
drain(struct spool *spool)
{
	return drain_from(spool, 0, 1000);
}

/* Names in the folder that end in "suffix"; the first goes to "path". */
static int
count_files(const char *suffix, char path[256])
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	if (d == NULL)
		abort();
	while ((e = readdir(d)) != NULL)
	{
		size_t len = strlen(e->d_name);

		if (len < strlen(suffix) ||
			strcmp(e->d_name + len - strlen(suffix), suffix) != 0)
			continue;
		if (path != NULL && (n == 0 || strcmp(e->d_name, path) < 0))
			snprintf(path, 256, "%s", e->d_name);
		n++;
	}
	(void) closedir(d);
	return n;
}

static int
open_file(const char *name)
{
	char path[400];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR);
	if (fd < 0)
		abort();
	return fd;
}

static void
flip(const char *name, off_t at)
{
	int fd = open_file(name);
	uint8_t byte;

	if (pread(fd, &byte, 1, at) != 1)
		abort();
	byte ^= 0x40;
	if (pwrite(fd, &byte, 1, at) != 1)
		abort();
	(void) close(fd);
}

static void
cut(const char *name, off_t len)
{
	int fd = open_file(name);

	if (ftruncate(fd, len) != 0)
		abort();
	(void) close(fd);
}

/* crash -- leave the spool as a killed program does: nothing is finished. */
static void
crash(struct spool *spool)
{
	disk.truncate_errno = EIO;
	spool_close(spool);
	disk.truncate_errno = 0;
}

/* ------------------------------------------------------------------------
 * The tests
 */

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
 * Three records, and the last one is torn by a crash at each of its bytes:
 * cut there, and with zeros from there on, as preallocation leaves it.
 */
static void
test_torn_tail(void)
{
	int64_t record = SPOOL_RECORD_HEADER + FRAME_HEADER_BYTES + 1 + 7;
	int wrong = 0;
	int set_aside = 0;
	int counted = 0;

	for (int64_t keep = 0; keep < record; keep++)
	{
		for (int zeros = 0; zeros < 2; zeros++)
		{
			struct spool *spool;
			struct spool_status status;
			char name[256];

			new_dir();
			spool = open_spool();
			for (int i = 1; i <= 3; i++)
				(void) append(spool, i, 1);
			crash(spool);
			(void) count_files(".spool", name);
			cut(name, 64 + 2 * record + keep);
			if (zeros != 0)
				cut(name, FILE_BYTES);

			spool = open_spool();
			(void) append(spool, 7, 1);
			wrong += strcmp(drain(spool), "1-2 | 7") != 0;
			spool_status(spool, &status);
			counted += status.torn_bytes > 0;
			set_aside += count_files(".bad", NULL) + (int) status.bad_files;
			spool_close(spool);
		}
	}
	tap_int(wrong, 0, "a torn tail is cut off, at each of its bytes");
	tap_int(set_aside, 0, "and is no damage");
	tap_int(counted, 2 * (record - 1), "but counted");
}

/* A byte of each of three records is flipped, every byte. */
static void
test_flipped_bytes(void)
{
	static const char *const expected[] = {"[1..1]2-3 | 7",
										   "1[2..2]3 | 7",
										   "1-2 | 7"};
	int64_t record = SPOOL_RECORD_HEADER + FRAME_HEADER_BYTES + 1 + 7;
	int wrong = 0;
	int bad = 0;

	for (int which = 0; which < 3; which++)
		for (int64_t at = 0; at < record; at++)
		{
			struct spool *spool;
			char name[256];

			new_dir();
			spool = open_spool();
			for (int i = 1; i <= 3; i++)
				(void) append(spool, i, 1);
			spool_close(spool);
			(void) count_files(".spool", name);
			flip(name, (off_t) (64 + which * record + at));

			spool = open_spool();
			(void) append(spool, 7, 1);
			if (strcmp(drain(spool), expected[which]) != 0 && wrong++ == 0)
				printf("# byte %d of record %d\n", (int) at, which);
			bad += count_files(".bad", NULL);
			spool_close(spool);
		}
	tap_int(wrong, 0, "a flipped byte costs its record and no other");
	tap_int(bad,
			2 * record,
			"and the file is kept, unless it may be a torn tail");
}

static void
test_damaged_files(void)
{
	struct spool *spool;
	struct spool_status status;
	char name[256];

	/* Fault in an early file, at its end: the next file shows the gap. */
	new_dir();
	spool = open_spool();
	for (int i = 0; i < 10; i++)
		(void) append(spool, 1 + i * 10, 10);
	spool_close(spool);
	(void) count_files(".spool", name);
	cut(name, 64 + 700);
	spool = open_spool();
	tap_str(drain(spool), "1-10[11..60]61-100", "an early file cut short");
	spool_status(spool, &status);
	tap_int(status.bad_files, 1, "is counted");
	tap_int(count_files(".spool.bad", NULL), 1, "and kept");
	spool_close(spool);
	spool = open_spool();
	tap_str(drain(spool), "", "but not read again");
	spool_close(spool);

	new_dir();
	spool = open_spool();
	(void) append(spool, 1, 3);
	spool_close(spool);
	(void) count_files(".spool", name);
	flip(name, 20);
	spool = open_spool();
	tap_str(drain(spool), "1-3", "a damaged header costs no event");
	tap_int(count_files(".spool.bad", NULL), 1, "but the file is kept");
	spool_close(spool);

	for (off_t len = 0; len <= 64; len += 8)
	{
		new_dir();
		spool = open_spool();
		(void) append(spool, 1, 3);
		spool_close(spool);
		(void) count_files(".spool", name);
		cut(name, len);
		spool = open_spool();
		(void) append(spool, 7, 1);
		tap_str(drain(spool),
				"7",
				"a file that ends in its header, or before");
		tap_int(count_files(".bad", NULL), 0, "is nothing");
		spool_close(spool);
	}

	/* Whatever else lies there is left alone. */
	new_dir();
	spool = open_spool();
	(void) append(spool, 1, 1);
	spool_close(spool);
	{
		char path[400];

		snprintf(path, sizeof(path), "%s/notes.spool", dir);
		(void) close(open(path, O_CREAT | O_WRONLY, 0600));
	}
	spool = open_spool();
	tap_str(drain(spool), "1", "a file with another name is not ours");
	tap_int(count_files("notes.spool", NULL), 1, "and stays");
	spool_close(spool);
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
	test_restart();
	test_one_program();
	test_full();
	test_short_writes();
	test_disk_full_anywhere();
	test_broken_disk();
	test_torn_tail();
	test_flipped_bytes();
	test_damaged_files();
	test_older_database();
	(void) nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return tap_done();
}
