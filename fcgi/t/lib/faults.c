/*
 * faults.c
 *	  Faults for a program under test, by LD_PRELOAD: what the tests of this
 *	  folder write into the file $FAULTS happens in it at once.
 *
 * Unsynced writes are forgotten: pwritev(), which only the spool calls, keeps
 * what it is given in memory until the file is synced.  Killed before that,
 * the program leaves behind what a machine without power would.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *page;

	real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
	real_fsync = dlsym(RTLD_NEXT, "fsync");
	real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
	real_fallocate = dlsym(RTLD_NEXT, "posix_fallocate");
	real_close = dlsym(RTLD_NEXT, "close");
	real_pwritev = dlsym(RTLD_NEXT, "pwritev");
	real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
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

static int
sync_with(int (*real)(int), int fd)
{
	if (disk_fails() && control->disk_errno != 0)
		return -1;
	settle(fd, 1);
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
