/* Faults at the n-th effect of one process, by way of LD_PRELOAD: every call of the C library that
 * changes a file system or starts a program is counted, and at one of them something happens.
 *
 * FAULT_FILE   a file of 24 bytes, shared with the test: how many effects there were, at how many
 *              of them the fault showed, and the largest memory in KiB if the process ended itself
 * FAULT_AT     at which effect, from 1; 0 = only count
 * FAULT_MODE   before | after    SIGKILL before or after the effect
 *              int | term        that signal to the process, and on
 *              full | read-only  from here on no space is left, nothing can be written
 *              io                this one call fails with EIO
 *
 * The library takes itself out of the environment, so that git and agents run without it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum mode { NONE, BEFORE, AFTER, INT, TERM, FULL, READ_ONLY, IO };
/* What an effect needs: room on the disk, only the right to write, or neither. */
enum needs { ROOM, RIGHT, NOTHING };

static unsigned long *shared;
static unsigned long at;
static enum mode mode;

static enum mode parse(const char *name)
{
	static const char *const names[] = { "", "before", "after", "int", "term", "full", "read-only", "io" };
	for (int i = BEFORE; name && i <= IO; i++)
		if (!strcmp(name, names[i]))
			return i;
	return NONE;
}

__attribute__((constructor)) static void begin(void)
{
	const char *file = getenv("FAULT_FILE"), *n = getenv("FAULT_AT");
	mode = parse(getenv("FAULT_MODE"));
	at = n ? strtoul(n, NULL, 10) : 0;
	if (file) {
		int fd = open(file, O_RDWR | O_CLOEXEC);
		void *map = fd < 0 ? MAP_FAILED : mmap(NULL, 24, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (fd >= 0)
			close(fd);
		if (map != MAP_FAILED)
			shared = map;
	}
	unsetenv("LD_PRELOAD");
	unsetenv("FAULT_FILE");
	unsetenv("FAULT_AT");
	unsetenv("FAULT_MODE");
}

__attribute__((destructor)) static void end(void)
{
	struct rusage used;
	if (shared && !getrusage(RUSAGE_SELF, &used))
		shared[2] = (unsigned long)used.ru_maxrss;
}

static void die(void)
{
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

/* Counts an effect. Gives the errno that it is to fail with, or 0; `last` says to die behind it. */
static int step(enum needs needs, int *last)
{
	*last = 0;
	if (!shared)
		return 0;
	unsigned long n = __atomic_add_fetch(&shared[0], 1, __ATOMIC_SEQ_CST);
	int here = at && n == at, on = at && n >= at, error = 0;
	switch (mode) {
	case BEFORE:
	case AFTER:
	case INT:
	case TERM:
		if (!here)
			return 0;
		__atomic_add_fetch(&shared[1], 1, __ATOMIC_SEQ_CST);
		if (mode == BEFORE)
			die();
		*last = mode == AFTER;
		if (mode == INT || mode == TERM)
			kill(getpid(), mode == INT ? SIGINT : SIGTERM);
		return 0;
	case FULL:
		error = on && needs == ROOM ? ENOSPC : 0;
		break;
	case READ_ONLY:
		error = on && needs != NOTHING ? EROFS : 0;
		break;
	case IO:
		error = here && needs != NOTHING ? EIO : 0;
		break;
	case NONE:
		break;
	}
	if (error)
		__atomic_add_fetch(&shared[1], 1, __ATOMIC_SEQ_CST);
	return error;
}

static int is_file(int fd)
{
	struct stat about;
	return fd > 2 && !fstat(fd, &about) && S_ISREG(about.st_mode);
}

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);
	if (!found)
		abort();
	return found;
}

#define EFFECT(type, needs, name, params, args)                                                            \
	type name params                                                                                   \
	{                                                                                                  \
		int last, error = step(needs, &last);                                                      \
		if (error) {                                                                               \
			errno = error;                                                                     \
			return -1;                                                                         \
		}                                                                                          \
		type done = REAL(name) args;                                                               \
		if (last)                                                                                  \
			die();                                                                             \
		return done;                                                                               \
	}

