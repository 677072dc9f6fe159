/*
 * spool_read.c
 *	  The journal's reading side: what is next, oldest first.
 *
 * The reader knows the sequence number up to which the database has it all,
 * and a place in the first file behind which the rest must be.  Whatever it
 * gives out it gives out again until spool_seek() says that it is stored, so
 * there is nothing to undo when storing fails.
 */
#include "spool_format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../extension/wire/frame.h"

/* How much is read, and looked at when a record is searched for, in one go. */
#define WINDOW_BYTES (256 * 1024)

enum found
{
	FOUND_RECORD,
	FOUND_NOTHING, /* no record from there to the end */
	FOUND_ERROR,   /* errno */
};

/* A record in the reader's window, until the next one is looked for. */
struct record
{
	const uint8_t *bytes;
	int64_t at;
	size_t len;
	uint32_t count;
	uint64_t first;
};

/* A batch while it is put together. */
struct batch_limits
{
	uint32_t max_events;
	size_t max_bytes;
	uint32_t events;
};

static bool
grow(uint8_t **data, size_t *cap, size_t need)
{
	size_t size = *cap > 0 ? *cap : 65536;
	uint8_t *grown;

	if (need <= *cap)
		return true;
	while (size < need)
		size *= 2;
	grown = realloc(*data, size);
	if (grown == NULL)
	{
		errno = ENOMEM;
		return false;
	}
	*data = grown;
	*cap = size;
	return true;
}

