/*
 * quarantine_board.c
 *	  The file that programs of a host share, mapped.
 *
 * LOCKS.  Byte 0 of the file is locked while it is made or looked at first, so
 * that of two programs that start together one makes it.  A row's first byte is
 * locked by its owner as long as that lives; nothing has to be tidied up after a
 * kill -9.
 *
 * They are POSIX's locks of a process (F_SETLK), for the one thing that those of
 * an open file (F_OFD_SETLK) do not do: Linux ends them while it goes through
 * the descriptors of a process that dies, and only then lets go of any file.  So
 * whoever learns of the death by a connection that broke, and asks somebody else
 * the same, finds the row without an owner.  The price: no other descriptor of
 * the file may be closed by this process, and it must be open once only.
 *
 * A file that says nothing is not written over but unlinked, as another program,
 * of an older version, may have it mapped.  Who wants it gone removes it, too: to
 * make it shorter would be a signal (SIGBUS) to all who have it.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "quarantine_board.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"

/* Changes with the layout, behind the first so many bytes. */
static const char format[16] = "tally-quarant-2";
#define OUR_BYTES 13

#define BOARD_BYTES(rows)                                                     \
	(sizeof(struct quarantine_board) +                                        \
	 (size_t) (rows) * sizeof(struct quarantine_row))

/* For another program that makes the file just now. */
#define OPEN_TRIES 100
#define OPEN_TRY_MS 10

/* lock -- one byte, or not: without waiting. */
static bool
lock(int fd, size_t at, short type)
{
	struct flock region = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = (off_t) at,
		.l_len = 1,
	};

	return fcntl(fd, F_SETLK, &region) == 0;
}

static size_t
row_at(int row)
{
	return BOARD_BYTES(row);
}

bool
quarantine_board_take(const struct quarantine_access *access, int row)
{
	return access->fd >= 0 && lock(access->fd, row_at(row), F_WRLCK);
}

void
quarantine_board_let_go(const struct quarantine_access *access, int row)
{
	if (access->fd >= 0)
		(void) lock(access->fd, row_at(row), F_UNLCK);
}

/* read_boot -- which boot this is; empty where the system does not say. */
static void
read_boot(char boot[40])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	memset(boot, 0, 40);
	if (fd < 0)
		return;
	if (read(fd, boot, 36) < 0)
		boot[0] = '\0';
	(void) close(fd);
}

/* is_named -- is the open file still the one of that name? */
static bool
is_named(int fd, const char *file)
{
	struct stat open_one;
	struct stat named;

	return fstat(fd, &open_one) == 0 && stat(file, &named) == 0 &&
		   open_one.st_ino == named.st_ino && open_one.st_dev == named.st_dev;
}

static bool
map(struct quarantine_access *access)
{
	void *memory = mmap(NULL,
						access->bytes,
						PROT_READ | PROT_WRITE,
						MAP_SHARED,
						access->fd,
						0);

	if (memory == MAP_FAILED)
		return false;
	access->board = memory;
	return true;
}

/* is_ours -- does the mapped file mean anything now? */
static bool
is_ours(const struct quarantine_board *board)
{
	char boot[sizeof(board->boot)];

	read_boot(boot);
	return memcmp(board->format, format, sizeof(format)) == 0 &&
		   memcmp(board->boot, boot, sizeof(boot)) == 0;
}

static void
begin(struct quarantine_board *board)
{
	read_boot(board->boot);
	board->secret = siphash_secret_new();
	memcpy(board->format, format, sizeof(format));
}

/* claim -- a row that is nobody's; false when all are taken. */
static bool
claim(struct quarantine_access *access)
{
	struct quarantine_board *board = access->board;
	int i;

	for (i = 0; i < QUARANTINE_ROWS; i++)
		if (quarantine_board_take(access, i))
		{
			access->own = i;
			if (board->rows_used <= i)
				board->rows_used = i + 1;
			return true;
		}
	return false;
}

