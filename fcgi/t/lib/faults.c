/*
 * faults.c
 *	  Faults for a program under test, by LD_PRELOAD: what the tests of this
 *	  folder write into the file $FAULTS happens in it at once.
 *
 * Unsynced writes are forgotten: pwritev(), which only the spool calls, keeps
 * what it is given in memory until the file is synced.  Killed before that,
 * the program leaves behind what a machine without power would.  The same with
 * names: a new file has another one, and a removed file keeps its own, until the
 * folder is synced.  (Renamed is at once.)
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* The file: numbers of 8 bytes, in the machine's order (Faults.pm). */
struct control
{
	int64_t forget;	 /* unsynced writes live in memory */
	int64_t sync_us; /* added to every sync */
	int64_t disk_in; /* so many calls of the disk from now one fails, ... */
	int64_t disk_errno;
	int64_t malloc_in;	/* ... and so many allocations from now */
	int64_t malloc_all; /* and all that follow */
	int64_t malloc_of;	/* of all, 1: of all but libfcgi, 2: of it alone */
	int64_t clock_s;	/* added to the wall clock */
	int64_t happened;	/* faults so far */
};

static struct control none;
static struct control *control = &none;

/* libfcgi's code. */
static uintptr_t fcgi_begin;
static uintptr_t fcgi_end;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

static int (*real_fdatasync)(int);
static int (*real_fsync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_fallocate)(int, off_t, off_t);
static int (*real_close)(int);
static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);
static int (*real_unlinkat)(int, const char *, int);
static int (*real_rename)(const char *, const char *);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static int (*real_gettime)(clockid_t, struct timespec *);

static int
find_libfcgi(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void) size;
	(void) arg;
	if (strstr(info->dlpi_name, "/libfcgi.so") == NULL)
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++)
	{
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];

		if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0)
		{
			fcgi_begin = info->dlpi_addr + part->p_vaddr;
			fcgi_end = fcgi_begin + part->p_memsz;
		}
	}
	return 1;
}

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("FAULTS");
	void *page;
	int fd;

	real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
	real_fsync = dlsym(RTLD_NEXT, "fsync");
	real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
	real_fallocate = dlsym(RTLD_NEXT, "posix_fallocate");
	real_close = dlsym(RTLD_NEXT, "close");
	real_open = dlsym(RTLD_NEXT, "open");
	real_openat = dlsym(RTLD_NEXT, "openat");
	real_unlinkat = dlsym(RTLD_NEXT, "unlinkat");
	real_rename = dlsym(RTLD_NEXT, "rename");
	real_pwritev = dlsym(RTLD_NEXT, "pwritev");
	real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	fd = path != NULL ? real_open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	dl_iterate_phdr(find_libfcgi, NULL);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page != MAP_FAILED)
		control = page;
	real_close(fd);
}

/* counts_down -- is this the call that was to fail? */
static int
counts_down(int64_t *in)
{
	if (__atomic_load_n(in, __ATOMIC_RELAXED) <= 0 ||
		__atomic_sub_fetch(in, 1, __ATOMIC_RELAXED) != 0)
		return 0;
	__atomic_add_fetch(&control->happened, 1, __ATOMIC_RELAXED);
	return 1;
}

/* ------------------------------------------------------------------------
 * Memory
 */

/* no_memory -- for who called from there? */
static int
no_memory(const void *caller)
{
	uintptr_t from = (uintptr_t) caller;
	int in_libfcgi = from >= fcgi_begin && from < fcgi_end;
	int none_left;

	if (control->malloc_of != 0 && (control->malloc_of == 2) != in_libfcgi)
		return 0;
	none_left = counts_down(&control->malloc_in);
	if (!none_left && control->malloc_all && control->happened > 0 &&
		control->malloc_in <= 0)
		none_left = 1;
	if (none_left)
		errno = ENOMEM;
	return none_left;
}

