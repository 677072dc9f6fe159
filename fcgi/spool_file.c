/*
 * spool_file.c
 *	  A spool's files: found, begun, finished, dropped.
 *
 * Order on disk.  A new file is synced, then the folder, before a record in it
 * is promised to anybody.  A file is removed after its last event is in the
 * database; should a crash bring it back, whole or in part, the database still
 * knows.
 */
#include "spool_format.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hex.h"

/* After the disk or the limit refused a file, this long nobody asks again. */
#define RETRY_MS 100
/* Of a dropped file so much is given back to the disk at a time. */
#define REST_PIECE ((int64_t) 2 * 1024 * 1024)

void
spool_uuid_text(const uint8_t uuid[SPOOL_UUID_BYTES],
				char text[SPOOL_UUID_CHARS + 1])
{
	size_t n = 0;

	for (int i = 0; i < SPOOL_UUID_BYTES; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			text[n++] = '-';
		n += (size_t) snprintf(text + n, 3, "%02x", uuid[i]);
	}
}

static uint64_t
number_of(const uint8_t bytes[8])
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* parse_name -- is this the name of a spool's file, and what does it say? */
static bool
parse_name(const char *name, struct spool_file *file)
{
	uint8_t number[8];

	if (strlen(name) != SPOOL_NAME_CHARS || name[16] != '-' ||
		name[49] != '-' || strcmp(name + 66, SPOOL_SUFFIX) != 0 ||
		!hex_parse(name, number, 8) ||
		!hex_parse(name + 17, file->uuid, SPOOL_UUID_BYTES) ||
		!hex_parse(name + 50, number, 8))
		return false;
	file->first = number_of(number);
	memcpy(file->name, name, SPOOL_NAME_CHARS + 1);
	return file->first > 0;
}

static void
make_name(const struct spool *spool, struct spool_file *file)
{
	char uuid[2 * SPOOL_UUID_BYTES + 1];

	for (int i = 0; i < SPOOL_UUID_BYTES; i++)
		(void) snprintf(uuid + 2 * i, 3, "%02x", spool->uuid[i]);
	(void) snprintf(file->name,
					sizeof(file->name),
					"%016" PRIx64 "-%s-%016" PRIx64 SPOOL_SUFFIX,
					(uint64_t) spool->started_us,
					uuid,
					spool->next);
}

/* reserve -- make sure that the list has room for one more. */
static bool
reserve(struct spool *spool)
{
	size_t cap = spool->files_cap > 0 ? spool->files_cap * 2 : 16;
	struct spool_file *files;

	if (spool->nfiles < spool->files_cap)
		return true;
	files = realloc(spool->files, cap * sizeof(*files));
	if (files == NULL)
		return false;
	spool->files = files;
	spool->files_cap = cap;
	return true;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct spool_file *) a)->name,
				  ((const struct spool_file *) b)->name);
}

/* spool_list -- fill the list from the folder.  False with errno set. */
bool
spool_list(struct spool *spool)
{
	DIR *dir = opendir(spool->dir);
	struct dirent *entry;
	int saved_errno;

	if (dir == NULL)
		return false;
	while (errno = 0, (entry = readdir(dir)) != NULL)
	{
		struct spool_file file = {.finished = true};
		struct stat st;

		if (!parse_name(entry->d_name, &file))
			continue;
		if (fstatat(spool->dir_fd, file.name, &st, 0) != 0 || !reserve(spool))
			break;
		file.size = st.st_size;
		file.allocated = st.st_size;
		spool->bytes += file.allocated;
		spool->files[spool->nfiles++] = file;
	}
	saved_errno = errno;
	(void) closedir(dir);
	if (spool->nfiles > 0)
		qsort(spool->files, spool->nfiles, sizeof(spool->files[0]), by_name);
	errno = saved_errno;
	return saved_errno == 0;
}

/* has_room -- may "size" more bytes be taken from the disk? */
static bool
has_room(struct spool *spool, int64_t size)
{
	int64_t free_bytes;
	bool within;

	(void) pthread_mutex_lock(&spool->lock);
	within = spool->bytes <= spool->opt.max_bytes - size;
	(void) pthread_mutex_unlock(&spool->lock);
	if (!within)
		return false;
	free_bytes = spool->io->free_bytes(spool->dir);
	return free_bytes < 0 || free_bytes - size >= spool->opt.reserve_bytes;
}

/* fill_new -- give a new file its size and its header, and sync both. */
static enum spool_result
fill_new(struct spool *spool, int fd, int64_t size)
{
	uint8_t header[SPOOL_FILE_HEADER];
	struct iovec iov = {header, sizeof(header)};

	if (spool->io->fallocate(fd, 0, size) != 0)
		return SPOOL_FULL;
	spool_header_write(header, spool->uuid, spool->next, spool->opt.wall_us());
	if (spool->io->pwritev(fd, &iov, 1, 0) != (ssize_t) sizeof(header))
		return SPOOL_FULL;
	if (spool->io->fsync(fd) != 0 || spool->io->fsync(spool->dir_fd) != 0)
		return SPOOL_FAILED; /* ... which counts as a failed sync */
	return SPOOL_OK;
}

/*
 * spool_file_begin -- begin a file with room for "need" bytes of records.
 *
 * The file before it is finished only when the new one stands, so that what
 * still fits into it can go there while there is no room for another.
 */