/* is_usable -- a file that nobody else can write, and that is ours to remove: it
 * is new, or begins as all of ours do, or was left as it is made. */
static bool
is_usable(int fd, const struct stat *st, size_t bytes, const char **why)
{
	static const char zeros[OUR_BYTES];
	char begin[OUR_BYTES];

	*why = "it is no ordinary file";
	if (!S_ISREG(st->st_mode))
		return false;
	*why = "it is another user's, or others may write it";
	if (st->st_uid != geteuid() || (st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return false;
	*why = "it is something else's file";
	if (st->st_size == 0)
		return true;
	if (pread(fd, begin, sizeof(begin), 0) != (ssize_t) sizeof(begin))
		return false;
	return memcmp(begin, format, sizeof(begin)) == 0 ||
		   (st->st_size == (off_t) bytes &&
			memcmp(begin, zeros, sizeof(begin)) == 0);
}

/* forget_file -- whatever was opened and mapped of it. */
static void
forget_file(struct quarantine_access *access)
{
	if (access->board != NULL)
		(void) munmap(access->board, access->bytes);
	if (access->fd >= 0)
		(void) close(access->fd);
	access->board = NULL;
	access->fd = -1;
}

/*
 * use -- the file that is open and locked: filled if it is new.
 *
 * False with *why NULL: it says nothing, and is unlinked.  All of its memory is
 * allocated first, as writing to what a full disk cannot hold is a signal.
 */
static bool
use(struct quarantine_access *access, const char *file, const char **why)
{
	struct stat st;

	if (fstat(access->fd, &st) != 0)
	{
		*why = strerror(errno);
		return false;
	}
	if (!is_usable(access->fd, &st, access->bytes, why))
		return false;
	if (st.st_size == 0)
	{
		const int error =
			posix_fallocate(access->fd, 0, (off_t) access->bytes);

		if (error != 0)
		{
			/* or it would be too short for the next who looks */
			(void) unlink(file);
			*why = strerror(error);
			return false;
		}
	}
	if ((st.st_size == 0 || st.st_size == (off_t) access->bytes) &&
		map(access))
	{
		if (st.st_size == 0)
			begin(access->board);
		if (is_ours(access->board))
		{
			*why = "it has no row left: too many programs use it";
			return claim(access);
		}
	}
	*why = unlink(file) == 0 ? NULL : strerror(errno);
	return false;
}

bool
quarantine_board_open(struct quarantine_access *access, const char *file,
					  const char **why)
{
	int i;

	*access =
		(struct quarantine_access){.fd = -1,
								   .rows = QUARANTINE_ROWS,
								   .bytes = BOARD_BYTES(QUARANTINE_ROWS)};
	for (i = 0; i < OPEN_TRIES; i++)
	{
		*why = "another program keeps it locked";
		access->fd =
			open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (access->fd < 0)
		{
			*why = strerror(errno);
			return false;
		}
		if (!lock(access->fd, 0, F_WRLCK))
			clock_sleep_ms(OPEN_TRY_MS);
		else if (is_named(access->fd, file))
		{
			if (use(access, file, why))
			{
				(void) lock(access->fd, 0, F_UNLCK);
				return true;
			}
			if (*why != NULL)
				break;
		}
		forget_file(access);
	}
	forget_file(access);
	return false;
}

bool
quarantine_board_alone(struct quarantine_access *access)
{
	void *memory = mmap(NULL,
						BOARD_BYTES(1),
						PROT_READ | PROT_WRITE,
						MAP_PRIVATE | MAP_ANONYMOUS,
						-1,
						0);

	*access = (struct quarantine_access){.fd = -1,
										 .rows = 1,
										 .bytes = BOARD_BYTES(1)};
	if (memory == MAP_FAILED)
		return false;
	access->board = memory;
	begin(access->board);
	access->board->rows_used = 1;
	return true;
}

void
quarantine_board_close(struct quarantine_access *access)
{
	forget_file(access);
}
