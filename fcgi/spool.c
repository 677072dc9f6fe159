/*
 * spool.c
 *	  The journal's writing side, and what belongs to all of it.
 *
 * What can go wrong with a disk, and what is done:
 *
 *	  no room for a new file	refuse (SPOOL_FULL), ask again 100 ms later
 *	  a write that falls short	cut the file back to its last whole record and
 *								finish it, refuse; the next write begins a file
 *	  cutting back fails		refuse everything (SPOOL_FAILED)
 *	  a sync that fails			refuse everything: the kernel may have thrown
 *								the pages away and would call the next sync a
 *								success.  A restart reads what is really there.
 */
#define _DEFAULT_SOURCE /* pwritev(), flock(): on every Unix, in no standard */
#include "spool_format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "sync.h"

/* A spool with less room than this for the next request is called full. */
#define ROOM_TO_CALL_READY (256 * 1024)

/* Groups up to the first are written onto zeros, which are written so many
 * at a time. */
#define ZERO_SMALL_BYTES (32 * 1024)
#define ZERO_AHEAD_BYTES (512 * 1024)

/* Smaller groups stay in memory: a call for each would cost more. */
#define FORGET_MIN_BYTES (64 * 1024)

/* Between two pieces of a dropped file, when there is nothing else to do. */
#define REST_PAUSE_MS 10

static int
real_fallocate(int fd, off_t offset, off_t len)
{
	return posix_fallocate(fd, offset, len);
}

static int
real_forget(int fd, off_t offset, off_t len)
{
	return posix_fadvise(fd, offset, len, POSIX_FADV_DONTNEED);
}

static int64_t
real_free_bytes(const char *dir)
{
	struct statvfs fs;

	if (statvfs(dir, &fs) != 0)
		return -1;
	return (int64_t) fs.f_bavail * (int64_t) fs.f_frsize;
}

static const struct spool_io real_io = {
	.pwritev = pwritev,
	.fdatasync = fdatasync,
	.fsync = fsync,
	.fallocate = real_fallocate,
	.ftruncate = ftruncate,
	.forget = real_forget,
	.free_bytes = real_free_bytes,
};

/* make_uuid -- a random one, version 4. */
static bool
make_uuid(uint8_t uuid[SPOOL_UUID_BYTES])
{
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, uuid, SPOOL_UUID_BYTES);
	(void) close(fd);
	if (n != SPOOL_UUID_BYTES)
		return false;
	uuid[6] = (uint8_t) ((uuid[6] & 0x0f) | 0x40);
	uuid[8] = (uint8_t) ((uuid[8] & 0x3f) | 0x80);
	return true;
}