enum spool_result
spool_file_begin(struct spool *spool, int64_t need)
{
	struct spool_file file = {.first = spool->next};
	enum spool_result result = SPOOL_FULL;
	int64_t size = SPOOL_FILE_HEADER + need;
	bool reserved;
	int fd;

	if (spool->opt.now() < spool->retry_at_ms)
		return SPOOL_FULL;
	spool->retry_at_ms = spool->opt.now() + RETRY_MS;

	if (size < spool->opt.file_bytes)
		size = spool->opt.file_bytes;
	if (!has_room(spool, size))
		return SPOOL_FULL;
	(void) pthread_mutex_lock(&spool->lock);
	reserved = reserve(spool);
	(void) pthread_mutex_unlock(&spool->lock);
	if (!reserved)
		return SPOOL_FULL;

	make_name(spool, &file);
	fd = openat(spool->dir_fd,
				file.name,
				O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
				S_IRUSR | S_IWUSR);
	if (fd < 0)
		return SPOOL_FULL;
	result = fill_new(spool, fd, size);
	if (result != SPOOL_OK)
	{
		(void) close(fd);
		(void) unlinkat(spool->dir_fd, file.name, 0);
		return result;
	}

	spool_file_finish(spool);
	memcpy(file.uuid, spool->uuid, SPOOL_UUID_BYTES);
	file.allocated = size;
	file.size = SPOOL_FILE_HEADER;
	spool->fd = fd;
	spool->offset = SPOOL_FILE_HEADER;
	spool->room = size;
	spool->zeroed = 0;
	spool->retry_at_ms = 0;
	(void) pthread_mutex_lock(&spool->lock);
	spool->files[spool->nfiles++] = file;
	spool->bytes += size;
	(void) pthread_mutex_unlock(&spool->lock);
	return SPOOL_OK;
}

/*
 * spool_file_finish -- nothing more goes into the file being written.
 *
 * Its unused end is given back to the disk.  Should that fail, or be lost in
 * a crash, the reader finds zeros there, which are no record.
 */
void
spool_file_finish(struct spool *spool)
{
	bool cut;

	if (spool->fd < 0)
		return;
	cut = spool->io->ftruncate(spool->fd, (off_t) spool->offset) == 0;
	(void) close(spool->fd);
	spool->fd = -1;

	(void) pthread_mutex_lock(&spool->lock);
	/* Ours is the last one; it cannot have been dropped, being unfinished. */
	spool->files[spool->nfiles - 1].finished = true;
	if (cut)
	{
		spool->bytes -= spool->room - spool->offset;
		spool->files[spool->nfiles - 1].allocated = spool->offset;
	}
	spool->woken = true;
	(void) pthread_cond_signal(&spool->changed);
	(void) pthread_mutex_unlock(&spool->lock);
}

/*
 * spool_rest_shrink -- a disk that is told what is free ("discard") does
 * nothing else meanwhile: not to sync either, 7 to 14 ms after a file of 32
 * MB.  Hence piece by piece, from the end, and mostly some time apart.
 */
void
spool_rest_shrink(struct spool *spool, bool all)
{
	struct spool_reader *r = &spool->reader;

	while (r->rest_fd >= 0)
	{
		r->rest_bytes -= REST_PIECE;
		if (r->rest_bytes <= 0 ||
			spool->io->ftruncate(r->rest_fd, (off_t) r->rest_bytes) != 0)
		{
			/* It has no name: what is left of it goes, too. */
			(void) close(r->rest_fd);
			r->rest_fd = -1;
		}
		if (!all)
			break;
	}
}

/*
 * remove_file -- its name goes at once, what it holds by and by.
 *
 * One that has another name, or has kept this one, is left as it is.
 */
static void
remove_file(struct spool *spool, const struct spool_file *file)
{
	struct spool_reader *r = &spool->reader;
	struct stat st;

	spool_rest_shrink(spool, true);
	r->rest_fd = openat(spool->dir_fd, file->name, O_WRONLY | O_CLOEXEC);
	(void) unlinkat(spool->dir_fd, file->name, 0);
	if (r->rest_fd >= 0 && (fstat(r->rest_fd, &st) != 0 || st.st_nlink > 0))
	{
		(void) close(r->rest_fd);
		r->rest_fd = -1;
	}
	r->rest_bytes = file->allocated;
	spool_rest_shrink(spool, false);
}

void
spool_file_drop(struct spool *spool, bool keep_as_bad)
{
	struct spool_file file;
	char bad[SPOOL_NAME_CHARS + 8];

	(void) pthread_mutex_lock(&spool->lock);
	file = spool->files[0];
	spool->nfiles--;
	memmove(spool->files,
			spool->files + 1,
			spool->nfiles * sizeof(spool->files[0]));
	spool->bytes -= file.allocated;
	if (keep_as_bad)
		spool->bad_files++;
	(void) pthread_mutex_unlock(&spool->lock);

	(void) snprintf(bad, sizeof(bad), "%s.bad", file.name);
	if (!keep_as_bad)
		remove_file(spool, &file);
	else if (renameat(spool->dir_fd, file.name, spool->dir_fd, bad) != 0)
		(void) unlinkat(spool->dir_fd, file.name, 0);
}
