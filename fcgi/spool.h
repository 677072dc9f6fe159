/*
 * spool.h
 *	  The journal of events that were taken and are not in the database yet.
 *
 * One thread appends (the committer), one takes out (the drainer), anybody
 * may ask for the status.  What was appended with SPOOL_OK is on disk and is
 * given out by spool_next(), once and again until spool_done() says that it
 * is in the database; only then is a file removed.
 *
 * Every start of the program begins a new spool, with an id of its own, in
 * the same folder; those of earlier starts are given out first, oldest first.
 * Each event of a spool has a sequence number, from 1 on without gaps, and
 * that is what makes "exactly once" possible: see README.md, "The write path".
 *
 * The formats, and what happens to damage, stand in spool_format.h.
 */
#ifndef TALLY_SPOOL_H
#define TALLY_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "clock.h"

/* Room for the spool's own at the start of every record. */
#define SPOOL_RECORD_HEADER 32

/* The largest record, its header included. */
#define SPOOL_MAX_RECORD ((size_t) 16 * 1024 * 1024)

#define SPOOL_UUID_BYTES 16
#define SPOOL_UUID_CHARS 36

struct spool;

/* The disk; tests bring a bad one.  All as the system calls of these names. */
struct spool_io
{
	ssize_t (*pwritev)(int fd, const struct iovec *iov, int n, off_t offset);
	int (*fdatasync)(int fd);
	int (*fsync)(int fd);							   /* of a folder, too */
	int (*fallocate)(int fd, off_t offset, off_t len); /* posix_fallocate() */
	int (*ftruncate)(int fd, off_t len);
	int (*forget)(int fd, off_t offset, off_t len); /* its pages in memory */
	/* Bytes that are free for us on the disk of "dir", or -1. */
	int64_t (*free_bytes)(const char *dir);
};

struct spool_options
{
	const char *dir;
	int64_t file_bytes;		   /* of a file, unless one write needs more */
	int64_t max_bytes;		   /* of all files */
	int64_t reserve_bytes;	   /* left free on the disk for others */
	int64_t cached_bytes;	   /* what is beyond it is not kept in memory */
	const struct spool_io *io; /* NULL: the real one */
	clock_fn now;			   /* clock_mono_ms() */
	clock_fn wall_us;		   /* clock_wall_us() */
};

/*
 * Opens the folder (made if its parent is there), lists it, and locks it: a second program on
 * the same folder fails here.  NULL, and why in "message", when it could not.
 */
#define SPOOL_MESSAGE_BYTES 256
struct spool *spool_open(const struct spool_options *options,
						 char message[SPOOL_MESSAGE_BYTES]);

/* Nobody may be in another function. */
void spool_close(struct spool *spool);

enum spool_result
{
	SPOOL_OK,	  /* on disk */
	SPOOL_FULL,	  /* no room: nothing was written; it may work later */
	SPOOL_FAILED, /* the disk failed; nothing more is taken until a restart */
};

/*
 * Appends records and syncs them, all or none.  Each begins with room for
 * SPOOL_RECORD_HEADER bytes, which are filled in, and then holds "counts[i]"
 * frames (wire/frame.h), at least one.
 */
enum spool_result spool_append(struct spool *spool,
							   const struct iovec *records,
							   const uint32_t *counts, int nrecords);

enum spool_next
{
	SPOOL_NEXT_BATCH,  /* events: batch is set */
	SPOOL_NEXT_GAP,	   /* first .. last cannot be read: lost to damage */
	SPOOL_NEXT_ASK,	   /* a spool not seen before: tell spool_seek() how much
						* of it is in the database, then call again */
	SPOOL_NEXT_NONE,   /* nothing there: spool_wait() */
	SPOOL_NEXT_FAILED, /* could not be read, or no memory; errno is set */
};

struct spool_batch
{
	char spool[SPOOL_UUID_CHARS + 1];
	uint64_t first;
	uint64_t last;
	const uint8_t *frames; /* lives until the next call of spool_next() */
	size_t frames_len;
	int64_t oldest_us; /* received_at of its first event; of SPOOL_NEXT_ASK,
						* when its file was begun */
};

/* At most so many events and bytes, but one event always. */
enum spool_next spool_next(struct spool *spool, uint32_t max_events,
						   size_t max_bytes, struct spool_batch *batch);

/*
 * In the spool given out last, everything up to "taken" is in the database,
 * and nothing after it.  The next spool_next() goes on from there, and
 * removes the files that are wholly in it.
 */
void spool_seek(struct spool *spool, uint64_t taken);

/* The spool given out last has events up to this number at least: the last
 * batch's last, or more if there is more. */
uint64_t spool_reach(struct spool *spool);

/* Puts the file that spool_next() fails to read out of the way, as .bad. */
void spool_set_aside(struct spool *spool);

/* Waits until spool_next() may have something, or is to give more of a file
 * back to the disk, or until spool_wake(). */
void spool_wait(struct spool *spool, int64_t deadline_ms);
void spool_wake(struct spool *spool);

struct spool_status
{
	bool takes_events; /* would spool_append() find room now? */
	bool failed;
	int64_t bytes;
	int64_t max_bytes;
	int64_t files;
	int64_t bad_files;	/* set aside since the start */
	int64_t torn_bytes; /* cut off at the end of earlier spools */
	int64_t sync_errors;
};

void spool_status(struct spool *spool, struct spool_status *status);

#endif