/* open_dir -- the folder, and the lock that keeps others out of it. */
static bool
open_dir(struct spool *spool, char *message)
{
	/* If it cannot be made, opening it tells why. */
	(void) mkdir(spool->dir, S_IRWXU);
	spool->dir_fd = open(spool->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (spool->dir_fd < 0)
	{
		(void) snprintf(message,
						SPOOL_MESSAGE_BYTES,
						"cannot open the spool's folder %.150s: %s",
						spool->dir,
						strerror(errno));
		return false;
	}
	spool->lock_fd = openat(spool->dir_fd,
							"lock",
							O_RDWR | O_CREAT | O_CLOEXEC,
							S_IRUSR | S_IWUSR);
	if (spool->lock_fd < 0 || flock(spool->lock_fd, LOCK_EX | LOCK_NB) != 0)
	{
		(void) snprintf(message,
						SPOOL_MESSAGE_BYTES,
						errno == EWOULDBLOCK
							? "another program uses the spool in %.150s"
							: "cannot write to the spool's folder %.150s",
						spool->dir);
		return false;
	}
	if (!spool_list(spool))
	{
		(void) snprintf(message,
						SPOOL_MESSAGE_BYTES,
						"cannot list the spool's folder %.150s: %s",
						spool->dir,
						strerror(errno));
		return false;
	}
	return true;
}

struct spool *
spool_open(const struct spool_options *options,
		   char message[SPOOL_MESSAGE_BYTES])
{
	struct spool *spool = calloc(1, sizeof(*spool));

	(void) snprintf(message, SPOOL_MESSAGE_BYTES, "out of memory");
	if (spool == NULL)
		return NULL;
	if (pthread_mutex_init(&spool->lock, NULL) != 0)
		goto fail_lock;
	if (!sync_cond_init(&spool->changed))
		goto fail_cond;

	spool->opt = *options;
	spool->io = options->io != NULL ? options->io : &real_io;
	spool->dir = strdup(options->dir);
	spool->dir_fd = spool->lock_fd = spool->fd = spool->reader.fd =
		spool->reader.rest_fd = -1;
	spool->next = 1;
	spool->started_us = options->wall_us();
	if (spool->dir == NULL)
		goto fail;
	if (!make_uuid(spool->uuid))
	{
		(void) snprintf(message, SPOOL_MESSAGE_BYTES, "no random numbers");
		goto fail;
	}
	if (!open_dir(spool, message))
		goto fail;
	return spool;

fail:
	spool_close(spool);
	return NULL;
fail_cond:
	(void) pthread_mutex_destroy(&spool->lock);
fail_lock:
	free(spool);
	return NULL;
}

void
spool_close(struct spool *spool)
{
	if (spool == NULL)
		return;
	spool_file_finish(spool);
	spool_rest_shrink(spool, true);
	if (spool->reader.fd >= 0)
		(void) close(spool->reader.fd);
	if (spool->lock_fd >= 0)
		(void) close(spool->lock_fd);
	if (spool->dir_fd >= 0)
		(void) close(spool->dir_fd);
	free(spool->reader.window);
	free(spool->reader.frames);
	free(spool->files);
	free(spool->dir);
	(void) pthread_cond_destroy(&spool->changed);
	(void) pthread_mutex_destroy(&spool->lock);
	free(spool);
}

/* fail_for_good -- nothing more is taken until the program is restarted. */
static enum spool_result
fail_for_good(struct spool *spool)
{
	(void) pthread_mutex_lock(&spool->lock);
	spool->failed = true;
	(void) pthread_mutex_unlock(&spool->lock);
	return SPOOL_FAILED;
}

/* sync_failed -- what was written may be gone, and nobody would say so. */
static enum spool_result
sync_failed(struct spool *spool)
{
	(void) pthread_mutex_lock(&spool->lock);
	spool->sync_errors++;
	(void) pthread_mutex_unlock(&spool->lock);
	return fail_for_good(spool);
}

/*
 * write_some -- write "n" records at "offset"; a copy of their vector is
 * moved on when the system takes only part of it.
 */
static bool
write_some(struct spool *spool, const struct iovec *records, int n,
		   int64_t offset)
{
	struct iovec iov[64];
	int at = 0;

	memcpy(iov, records, (size_t) n * sizeof(iov[0]));
	while (at < n)
	{
		ssize_t done =
			spool->io->pwritev(spool->fd, iov + at, n - at, (off_t) offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
		{
			if (done == 0)
				errno = ENOSPC;
			return false;
		}
		offset += done;
		while (at < n && (size_t) done >= iov[at].iov_len)
			done -= (ssize_t) iov[at++].iov_len;
		if (at < n)
		{
			iov[at].iov_base = (uint8_t *) iov[at].iov_base + done;
			iov[at].iov_len -= (size_t) done;
		}
	}
	return true;
}

static bool
write_all(struct spool *spool, const struct iovec *records, int nrecords)
{
	int64_t offset = spool->offset;

	for (int i = 0; i < nrecords; i += 64)
	{
		int n = nrecords - i < 64 ? nrecords - i : 64;

		if (!write_some(spool, records + i, n, offset))
			return false;
		for (int k = i; k < i + n; k++)
			offset += (int64_t) records[k].iov_len;
	}
	return true;
}

/*
 * cut_back -- a write failed: leave no part of it in the file.
 *
 * The file is finished as well: what was preallocated behind the cut is gone,
 * and a file without that promise is not written to.
 */
static enum spool_result
cut_back(struct spool *spool, int error)
{
	bool cut = spool->io->ftruncate(spool->fd, (off_t) spool->offset) == 0;

	spool_file_finish(spool);
	if (!cut || (error != ENOSPC && error != EDQUOT && error != EFBIG))
		return fail_for_good(spool);
	return SPOOL_FULL;
}

/*
 * zero_ahead -- write zeros where the next small records go.
 *
 * What fallocate() gave is marked as unwritten, and the first write into it
 * changes the mark: a sync must then write the file's map too, which on a
 * small record is most of its cost.  After one write of many zeros hundreds
 * of syncs are cheap.  Large groups do without: they would write all twice.
 *
 * Only a matter of speed: a failure is forgotten, the record's own write or
 * sync will tell.
 */
static void
zero_ahead(struct spool *spool, int64_t total)
{
	static const uint8_t zeros[64 * 1024];
	struct iovec iov[ZERO_AHEAD_BYTES / sizeof(zeros)];
	int64_t from =
		spool->zeroed > spool->offset ? spool->zeroed : spool->offset;
	ssize_t done;

	if (total > ZERO_SMALL_BYTES || spool->offset + total <= spool->zeroed ||
		spool->room - from < ZERO_AHEAD_BYTES)
		return;
	for (size_t i = 0; i < sizeof(iov) / sizeof(iov[0]); i++)
	{
		iov[i].iov_base = (void *) (uintptr_t) zeros;
		iov[i].iov_len = sizeof(zeros);
	}
	done = spool->io->pwritev(spool->fd,
							  iov,
							  sizeof(iov) / sizeof(iov[0]),
							  (off_t) from);
	spool->zeroed = done > 0 ? from + done : spool->room;
}

/*
 * forget_group -- the end of a long backlog is read much later: it does not stay
 * in memory.
 *
 * It would push out what the database has there.  And in a virtual machine a page
 * that was not used lately costs the host several times as much as one that was
 * just given back, so whoever sends in bulk is served a third faster.  The
 * beginning of the backlog stays: to read it from the disk beside the syncs would
 * make these late.
 */
static void
forget_group(const struct spool *spool, int64_t len)
{
	if (len >= FORGET_MIN_BYTES)
		(void) spool->io->forget(spool->fd,
								 (off_t) (spool->offset - len),
								 (off_t) len);
}

enum spool_result
spool_append(struct spool *spool, const struct iovec *records,
			 const uint32_t *counts, int nrecords)
{
	int64_t total = 0;
	uint64_t next;
	bool is_long;

	/* Only this thread sets it: no lock to read it. */
	if (spool->failed)
		return SPOOL_FAILED;
	for (int i = 0; i < nrecords; i++)
		total += (int64_t) records[i].iov_len;
	if (spool->fd < 0 || spool->offset > spool->room - total)
	{
		enum spool_result result = spool_file_begin(spool, total);

		if (result == SPOOL_FAILED)
			return sync_failed(spool);
		if (result != SPOOL_OK)
			return result;
	}

	next = spool->next;
	for (int i = 0; i < nrecords; i++)
	{
		spool_record_seal(records[i].iov_base,
						  records[i].iov_len,
						  counts[i],
						  next,
						  spool->uuid);
		next += counts[i];
	}
	zero_ahead(spool, total);
	if (!write_all(spool, records, nrecords))
		return cut_back(spool, errno);
	if (spool->io->fdatasync(spool->fd) != 0)
		return sync_failed(spool);

	spool->next = next;
	spool->offset += total;
	(void) pthread_mutex_lock(&spool->lock);
	is_long = spool->bytes > spool->opt.cached_bytes;
	spool->files[spool->nfiles - 1].size = spool->offset;
	spool->files[spool->nfiles - 1].reach = next - 1;
	spool->woken = true;
	(void) pthread_cond_signal(&spool->changed);
	(void) pthread_mutex_unlock(&spool->lock);
	if (is_long)
		forget_group(spool, total);
	return SPOOL_OK;
}

void
spool_wait(struct spool *spool, int64_t deadline_ms)
{
	const int64_t rest_ms = spool->opt.now() + REST_PAUSE_MS;

	if (spool->reader.rest_fd >= 0 && rest_ms < deadline_ms)
		deadline_ms = rest_ms;
	(void) pthread_mutex_lock(&spool->lock);
	while (!spool->woken &&
		   sync_cond_wait(&spool->changed, &spool->lock, deadline_ms))
		;
	spool->woken = false;
	(void) pthread_mutex_unlock(&spool->lock);
}

void
spool_wake(struct spool *spool)
{
	(void) pthread_mutex_lock(&spool->lock);
	spool->woken = true;
	(void) pthread_cond_signal(&spool->changed);
	(void) pthread_mutex_unlock(&spool->lock);
}

void
spool_status(struct spool *spool, struct spool_status *status)
{
	int64_t free_bytes = spool->io->free_bytes(spool->dir);
	int64_t room = 0;

	*status = (struct spool_status){.max_bytes = spool->opt.max_bytes};
	(void) pthread_mutex_lock(&spool->lock);
	if (spool->nfiles > 0)
	{
		const struct spool_file *last = &spool->files[spool->nfiles - 1];

		if (!last->finished)
			room = last->allocated - last->size;
	}
	status->failed = spool->failed;
	status->bytes = spool->bytes;
	status->files = (int64_t) spool->nfiles;
	status->bad_files = spool->bad_files;
	status->torn_bytes = spool->torn_bytes;
	status->sync_errors = spool->sync_errors;
	(void) pthread_mutex_unlock(&spool->lock);

	status->takes_events =
		!status->failed &&
		(room >= ROOM_TO_CALL_READY ||
		 (status->bytes <= status->max_bytes - spool->opt.file_bytes &&
		  (free_bytes < 0 ||
		   free_bytes - spool->opt.file_bytes >= spool->opt.reserve_bytes)));
}