EFFECT(int, ROOM, rename, (const char *a, const char *b), (a, b))
EFFECT(int, ROOM, renameat, (int x, const char *a, int y, const char *b), (x, a, y, b))
EFFECT(int, ROOM, renameat2, (int x, const char *a, int y, const char *b, unsigned f), (x, a, y, b, f))
EFFECT(int, ROOM, link, (const char *a, const char *b), (a, b))
EFFECT(int, ROOM, linkat, (int x, const char *a, int y, const char *b, int f), (x, a, y, b, f))
EFFECT(int, ROOM, symlink, (const char *a, const char *b), (a, b))
EFFECT(int, ROOM, mkdir, (const char *a, mode_t m), (a, m))
EFFECT(int, ROOM, mkdirat, (int x, const char *a, mode_t m), (x, a, m))
EFFECT(int, RIGHT, unlink, (const char *a), (a))
EFFECT(int, RIGHT, unlinkat, (int x, const char *a, int f), (x, a, f))
EFFECT(int, RIGHT, rmdir, (const char *a), (a))
EFFECT(int, RIGHT, chmod, (const char *a, mode_t m), (a, m))
EFFECT(int, RIGHT, fchmodat, (int x, const char *a, mode_t m, int f), (x, a, m, f))
EFFECT(int, RIGHT, ftruncate, (int fd, off_t n), (fd, n))
EFFECT(int, RIGHT, ftruncate64, (int fd, off64_t n), (fd, n))

#define ON_FILE(type, needs, name, params, args)                                                           \
	type name params                                                                                   \
	{                                                                                                  \
		int last = 0, error = is_file(fd) ? step(needs, &last) : 0;                                \
		if (error) {                                                                               \
			errno = error;                                                                     \
			return -1;                                                                         \
		}                                                                                          \
		type done = REAL(name) args;                                                               \
		if (last)                                                                                  \
			die();                                                                             \
		return done;                                                                               \
	}

ON_FILE(ssize_t, ROOM, write, (int fd, const void *b, size_t n), (fd, b, n))
ON_FILE(ssize_t, ROOM, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
ON_FILE(ssize_t, ROOM, pwrite, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o))
ON_FILE(ssize_t, ROOM, pwrite64, (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o))
ON_FILE(int, ROOM, fsync, (int fd), (fd))
ON_FILE(int, ROOM, fdatasync, (int fd), (fd))

#define OPENS(name, params, args)                                                                          \
	int name params                                                                                    \
	{                                                                                                  \
		mode_t m = 0;                                                                              \
		int last = 0, error = 0;                                                                   \
		if (flags & (O_CREAT | __O_TMPFILE)) {                                                     \
			va_list rest;                                                                      \
			va_start(rest, flags);                                                             \
			m = va_arg(rest, mode_t);                                                          \
			va_end(rest);                                                                      \
		}                                                                                          \
		if (flags & (O_CREAT | O_TRUNC | O_WRONLY | O_RDWR))                                       \
			error = step(flags & O_CREAT ? ROOM : RIGHT, &last);                               \
		if (error) {                                                                               \
			errno = error;                                                                     \
			return -1;                                                                         \
		}                                                                                          \
		int done = REAL(name) args;                                                                \
		if (last)                                                                                  \
			die();                                                                             \
		return done;                                                                               \
	}

OPENS(open, (const char *path, int flags, ...), (path, flags, m))
OPENS(open64, (const char *path, int flags, ...), (path, flags, m))
OPENS(openat, (int dir, const char *path, int flags, ...), (dir, path, flags, m))
OPENS(openat64, (int dir, const char *path, int flags, ...), (dir, path, flags, m))

/* These give an error number and leave errno alone. */
#define SPAWNS(name)                                                                                       \
	int name(pid_t *pid, const char *path, const posix_spawn_file_actions_t *acts,                     \
		 const posix_spawnattr_t *attr, char *const argv[], char *const env[])                     \
	{                                                                                                  \
		int last;                                                                                  \
		step(NOTHING, &last);                                                                      \
		int done = REAL(name)(pid, path, acts, attr, argv, env);                                   \
		if (last)                                                                                  \
			die();                                                                             \
		return done;                                                                               \
	}

SPAWNS(posix_spawn)
SPAWNS(posix_spawnp)
