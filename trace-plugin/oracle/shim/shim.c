/* The disk and the clock as a test wants them, for one program and its spool: preloaded into an unchanged binary.
 *
 * ORACLE_SHIM names a file of six 64-bit words, which the test writes while the program runs:
 *   0  milliseconds that the wall clock is off
 *   1  what is broken: 0 nothing, 1 EIO on write, 2 ENOSPC on write, 3 EIO on sync, 4 read-only (EROFS on open),
 *      5 half a write and then ENOSPC, 6 SIGKILL instead of a write, 7 EIO on truncate
 *   2  writes (syncs, opens, truncations) that still pass before that
 *   3  which files: 0 all of the spool, 1 the database alone, 2 the log alone
 *   4  how often it struck; the program counts it up
 *   5  1: once, then nothing is broken any more
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { CLOCK, BROKEN, AFTER, WHICH, STRUCK, ONCE, WORDS };
enum { NONE, EIO_WRITE, ENOSPC_WRITE, EIO_SYNC, READ_ONLY, SHORT_WRITE, KILL_WRITE, EIO_TRUNCATE };

static volatile int64_t calm[WORDS];
static volatile int64_t *control = calm;

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("ORACLE_SHIM");
    if (!path) return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *at = mmap(NULL, WORDS * sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (at != MAP_FAILED) control = at;
}

/* Of the spool's database, and of the part of it that is to break. The shared memory is no file of the disk's. */
static int is_meant(const char *path) {
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    int wal = strcmp(name, "spool.db-wal") == 0;
    if (!wal && strcmp(name, "spool.db") != 0) return 0;
    return control[WHICH] == 0 || (control[WHICH] == 1 && !wal) || (control[WHICH] == 2 && wal);
}

/* Whether it is this one's turn; there may be several processes. */
static int turn(void) {
    if (__sync_fetch_and_sub(&control[AFTER], 1) > 0) return 0;
    __sync_fetch_and_add(&control[STRUCK], 1);
    if (control[ONCE]) control[BROKEN] = NONE;
    return 1;
}

static int strikes(int fd, int64_t broken) {
    if (control[BROKEN] != broken) return 0;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return is_meant(path) && turn();
}

/* -1 and errno when the write is not to be; 0 to go on; 1 to write half. */
static int writing(int fd) {
    switch (control[BROKEN]) {
    case EIO_WRITE:
        if (strikes(fd, EIO_WRITE)) { errno = EIO; return -1; }
        return 0;
    case ENOSPC_WRITE:
        if (strikes(fd, ENOSPC_WRITE)) { errno = ENOSPC; return -1; }
        return 0;
    case SHORT_WRITE:
        return strikes(fd, SHORT_WRITE);
    case KILL_WRITE:
        if (strikes(fd, KILL_WRITE)) kill(getpid(), SIGKILL);
        return 0;
    default:
        return 0;
    }
}

ssize_t write(int fd, const void *from, size_t count) {
    int how = control[BROKEN] ? writing(fd) : 0;
    if (how < 0) return -1;
    return syscall(SYS_write, fd, from, how ? (count + 1) / 2 : count);
}

ssize_t pwrite64(int fd, const void *from, size_t count, off64_t at) {
    int how = control[BROKEN] ? writing(fd) : 0;
    if (how < 0) return -1;
    return syscall(SYS_pwrite64, fd, from, how ? (count + 1) / 2 : count, at);
}

ssize_t pwrite(int fd, const void *from, size_t count, off_t at) {
    return pwrite64(fd, from, count, at);
}

int fsync(int fd) {
    if (strikes(fd, EIO_SYNC)) { errno = EIO; return -1; }
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
    if (strikes(fd, EIO_SYNC)) { errno = EIO; return -1; }
    return (int)syscall(SYS_fdatasync, fd);
}

int ftruncate64(int fd, off64_t length) {
    if (strikes(fd, EIO_TRUNCATE)) { errno = EIO; return -1; }
    return (int)syscall(SYS_ftruncate, fd, length);
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int opening(const char *path, int flags) {
    int writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT);
    return control[BROKEN] == READ_ONLY && writes && is_meant(path) && turn();
}

#define OPEN(dir, path, flags)                                                    \
    mode_t mode = 0;                                                              \
    if (flags & (O_CREAT | O_TMPFILE)) {                                          \
        va_list rest;                                                             \
        va_start(rest, flags);                                                    \
        mode = va_arg(rest, mode_t);                                              \
        va_end(rest);                                                             \
    }                                                                             \
    if (opening(path, flags)) { errno = EROFS; return -1; }                       \
    return (int)syscall(SYS_openat, dir, path, flags, mode)

int open(const char *path, int flags, ...) { OPEN(AT_FDCWD, path, flags); }
int open64(const char *path, int flags, ...) { OPEN(AT_FDCWD, path, flags); }
int openat(int dir, const char *path, int flags, ...) { OPEN(dir, path, flags); }
int openat64(int dir, const char *path, int flags, ...) { OPEN(dir, path, flags); }

int clock_gettime(clockid_t which, struct timespec *at) {
    int done = (int)syscall(SYS_clock_gettime, which, at);
    int64_t off = control[CLOCK];
    if (done == 0 && which == CLOCK_REALTIME && off != 0) {
        int64_t ms = at->tv_nsec / 1000000 + off;
        int64_t seconds = ms / 1000, rest = ms % 1000;
        if (rest < 0) { rest += 1000; seconds -= 1; }
        at->tv_sec += seconds;
        at->tv_nsec = rest * 1000000 + at->tv_nsec % 1000000;
    }
    return done;
}
