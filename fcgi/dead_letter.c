/*
 * dead_letter.c
 *	  Where an event goes that the database will never take.
 *
 * The file is opened for each letter: there should be none, and whoever reads
 * them may then move the file away at any time.
 */
#include "dead_letter.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../extension/wire/json_check.h"
#include "buf.h"
#include "hex.h"
#include "json_out.h"

/* An event as text may need six bytes for each of its own. */
#define LINE_MAX_BYTES ((size_t) 8 * TALLY_MAX_EVENT_BYTES)
#define US_A_SECOND 1000000
#define EPOCH_2000 INT64_C(946684800)

static void
put_instant(struct json_out *json, const char *key, int64_t us)
{
	int64_t second = us / US_A_SECOND - (us % US_A_SECOND < 0);
	int64_t rest = us - second * US_A_SECOND;
	time_t since_1970 = (time_t) (second + EPOCH_2000);
	struct tm tm;
	char text[64];

	if (gmtime_r(&since_1970, &tm) == NULL)
		return;
	(void) snprintf(text,
					sizeof(text),
					"%04d-%02d-%02dT%02d:%02d:%02d.%06dZ",
					tm.tm_year + 1900,
					tm.tm_mon + 1,
					tm.tm_mday,
					tm.tm_hour,
					tm.tm_min,
					tm.tm_sec,
					(int) rest);
	json_key(json, key);
	json_string(json, text);
}

/*
 * put_event -- as it was sent, if it is JSON, on one line.
 *
 * A line end in JSON is a blank between its parts, as one inside a string is
 * an escape: so any other blank will do.
 */
static void
put_event(struct json_out *json, const struct frame *frame)
{
	struct json_event found;
	size_t begin;

	json_key(json, "event");
	if (json_check_text(frame->json, frame->json_len, &found) != JSON_OK)
	{
		json_string_n(json, frame->json, frame->json_len);
		return;
	}
	begin = json->out->len;
	json_raw(json, frame->json, frame->json_len);
	if (json->out->failed)
		return;
	for (char *p = json->out->data + begin;
		 p < json->out->data + json->out->len;
		 p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
}

static void
put_letter(struct buf *line, const struct frame *frame, const char *reason)
{
	struct json_out json;
	struct buf project;

	buf_init(&project, 64);
	hex_append(&project, frame->project, TALLY_PROJECT_ID_BYTES);
	json_begin(&json, line, false);
	json_object(&json);
	json_key(&json, "reason");
	json_string(&json, reason);
	json_key(&json, "project");
	json_string_n(&json, project.data, project.len);
	json_key(&json, "collection");
	json_string_n(&json, frame->collection, frame->collection_len);
	put_instant(&json, "at", frame->at_us);
	put_instant(&json, "received_at", frame->received_us);
	put_event(&json, frame);
	json_object_end(&json);
	buf_char(line, '\n');
	buf_free(&project);
}

/* write_line -- whole, or not at all: a part of one is cut off again. */
static bool
write_line(int fd, const struct buf *line)
{
	struct stat st;
	size_t done = 0;

	if (fstat(fd, &st) != 0)
		return false;
	while (done < line->len)
	{
		ssize_t n = write(fd, line->data + done, line->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
		{
			int saved_errno = n == 0 ? ENOSPC : errno;

			if (ftruncate(fd, st.st_size) != 0)
				return false;
			errno = saved_errno;
			return false;
		}
		done += (size_t) n;
	}
	return fdatasync(fd) == 0;
}

/* sync_folder -- without which a file that was just made may have no name after
 * a crash. */
static bool
sync_folder(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;
	int saved_errno = errno;

	if (fd >= 0)
		(void) close(fd);
	errno = saved_errno;
	return ok;
}

bool
dead_letter_write(const char *dir, const struct frame *frame,
				  const char *reason)
{
	char path[4096];
	struct buf line;
	bool ok;
	int fd;

	(void) snprintf(path, sizeof(path), "%s/%s", dir, DEAD_LETTER_FILE);
	fd = open(path,
			  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
			  S_IRUSR | S_IWUSR);
	if (fd < 0)
		return false;
	buf_init(&line, LINE_MAX_BYTES);
	put_letter(&line, frame, reason);
	if (line.failed)
		errno = ENOMEM;
	/* A letter that is written twice is better than one that is lost. */
	ok = !line.failed && write_line(fd, &line) && sync_folder(dir);
	buf_free(&line);
	(void) close(fd);
	return ok;
}
