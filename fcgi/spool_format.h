/*
 * spool_format.h
 *	  The files of a spool.  Inside of spool.h: spool*.c only.
 *
 * FOLDER.  Files are found by listing it; nothing else says what there is.
 *
 *	  STARTED-SPOOL-FIRST.spool		STARTED: when the spool was begun, µs since
 *									2000, 16 hexadecimals; SPOOL: its id, 32;
 *									FIRST: the file's first sequence number, 16.
 *									In order of their names they are in the
 *									order of their events.
 *	  ....spool.bad					was damaged; read as far as it could be,
 *									kept for people to look at
 *	  lock							held by the program that uses the folder
 *
 * FILE.  Integers are little-endian.
 *
 *	  0	   8  "TALLYSPL"
 *	  8	   4  version, 1
 *	  12   4  zeros
 *	  16  16  the spool's id
 *	  32   8  the file's first sequence number
 *	  40   8  when the file was begun, µs since 2000
 *	  48  12  zeros
 *	  60   4  CRC-32C of the bytes before
 *	  64	  records, one behind the other
 *	  ..	  zeros: the file is given its full size when it is made, so that
 *			  no event finds the disk full; cut off when the file is finished
 *
 * RECORD.  The events of one request, in one write.
 *
 *	  0	   4  "TREC"
 *	  4	   4  CRC-32C of the spool's id and of all bytes from 8 on
 *	  8	   4  length of the record, these bytes included
 *	  12   4  number of frames, at least 1
 *	  16   8  sequence number of the first frame; the others follow
 *	  24   8  zeros
 *	  32	  frames (wire/frame.h)
 *
 * A record counts when its length fits, its checksum matches and its sequence
 * number is not below what is expected.  The id in the checksum keeps bytes
 * that an earlier spool left on the same disk from counting.
 *
 * DAMAGE.  Where no record can be read, the next one behind it is looked for,
 * byte by byte.  If there is one, what lies between is lost: its sequence
 * numbers are given out as a gap, and the file is set aside as .bad when it
 * has been read.  If there is none, in the last file of a spool, this is the
 * end: a write that a crash cut short, promised to nobody.  In an earlier
 * file the first number of the file behind it shows the gap.
 *
 * While a spool is written to, its reader never looks beyond what was synced:
 * a record half written is not seen, and what a crash could still take away
 * is not given out.
 */
#ifndef TALLY_SPOOL_FORMAT_H
#define TALLY_SPOOL_FORMAT_H

#include <limits.h>
#include <pthread.h>

#include "spool.h"

#define SPOOL_FILE_HEADER 64
#define SPOOL_FILE_VERSION 1
#define SPOOL_SUFFIX ".spool"
#define SPOOL_NAME_CHARS (16 + 1 + 32 + 1 + 16 + sizeof(SPOOL_SUFFIX) - 1)

struct spool_file
{
	char name[SPOOL_NAME_CHARS + 1];
	uint8_t uuid[SPOOL_UUID_BYTES];
	uint64_t first;
	int64_t allocated; /* on disk */
	int64_t size;	   /* up to here it may be read */
	uint64_t reach;	   /* its last sequence number, if we wrote it; or 0 */
	bool finished;	   /* "size" grows no more */
};

/* Where the reader is; only its thread uses it. */
struct spool_reader
{
	int fd; /* of the first file, or -1 */
	bool known;
	uint64_t done; /* in the file's spool, if known */
	int64_t offset;
	uint8_t uuid[SPOOL_UUID_BYTES]; /* that "known" and "done" speak of */
	bool damaged;					/* the file goes to .bad */
	uint8_t *window; /* of the file, up to what is durable ... */
	size_t window_cap;
	size_t window_len;
	int64_t window_at;	 /* ... from here */
	uint64_t batch_last; /* of the batch given out last */
	uint64_t reach;		 /* the last number of the last record looked at */
	int64_t batch_end;	 /* of the records of which it took all; 0: none */
	uint8_t *frames;
	size_t frames_cap;
	int rest_fd; /* of a dropped file that is not all given back, or -1 */
	int64_t rest_bytes;
};

struct spool
{
	struct spool_options opt;
	const struct spool_io *io;
	char *dir;
	int dir_fd;
	int lock_fd;

	pthread_mutex_t lock; /* guards the block below */
	pthread_cond_t changed;
	bool woken;
	struct spool_file *files; /* oldest first */
	size_t nfiles;
	size_t files_cap;
	int64_t bytes;
	int64_t bad_files;
	int64_t torn_bytes;
	int64_t sync_errors;
	bool failed;

	/* The writer's. */
	uint8_t uuid[SPOOL_UUID_BYTES];
	int64_t started_us;
	uint64_t next; /* sequence number */
	int fd;		   /* of the last file, which is ours, or -1 */
	int64_t offset;
	int64_t room;	/* size that the file was given */
	int64_t zeroed; /* up to here zeros were written */
	int64_t retry_at_ms;

	struct spool_reader reader;
};

/* Files (spool_file.c). */
bool spool_list(struct spool *spool);
enum spool_result spool_file_begin(struct spool *spool, int64_t need);
void spool_file_finish(struct spool *spool);
/* The first file leaves the list, and the folder or its name. */
void spool_file_drop(struct spool *spool, bool keep_as_bad);
/* Gives the next piece of a dropped file back to the disk, or all of it. */
void spool_rest_shrink(struct spool *spool, bool all);
void spool_uuid_text(const uint8_t uuid[SPOOL_UUID_BYTES],
					 char text[SPOOL_UUID_CHARS + 1]);

/* Records (spool_record.c). */
void spool_record_seal(uint8_t *record, size_t len, uint32_t count,
					   uint64_t first, const uint8_t uuid[SPOOL_UUID_BYTES]);
bool spool_record_open(const uint8_t *record, size_t len, uint32_t *count,
					   uint64_t *first, const uint8_t uuid[SPOOL_UUID_BYTES]);
/* The length that a record's header announces, or 0 when it is no header. */
size_t spool_record_len(const uint8_t header[SPOOL_RECORD_HEADER]);
void spool_header_write(uint8_t header[SPOOL_FILE_HEADER],
						const uint8_t uuid[SPOOL_UUID_BYTES], uint64_t first,
						int64_t begun_us);
bool spool_header_read(const uint8_t header[SPOOL_FILE_HEADER],
					   const uint8_t uuid[SPOOL_UUID_BYTES], uint64_t first,
					   int64_t *begun_us);

#endif