/* read_at -- exactly "len" bytes; a file that ends before is an error. */
static bool
read_at(int fd, void *data, size_t len, int64_t offset)
{
	uint8_t *p = data;

	while (len > 0)
	{
		ssize_t n = pread(fd, p, len, (off_t) offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
		{
			if (n == 0)
				errno = EIO;
			return false;
		}
		p += n;
		offset += n;
		len -= (size_t) n;
	}
	return true;
}

/*
 * look_at -- "len" bytes of the file, in the window; NULL with errno.
 *
 * Most records are an event of some hundred bytes, so more is read along, up to
 * the limit; but not if that fails: what comes later may be the damage.
 */
static const uint8_t *
look_at(struct spool_reader *r, int64_t at, size_t len, int64_t limit)
{
	size_t wide = len > WINDOW_BYTES ? len : WINDOW_BYTES;

	if (at >= r->window_at &&
		at + (int64_t) len <= r->window_at + (int64_t) r->window_len)
		return r->window + (at - r->window_at);

	if ((int64_t) wide > limit - at)
		wide = (size_t) (limit - at);
	r->window_len = 0;
	if (!grow(&r->window, &r->window_cap, wide))
		return NULL;
	if (!read_at(r->fd, r->window, wide, at))
	{
		if (!read_at(r->fd, r->window, len, at))
			return NULL;
		wide = len;
	}
	r->window_at = at;
	r->window_len = wide;
	return r->window;
}

/* frames_fit -- are the record's frames whole, and as many as it says? */
static bool
frames_fit(const uint8_t *record, size_t len, uint32_t count)
{
	size_t at = SPOOL_RECORD_HEADER;
	struct frame frame;

	while (at < len && count > 0)
	{
		size_t n = frame_read(record + at, len - at, &frame);

		if (n == 0)
			return false;
		at += n;
		count--;
	}
	return at == len && count == 0;
}

/* read_record -- the record at exactly "at", if there is a good one. */
static enum found
read_record(struct spool_reader *r, int64_t at, int64_t limit,
			struct record *rec)
{
	const uint8_t *bytes;

	if (limit - at <= SPOOL_RECORD_HEADER)
		return FOUND_NOTHING;
	bytes = look_at(r, at, SPOOL_RECORD_HEADER, limit);
	if (bytes == NULL)
		return FOUND_ERROR;
	rec->at = at;
	rec->len = spool_record_len(bytes);
	if (rec->len == 0 || (int64_t) rec->len > limit - at)
		return FOUND_NOTHING;

	rec->bytes = look_at(r, at, rec->len, limit);
	if (rec->bytes == NULL)
		return FOUND_ERROR;
	if (!spool_record_open(
			rec->bytes, rec->len, &rec->count, &rec->first, r->uuid) ||
		!frames_fit(rec->bytes, rec->len, rec->count))
		return FOUND_NOTHING;
	return FOUND_RECORD;
}

/*
 * find_record -- the first good record at "at" or behind it.
 *
 * Sets *torn to the number of bytes passed up to the last one that is not
 * zero: what a crash left of a write, or damage.
 */
static enum found
find_record(struct spool_reader *r, int64_t at, int64_t limit,
			struct record *rec, int64_t *torn)
{
	enum found found = read_record(r, at, limit, rec);
	int64_t start = at;
	uint8_t *window;

	*torn = 0;
	if (found != FOUND_NOTHING || at >= limit)
		return found;
	window = malloc(WINDOW_BYTES);
	if (window == NULL)
	{
		errno = ENOMEM;
		return FOUND_ERROR;
	}

	while (found == FOUND_NOTHING && at < limit)
	{
		size_t len =
			limit - at < WINDOW_BYTES ? (size_t) (limit - at) : WINDOW_BYTES;

		if (!read_at(r->fd, window, len, at))
		{
			found = FOUND_ERROR;
			break;
		}
		for (size_t i = 0; i < len && found == FOUND_NOTHING; i++)
		{
			if (window[i] == 0)
				continue;
			*torn = at + (int64_t) i + 1 - start;
			if (window[i] == 'T')
				found = read_record(r, at + (int64_t) i, limit, rec);
		}
		at += (int64_t) len;
	}
	free(window);
	return found;
}

/* open_file -- begin to read the first file of the list. */
static bool
open_file(struct spool *spool, const struct spool_file *file,
		  int64_t *begun_us)
{
	struct spool_reader *r = &spool->reader;
	uint8_t header[SPOOL_FILE_HEADER];

	if (r->fd < 0)
	{
		r->fd = openat(spool->dir_fd, file->name, O_RDONLY | O_CLOEXEC);
		if (r->fd < 0)
			return false;
		if (memcmp(r->uuid, file->uuid, SPOOL_UUID_BYTES) != 0)
		{
			r->known = false;
			r->reach = 0;
		}
		memcpy(r->uuid, file->uuid, SPOOL_UUID_BYTES);
		r->window_len = 0;
		r->damaged = false;
		r->offset = 0;
	}

	*begun_us = spool->opt.wall_us();
	if (file->size < SPOOL_FILE_HEADER)
		return true;
	if (!read_at(r->fd, header, sizeof(header), 0))
		return false;
	if (spool_header_read(header, file->uuid, file->first, begun_us))
	{
		if (r->offset < SPOOL_FILE_HEADER)
			r->offset = SPOOL_FILE_HEADER;
	}
	else
		r->damaged = true;
	return true;
}

static void
close_file(struct spool *spool, bool bad)
{
	struct spool_reader *r = &spool->reader;

	if (r->fd >= 0)
		(void) close(r->fd);
	r->fd = -1;
	r->window_len = 0;
	spool_file_drop(spool, bad);
}

/*
 * end_file -- a finished file was read to its end.
 *
 * An unreadable rest is damage if the spool goes on in another file, and the
 * end of what was promised if it does not.  A file that a crash left without
 * its header, in the act of making it, has no record and is nothing.
 */
static void
end_file(struct spool *spool, bool is_last_of_spool, int64_t torn)
{
	struct spool_reader *r = &spool->reader;
	bool nothing = r->damaged && r->offset == 0 && is_last_of_spool &&
				   torn <= SPOOL_FILE_HEADER;

	if (torn > 0 && is_last_of_spool)
	{
		(void) pthread_mutex_lock(&spool->lock);
		spool->torn_bytes += torn;
		(void) pthread_mutex_unlock(&spool->lock);
	}
	close_file(spool,
			   (r->damaged && !nothing) || (torn > 0 && !is_last_of_spool));
}

/* add_record -- the record's frames that are not stored yet, up to a limit. */
static bool
add_record(struct spool_reader *r, const struct record *rec,
		   struct batch_limits *limits, struct spool_batch *batch)
{
	const uint8_t *p = rec->bytes + SPOOL_RECORD_HEADER;
	const uint8_t *end = rec->bytes + rec->len;

	for (uint64_t seq = rec->first; p < end; seq++)
	{
		struct frame frame;
		size_t n = frame_read(p, (size_t) (end - p), &frame);

		if (seq > r->done)
		{
			if (limits->events >= limits->max_events ||
				(limits->events > 0 &&
				 batch->frames_len + n > limits->max_bytes))
				return true;
			if (!grow(&r->frames, &r->frames_cap, batch->frames_len + n))
				return false;
			memcpy(r->frames + batch->frames_len, p, n);
			batch->frames_len += n;
			batch->last = seq;
			if (limits->events++ == 0)
			{
				batch->first = seq;
				batch->oldest_us = frame.received_us;
			}
		}
		p += n;
	}
	return true;
}

/* make_batch -- from the record just found on, as far as the limits allow. */
static enum spool_next
make_batch(struct spool_reader *r, struct record *rec, int64_t limit,
		   struct batch_limits *limits, struct spool_batch *batch)
{
	uint64_t next;

	do
	{
		if (!add_record(r, rec, limits, batch))
			return SPOOL_NEXT_FAILED;
		next = rec->first + rec->count;
		r->reach = next - 1;
		if (batch->last < next - 1)
			break;
		r->batch_end = rec->at + (int64_t) rec->len;
		/* also when the batch is full: is there more? */
		if (read_record(r, r->batch_end, limit, rec) != FOUND_RECORD)
			break;
		r->reach = rec->first + rec->count - 1;
	} while (rec->first == next && limits->events < limits->max_events &&
			 batch->frames_len < limits->max_bytes);

	batch->frames = r->frames;
	r->batch_last = batch->last;
	return SPOOL_NEXT_BATCH;
}

/*
 * first_file -- the oldest file, and whether the next one is of its spool.
 *
 * A copy: the writer may change the list while it is read.  That a file is
 * finished is looked at before it is read to its end, so its end is final.
 */
static bool
first_file(struct spool *spool, struct spool_file *file,
		   bool *is_last_of_spool)
{
	bool any;

	(void) pthread_mutex_lock(&spool->lock);
	any = spool->nfiles > 0;
	if (any)
	{
		*file = spool->files[0];
		*is_last_of_spool =
			spool->nfiles == 1 ||
			memcmp(spool->files[1].uuid, file->uuid, SPOOL_UUID_BYTES) != 0;
	}
	(void) pthread_mutex_unlock(&spool->lock);
	return any;
}

uint64_t
spool_reach(struct spool *spool)
{
	uint64_t reach = spool->reader.reach;
	size_t i;

	(void) pthread_mutex_lock(&spool->lock);
	for (i = 0; i < spool->nfiles && memcmp(spool->files[i].uuid,
											spool->reader.uuid,
											SPOOL_UUID_BYTES) == 0;
		 i++)
	{
		const struct spool_file *file = &spool->files[i];
		/* a file begins with the number behind the end of the last */
		const uint64_t in_file =
			file->reach > 0 ? file->reach : file->first - 1;

		reach = in_file > reach ? in_file : reach;
	}
	(void) pthread_mutex_unlock(&spool->lock);
	return reach;
}

static enum spool_next
gap(struct spool *spool, uint64_t last, struct spool_batch *batch)
{
	batch->first = spool->reader.done + 1;
	batch->last = last;
	return SPOOL_NEXT_GAP;
}

enum spool_next
spool_next(struct spool *spool, uint32_t max_events, size_t max_bytes,
		   struct spool_batch *batch)
{
	struct spool_reader *r = &spool->reader;
	struct spool_file file;
	bool is_last_of_spool;

	spool_rest_shrink(spool, false);
	while (first_file(spool, &file, &is_last_of_spool))
	{
		struct batch_limits limits = {max_events, max_bytes, 0};
		struct record rec;
		enum found found;
		int64_t torn;

		*batch = (struct spool_batch){0};
		r->batch_end = 0;
		if (!open_file(spool, &file, &batch->oldest_us))
			return SPOOL_NEXT_FAILED;
		found = find_record(r, r->offset, file.size, &rec, &torn);
		if (found == FOUND_ERROR)
			return SPOOL_NEXT_FAILED;
		if (found == FOUND_NOTHING)
		{
			if (!file.finished)
				return SPOOL_NEXT_NONE;
			end_file(spool, is_last_of_spool, torn);
			continue;
		}

		spool_uuid_text(r->uuid, batch->spool);
		if (!r->known)
			return SPOOL_NEXT_ASK;
		if (torn > 0)
			r->damaged = true;
		if (rec.first > r->done + 1)
			return gap(spool, rec.first - 1, batch);
		if (rec.first + rec.count - 1 > r->done)
			return make_batch(r, &rec, file.size, &limits, batch);
		r->offset = rec.at + (int64_t) rec.len;
	}
	return SPOOL_NEXT_NONE;
}

void
spool_seek(struct spool *spool, uint64_t taken)
{
	struct spool_reader *r = &spool->reader;

	/* The database knows less than was stored: it is an older copy.  What is
	 * still here of the rest is given out again. */
	if (r->known && taken < r->done)
		r->offset = 0;
	else if (r->batch_end > 0 && taken == r->batch_last)
		r->offset = r->batch_end;
	r->known = true;
	r->done = taken;
}

void
spool_set_aside(struct spool *spool)
{
	struct spool_file file;
	bool is_last_of_spool;

	if (first_file(spool, &file, &is_last_of_spool) && file.finished)
		close_file(spool, true);
}