void *
malloc(size_t size)
{
	return no_memory(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return no_memory(__builtin_return_address(0)) ? NULL
												  : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t size)
{
	return no_memory(__builtin_return_address(0)) ? NULL
												  : __libc_realloc(p, size);
}

/* ------------------------------------------------------------------------
 * The disk
 */

struct unsynced
{
	struct unsynced *next;
	int fd;
	off_t offset;
	size_t len;
	char data[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct unsynced *first;
static struct unsynced **last = &first;

/* settle -- what was kept for the file is written, or thrown away. */
static void
settle(int fd, int write_it)
{
	struct unsynced **at = &first;

	pthread_mutex_lock(&lock);
	while (*at != NULL)
	{
		struct unsynced *u = *at;
		struct iovec iov = {u->data, u->len};

		if (u->fd != fd)
		{
			at = &u->next;
			continue;
		}
		if (write_it && real_pwritev(fd, &iov, 1, u->offset) < 0)
			abort();
		*at = u->next;
		free(u);
	}
	last = at;
	pthread_mutex_unlock(&lock);
}

static int
disk_fails(void)
{
	if (!counts_down(&control->disk_in))
		return 0;
	errno = (int) control->disk_errno;
	return 1;
}

ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
	struct iovec half = iov[0];
	struct unsynced *u;
	size_t len = 0;

	if (disk_fails())
	{
		if (control->disk_errno != 0)
			return -1;
		half.iov_len = half.iov_len / 2 + 1;
		return real_pwritev(fd, &half, 1, offset);
	}
	if (!control->forget)
		return real_pwritev(fd, iov, n, offset);

	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	u = __libc_malloc(sizeof(*u) + len);
	if (u == NULL)
		abort();
	u->next = NULL;
	u->fd = fd;
	u->offset = offset;
	u->len = 0;
	for (int i = 0; i < n; i++)
	{
		memcpy(u->data + u->len, iov[i].iov_base, iov[i].iov_len);
		u->len += iov[i].iov_len;
	}
	pthread_mutex_lock(&lock);
	*last = u;
	last = &u->next;
	pthread_mutex_unlock(&lock);
	return (ssize_t) len;
}

/* ------------------------------------------------------------------------
 * Names
 */

#define NAME_BYTES 256
/* Of a file without a name that lasts; nobody looks for such a one. */
#define NEW_SUFFIX ".unsynced"

/* A change of a folder that is not on disk. */
struct change
{
	struct change *next;
	dev_t dev; /* of the folder */
	ino_t ino;
	int is_new; /* else it is to be removed */
	char name[NAME_BYTES];
};

static struct change *changes;

/* folder_of -- where the name is, and what is left of it; fills in "change". */
static int
folder_of(int dir_fd, const char *path, struct change *change)
{
	char folder[4096] = ".";
	const char *slash = strrchr(path, '/');
	struct stat st;

	if (slash != NULL && snprintf(folder,
								  sizeof(folder),
								  "%.*s",
								  slash == path ? 1 : (int) (slash - path),
								  path) >= (int) sizeof(folder))
		return 0;
	if (fstatat(dir_fd, folder, &st, 0) != 0)
		return 0;
	change->dev = st.st_dev;
	change->ino = st.st_ino;
	return snprintf(change->name,
					NAME_BYTES,
					"%s",
					slash != NULL ? slash + 1 : path) < NAME_BYTES;
}

/* find -- the place in the list of a change of that name, or of its end. */
static struct change **
find(const struct change *like)
{
	struct change **at = &changes;

	while (*at != NULL &&
		   ((*at)->dev != like->dev || (*at)->ino != like->ino ||
			(*at)->is_new != like->is_new ||
			strcmp((*at)->name, like->name) != 0))
		at = &(*at)->next;
	return at;
}

static void
add_change(const struct change *like)
{
	struct change *change = __libc_malloc(sizeof(*change));

	if (change == NULL)
		abort();
	*change = *like;
	change->next = changes;
	changes = change;
}

static void
drop_change(struct change **at)
{
	struct change *change = *at;

	*at = change->next;
	free(change);
}

/* other_name -- of a new file; the folder stays as it was given. */
static void
other_name(const char *path, char other[4096])
{
	if (snprintf(other, 4096, "%s" NEW_SUFFIX, path) >= 4096)
		abort();
}

/* settle_names -- the folder is synced. */
static void
settle_names(int dir_fd)
{
	struct change **at = &changes;
	struct stat st;
	char other[4096];

	if (fstat(dir_fd, &st) != 0 || !S_ISDIR(st.st_mode))
		return;
	pthread_mutex_lock(&lock);
	while (*at != NULL)
	{
		if ((*at)->dev != st.st_dev || (*at)->ino != st.st_ino)
		{
			at = &(*at)->next;
			continue;
		}
		other_name((*at)->name, other);
		if ((*at)->is_new ? renameat(dir_fd, other, dir_fd, (*at)->name) != 0
						  : real_unlinkat(dir_fd, (*at)->name, 0) != 0)
			abort();
		drop_change(at);
	}
	pthread_mutex_unlock(&lock);
}

/* open_at -- what is not there is made under its other name. */
static int
open_at(int dir_fd, const char *path, int flags, mode_t mode)
{
	struct change like = {.is_new = 1};
	char other[4096];
	int is_new;
	int fd;

	if (!control->forget || !folder_of(dir_fd, path, &like))
		return real_openat(dir_fd, path, flags, mode);
	pthread_mutex_lock(&lock);
	is_new = *find(&like) != NULL;
	if (!is_new && (flags & O_CREAT) != 0 &&
		faccessat(dir_fd, path, F_OK, 0) != 0)
	{
		/* one may be there from a life before */
		flags = (flags & ~O_EXCL) | O_TRUNC;
		is_new = 1;
		add_change(&like);
	}
	other_name(path, other);
	fd = real_openat(dir_fd, is_new ? other : path, flags, mode);
	pthread_mutex_unlock(&lock);
	return fd;
}

int
openat(int dir_fd, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
	va_end(args);
	return open_at(dir_fd, path, flags, mode);
}

int
open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
	va_end(args);
	return open_at(AT_FDCWD, path, flags, mode);
}

int
unlinkat(int dir_fd, const char *path, int flags)
{
	struct change like = {.is_new = 1};
	struct change **at;
	char other[4096];
	int result = 0;

	if (!control->forget || flags != 0 || !folder_of(dir_fd, path, &like))
		return real_unlinkat(dir_fd, path, flags);
	pthread_mutex_lock(&lock);
	at = find(&like);
	other_name(path, other);
	if (*at != NULL)
	{
		result = real_unlinkat(dir_fd, other, 0);
		drop_change(at);
	}
	else
	{
		like.is_new = 0;
		if (*find(&like) == NULL)
			add_change(&like);
	}
	pthread_mutex_unlock(&lock);
	return result;
}

/* rename -- lasts at once, with what was synced of the file. */
int
rename(const char *from, const char *to)
{
	struct change like = {.is_new = 1};
	struct change **at;
	char other[4096];
	int result;

	if (!control->forget || !folder_of(AT_FDCWD, from, &like))
		return real_rename(from, to);
	pthread_mutex_lock(&lock);
	at = find(&like);
	other_name(from, other);
	result = real_rename(*at != NULL ? other : from, to);
	if (result == 0 && *at != NULL)
		drop_change(at);
	pthread_mutex_unlock(&lock);
	return result;
}

/* ------------------------------------------------------------------------
 * Syncs, and what else fails
 */

static int
sync_with(int (*real)(int), int fd)
{
	if (disk_fails() && control->disk_errno != 0)
		return -1;
	settle(fd, 1);
	settle_names(fd);
	if (control->sync_us > 0)
		usleep((useconds_t) control->sync_us);
	return real(fd);
}

int
fdatasync(int fd)
{
	return sync_with(real_fdatasync, fd);
}

int
fsync(int fd)
{
	return sync_with(real_fsync, fd);
}

int
ftruncate(int fd, off_t len)
{
	if (disk_fails() && control->disk_errno != 0)
		return -1;
	settle(fd, 1);
	return real_ftruncate(fd, len);
}

int
posix_fallocate(int fd, off_t offset, off_t len)
{
	if (disk_fails() && control->disk_errno != 0)
		return (int) control->disk_errno;
	return real_fallocate(fd, offset, len);
}

int
close(int fd)
{
	if (control->forget)
		settle(fd, 0);
	return real_close(fd);
}

/* ------------------------------------------------------------------------
 * The clock on the wall; the other one is nobody's to set
 */

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	int result = real_gettime(id, ts);

	if (id == CLOCK_REALTIME)
		ts->tv_sec += (time_t) control->clock_s;
	return result;
}
