/*
 * fuzz_spool.c
 *	  The spool's reader on a damaged file: it comes to an end, and gives out
 *	  numbers once and in order.
 *
 * The input is a list of (what, length, bytes): what is even: the bytes as
 * they are; odd: a good record, with a frame of them as its JSON.  So the
 * fuzzer gets past the checksums, and damage stands beside what is whole.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../extension/wire/frame.h"
#include "../clock.h"
#include "../spool_format.h"

static const uint8_t uuid[SPOOL_UUID_BYTES] = {7};
static uint8_t file[256 * 1024];

/* make_file -- its length. */
static size_t
make_file(const uint8_t *data, size_t len)
{
	size_t size = SPOOL_FILE_HEADER;
	uint64_t next = 1;

	spool_header_write(file, uuid, 1, 0);
	while (len >= 2 && size < sizeof(file) - 2048)
	{
		size_t n = data[1] < len - 2 ? data[1] : len - 2;
		struct frame frame = {.collection = "c",
							  .collection_len = 1,
							  .json = (const char *) data + 2,
							  .json_len = n};

		if (data[0] % 2 == 0)
		{
			memcpy(file + size, data + 2, n);
			size += n;
		}
		else if (n > 0)
		{
			size_t record = SPOOL_RECORD_HEADER + frame_size(&frame);

			next += data[0] / 2 % 4; /* some numbers are missing */
			frame_write(&frame, file + size + SPOOL_RECORD_HEADER);
			spool_record_seal(file + size, record, 1, next++, uuid);
			size += record;
		}
		data += 2 + n;
		len -= 2 + n;
	}
	return size;
}

static void
read_to_the_end(struct spool *spool)
{
	struct spool_batch batch;
	uint64_t taken = 0;

	for (int turns = 0;; turns++)
	{
		switch (spool_next(spool, 3, 1000, &batch))
		{
			case SPOOL_NEXT_BATCH:
			case SPOOL_NEXT_GAP:
				if (batch.first != taken + 1 || batch.last < batch.first)
					__builtin_trap();
				taken = batch.last;
				spool_seek(spool, taken);
				break;
			case SPOOL_NEXT_ASK:
				spool_seek(spool, 0);
				break;
			case SPOOL_NEXT_NONE:
				return;
			case SPOOL_NEXT_FAILED:
				__builtin_trap();
		}
		if (turns > 100000)
			__builtin_trap();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char dir[64];
	char message[SPOOL_MESSAGE_BYTES];
	char name[SPOOL_NAME_CHARS + sizeof(dir) + 2];
	struct spool_options options = {
		.dir = dir,
		.file_bytes = 65536,
		.max_bytes = 1 << 20,
		.now = clock_mono_ms,
		.wall_us = clock_wall_us,
	};
	size_t size = make_file(data, len);
	struct spool *spool;
	int fd;

	if (dir[0] == '\0')
	{
		(void) snprintf(dir, sizeof(dir), "/dev/shm/fuzz-spool-XXXXXX");
		if (mkdtemp(dir) == NULL)
			abort();
	}
	(void) snprintf(name,
					sizeof(name),
					"%s/0000000000000001-07000000000000000000000000000000-"
					"0000000000000001" SPOOL_SUFFIX,
					dir);
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, S_IRUSR | S_IWUSR);
	if (fd < 0 || write(fd, file, size) != (ssize_t) size || close(fd) != 0)
		abort();
	spool = spool_open(&options, message);
	if (spool == NULL)
		abort();
	read_to_the_end(spool);
	spool_close(spool);

	/* kept or not: gone before the next one */
	(void) unlink(name);
	(void) strcat(name, ".bad");
	(void) unlink(name);
	return 0;
}
