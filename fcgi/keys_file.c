/*
 * keys_file.c
 *	  The file that holds the keys while nobody else does.
 *
 * FORMAT.  Text, so that an administrator can count what is in it:
 *
 *	  tally-keys 1 LOADED COUNT			 LOADED: milliseconds since 1970
 *	  HASH PROJECT SCOPE				 64 and 24 hexadecimals; w, r or m
 *	  ...								 COUNT lines, in order of HASH
 *	  sha256 SUM						 of everything above
 *
 * A file that is not wholly like this is as good as none: the keys come from
 * the database anyway.
 */
#include "keys_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "digest.h"
#include "hex.h"
#include "log.h"

/* hash, blank, project, blank, scope, newline */
#define LINE_CHARS (KEY_HASH_BYTES * 2 + 1 + TALLY_PROJECT_ID_BYTES * 2 + 3)
#define SUM_CHARS (7 + DIGEST_BYTES * 2 + 1)
#define HEAD_CHARS 64
#define FILE_MAX_BYTES                                                        \
	(HEAD_CHARS + SNAPSHOT_MAX_KEYS * LINE_CHARS + SUM_CHARS)
#define READ_BYTES ((size_t) 65536)

static const char scope_letters[SCOPE__COUNT] = {
	[SCOPE_NONE] = '-',
	[SCOPE_WRITE] = 'w',
	[SCOPE_READ] = 'r',
	[SCOPE_MASTER] = 'm',
};

static void
render(const struct snapshot *snap, struct buf *out)
{
	uint8_t sum[DIGEST_BYTES];
	size_t i;

	buf_str(out, "tally-keys 1 ");
	buf_int(out, snap->loaded_wall_ms);
	buf_char(out, ' ');
	buf_int(out, (int64_t) snap->count);
	buf_char(out, '\n');
	for (i = 0; i < snap->count; i++)
	{
		const struct entry *entry = &snap->entries[i];

		hex_append(out, entry->hash, sizeof(entry->hash));
		buf_char(out, ' ');
		hex_append(out, entry->project, sizeof(entry->project));
		buf_char(out, ' ');
		buf_char(out, scope_letters[entry->scope]);
		buf_char(out, '\n');
	}
	if (out->failed)
		return;
	out->failed = !digest_sha256(out->data, out->len, sum);
	buf_str(out, "sha256 ");
	hex_append(out, sum, sizeof(sum));
	buf_char(out, '\n');
}

static bool
write_whole(int fd, const char *data, size_t len)
{
	while (len > 0)
	{
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data += n;
		len -= (size_t) n;
	}
	return true;
}

/*
 * save -- write the snapshot beside the file, then rename it there.
 *
 * A crash leaves the old file or the new one, whole.
 */
bool
keys_file_save(const char *path, const struct snapshot *snap)
{
	char temp[4096];
	struct buf text;
	bool ok = false;
	int fd = -1;

	buf_init(&text, FILE_MAX_BYTES);
	render(snap, &text);
	if (text.failed ||
		snprintf(temp, sizeof(temp), "%s.new", path) >= (int) sizeof(temp))
		goto out;
	(void) unlink(temp);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		goto out;
	ok = write_whole(fd, text.data, text.len) && fsync(fd) == 0;
	ok = close(fd) == 0 && ok && rename(temp, path) == 0;

out:
	if (!ok)
		log_note(LOG_LEVEL_WARN, "keys_not_saved", "error", strerror(errno));
	buf_free(&text);
	return ok;
}

/* read_whole -- the file's bytes with a NUL behind them. */
static bool
read_whole(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	if (fd < 0)
		return false;
	while (n > 0)
	{
		char *room = buf_room(out, READ_BYTES);

		if (room == NULL)
			break;
		n = read(fd, room, READ_BYTES);
		if (n > 0)
			out->len += (size_t) n;
	}
	(void) close(fd);
	buf_char(out, '\0');
	return n == 0 && !out->failed;
}

static bool
parse_line(const char *line, struct keys_builder *builder)
{
	uint8_t hash[KEY_HASH_BYTES];
	uint8_t project[TALLY_PROJECT_ID_BYTES];
	const char *tail = line + sizeof(hash) * 2;
	enum scope scope;

	if (!hex_parse(line, hash, sizeof(hash)) || tail[0] != ' ' ||
		!hex_parse(tail + 1, project, sizeof(project)))
		return false;
	tail += 1 + sizeof(project) * 2;
	if (tail[0] != ' ' || tail[1] == '\0' || tail[2] != '\n')
		return false;
	for (scope = SCOPE_WRITE; scope < SCOPE__COUNT; scope++)
		if (scope_letters[scope] == tail[1])
			return keys_add(builder, hash, project, scope);
	return false;
}

/* parse_file -- "text" holds "len" bytes and a NUL. */
static bool
parse_file(const char *text, size_t len, struct keys_builder *builder,
		   int64_t *loaded_wall_ms)
{
	uint8_t want[DIGEST_BYTES];
	uint8_t sum[DIGEST_BYTES];
	const char *line;
	size_t count;
	size_t i;

	if (len < SUM_CHARS ||
		strncmp(text + len - SUM_CHARS, "sha256 ", 7) != 0 ||
		!hex_parse(text + len - SUM_CHARS + 7, want, sizeof(want)))
		return false;
	len -= SUM_CHARS;
	if (!digest_sha256(text, len, sum) ||
		CRYPTO_memcmp(sum, want, sizeof(sum)) != 0)
		return false;

	if (sscanf(text,
			   "tally-keys 1 %" SCNd64 " %zu\n",
			   loaded_wall_ms,
			   &count) != 2)
		return false;
	line = strchr(text, '\n') + 1;
	if (count > SNAPSHOT_MAX_KEYS ||
		len - (size_t) (line - text) != count * LINE_CHARS)
		return false;
	for (i = 0; i < count; i++, line += LINE_CHARS)
		if (!parse_line(line, builder))
			return false;
	return true;
}

struct snapshot *
keys_file_load(const char *path, int64_t now_ms, int64_t wall_ms)
{
	struct keys_builder builder = {.entries = NULL};
	struct snapshot *snap = NULL;
	int64_t loaded_wall_ms = 0;
	int64_t age_ms;
	struct buf text;

	buf_init(&text, FILE_MAX_BYTES + READ_BYTES + 1);
	if (!read_whole(path, &text))
	{
		if (errno != ENOENT)
			log_note(LOG_LEVEL_WARN,
					 "keys_file_unreadable",
					 "error",
					 strerror(errno));
	}
	else if (!parse_file(text.data, text.len - 1, &builder, &loaded_wall_ms))
		log_note(LOG_LEVEL_WARN, "keys_file_damaged", NULL, NULL);
	else
	{
		age_ms = wall_ms - loaded_wall_ms;
		if (age_ms < 0)
			age_ms = 0; /* the clock was set back: as good as new */
		snap = snapshot_new(&builder, now_ms - age_ms, loaded_wall_ms);
	}
	free(builder.entries);
	buf_free(&text);
	return snap;
}
