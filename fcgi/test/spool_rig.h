/*
 * spool_rig.h
 *	  What the tests of the spool share: real files in a temporary folder,
 *	  behind a disk that can be told to fail.
 */
#ifndef TALLY_SPOOL_RIG_H
#define TALLY_SPOOL_RIG_H

#include "folder.h"
#include "tap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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
	int64_t forgotten; /* bytes, from memory */
	int truncates;
	int64_t fail_in; /* so many calls from now one fails; 0: none */
	int fail_errno;	 /* with this, or after half of its bytes if 0 */
	bool failed;
} disk;

static inline void
disk_well(void)
{
	memset(&disk, 0, sizeof(disk));
	disk.bytes_left = -1;
	disk.free_bytes = -1;
}

/* call_fails -- is this the call that was to fail? */
static inline bool
call_fails(void)
{
	if (disk.fail_in == 0 || --disk.fail_in > 0)
		return false;
	disk.failed = true;
	errno = disk.fail_errno;
	return true;
}

static inline ssize_t
disk_pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
	size_t len = iov[0].iov_len;

	/* One piece at a time: writes that take only part are the rule here. */
	(void) n;
	if (call_fails())
	{
		if (disk.fail_errno != 0)
			return -1;
		len = len / 2 + 1;
	}
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

static inline int
disk_fdatasync(int fd)
{
	(void) fd;
	disk.syncs++;
	if (call_fails() && disk.fail_errno != 0)
		return -1;
	errno = disk.sync_errno;
	return disk.sync_errno != 0 ? -1 : 0;
}

static inline int
disk_fsync(int fd)
{
	(void) fd;
	if (call_fails() && disk.fail_errno != 0)
		return -1;
	errno = disk.dir_sync_errno;
	return disk.dir_sync_errno != 0 ? -1 : 0;
}

static inline int
disk_fallocate(int fd, off_t offset, off_t len)
{
	if (call_fails() && disk.fail_errno != 0)
		return disk.fail_errno;
	return disk.fallocate_error != 0 ? disk.fallocate_error
									 : posix_fallocate(fd, offset, len);
}

static inline int
disk_ftruncate(int fd, off_t len)
{
	disk.truncates++;
	if (call_fails() && disk.fail_errno != 0)
		return -1;
	if (disk.truncate_errno != 0)
	{
		errno = disk.truncate_errno;
		return -1;
	}
	return ftruncate(fd, len);
}

static inline int64_t
disk_free_bytes(const char *folder)
{
	(void) folder;
	return disk.free_bytes;
}

static inline int
disk_forget(int fd, off_t offset, off_t len)
{
	(void) fd;
	(void) offset;
	disk.forgotten += len;
	return 0;
}

static const struct spool_io disk_io = {
	.pwritev = disk_pwritev,
	.fdatasync = disk_fdatasync,
	.fsync = disk_fsync,
	.fallocate = disk_fallocate,
	.ftruncate = disk_ftruncate,
	.forget = disk_forget,
	.free_bytes = disk_free_bytes,
};

static int64_t now_ms = 1000;
static int64_t wall_us = 1000000;

static inline int64_t
test_now(void)
{
	return now_ms;
}

/* Every start is later than the last, as it is in earnest. */
static inline int64_t
test_wall(void)
{
	return wall_us++;
}

/* ------------------------------------------------------------------------
 * Folders, spools and events
 */

static int64_t file_bytes = FILE_BYTES;

static inline void
new_dir(void)
{
	folder_new();
	disk_well();
}

static inline struct spool *
open_spool(void)
{
	struct spool_options options = {
		.dir = dir,
		.file_bytes = file_bytes,
		.max_bytes = 64 * file_bytes,
		.reserve_bytes = 1000,
		.cached_bytes = 2 * file_bytes,
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
static inline size_t
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
static inline enum spool_result
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
static inline const char *
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

static inline const char *
drain(struct spool *spool)
{
	return drain_from(spool, 0, 1000);
}

/* Names in the folder that end in "suffix"; the first goes to "path". */
static inline int
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

static inline int
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

static inline void
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

static inline void
cut(const char *name, off_t len)
{
	int fd = open_file(name);

	if (ftruncate(fd, len) != 0)
		abort();
	(void) close(fd);
}

/* crash -- leave the spool as a killed program does: nothing is finished. */
static inline void
crash(struct spool *spool)
{
	disk.truncate_errno = EIO;
	spool_close(spool);
	disk.truncate_errno = 0;
}

static inline int
end_of_tests(void)
{
	folder_remove();
	return tap_done();
}

#endif
