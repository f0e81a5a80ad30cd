/* Keeps beside every file under POWER_CUT_LIVE a twin under POWER_CUT_KEPT that holds only what was flushed: writes
 * reach the twin when fsync or fdatasync on the file returns. Killing the process and going on with the twins is a
 * power cut that drops every write which was not flushed. Preload it; -shm files are memory and have no twin.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FDS 4096
#define FILES 16

struct span { off_t at; size_t length; };
struct file { char name[256]; int twin; struct span *spans; size_t count, room; };

static struct file files[FILES];
static struct file *by_fd[FDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(result, name, ...) \
    static result (*real)(__VA_ARGS__); \
    if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int real_open(const char *path, int flags, mode_t mode) {
    REAL(int, "open64", const char *, int, ...);
    return real(path, flags, mode);
}

static ssize_t real_pwrite(int fd, const void *bytes, size_t length, off_t at) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off_t);
    return real(fd, bytes, length, at);
}

static int real_ftruncate(int fd, off_t length) {
    REAL(int, "ftruncate64", int, off_t);
    return real(fd, length);
}

static void watch(int fd, const char *path) {
    const char *live = getenv("POWER_CUT_LIVE"), *kept = getenv("POWER_CUT_KEPT");
    if (fd < 0 || fd >= FDS || !live || !kept || strncmp(path, live, strlen(live)) || path[strlen(live)] != '/') return;
    const char *name = path + strlen(live) + 1;
    size_t length = strlen(name);
    if (strchr(name, '/') || length > 200 || (length > 4 && !strcmp(name + length - 4, "-shm"))) return;
    pthread_mutex_lock(&lock);
    struct file *file = NULL;
    for (int at = 0; at < FILES && !file; at++)
        if (!strcmp(files[at].name, name)) file = &files[at];
    for (int at = 0; at < FILES && !file; at++)
        if (!files[at].name[0]) file = &files[at];
    if (!file) abort();
    if (!file->name[0]) {
        char twin[4096];
        snprintf(twin, sizeof twin, "%s/%s", kept, name);
        strcpy(file->name, name);
        file->twin = real_open(twin, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (file->twin < 0) abort();
    }
    by_fd[fd] = file;
    pthread_mutex_unlock(&lock);
}

/* A removal is journaled by the file system before any later flush: the twin goes at once. */
static void removed(const char *path) {
    const char *live = getenv("POWER_CUT_LIVE"), *kept = getenv("POWER_CUT_KEPT");
    if (!live || !kept || strncmp(path, live, strlen(live)) || path[strlen(live)] != '/') return;
    const char *name = path + strlen(live) + 1;
    pthread_mutex_lock(&lock);
    for (int at = 0; at < FILES; at++) {
        if (!files[at].name[0] || strcmp(files[at].name, name)) continue;
        char twin[4096];
        snprintf(twin, sizeof twin, "%s/%s", kept, name);
        REAL(int, "unlink", const char *);
        real(twin);
        for (int fd = 0; fd < FDS; fd++)
            if (by_fd[fd] == &files[at]) by_fd[fd] = NULL;
        free(files[at].spans);
        memset(&files[at], 0, sizeof files[at]);
    }
    pthread_mutex_unlock(&lock);
}

static void note(int fd, off_t at, ssize_t length) {
    if (fd < 0 || fd >= FDS || !by_fd[fd] || length <= 0) return;
    pthread_mutex_lock(&lock);
    struct file *file = by_fd[fd];
    if (file->count == file->room) {
        file->room = file->room ? file->room * 2 : 256;
        file->spans = realloc(file->spans, file->room * sizeof *file->spans);
        if (!file->spans) abort();
    }
    file->spans[file->count++] = (struct span){at, (size_t)length};
    pthread_mutex_unlock(&lock);
}

static void flushed(int fd) {
    if (fd < 0 || fd >= FDS || !by_fd[fd]) return;
    static char bytes[1 << 20];
    pthread_mutex_lock(&lock);
    struct file *file = by_fd[fd];
    for (size_t i = 0; i < file->count; i++) {
        off_t at = file->spans[i].at, end = at + (off_t)file->spans[i].length;
        while (at < end) {
            size_t wanted = (size_t)(end - at) < sizeof bytes ? (size_t)(end - at) : sizeof bytes;
            ssize_t got = pread(fd, bytes, wanted, at);
            if (got <= 0) break;
            if (real_pwrite(file->twin, bytes, (size_t)got, at) != got) abort();
            at += got;
        }
    }
    file->count = 0;
    struct stat state;
    if (!fstat(fd, &state) && real_ftruncate(file->twin, state.st_size)) abort();
    pthread_mutex_unlock(&lock);
}

static int opened(const char *path, int flags, va_list rest) {
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    int fd = real_open(path, flags, mode);
    watch(fd, path);
    return fd;
}

int open(const char *path, int flags, ...) {
    va_list rest; va_start(rest, flags);
    int fd = opened(path, flags, rest);
    va_end(rest);
    return fd;
}

int open64(const char *path, int flags, ...) {
    va_list rest; va_start(rest, flags);
    int fd = opened(path, flags, rest);
    va_end(rest);
    return fd;
}

int close(int fd) {
    REAL(int, "close", int);
    if (fd >= 0 && fd < FDS) by_fd[fd] = NULL;
    return real(fd);
}

int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    int failed = real(path);
    if (!failed) removed(path);
    return failed;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    REAL(ssize_t, "write", int, const void *, size_t);
    off_t at = fd >= 0 && fd < FDS && by_fd[fd] ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t written = real(fd, bytes, length);
    note(fd, at, written);
    return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    ssize_t written = real_pwrite(fd, bytes, length, at);
    note(fd, at, written);
    return written;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t at) {
    return pwrite(fd, bytes, length, at);
}

int fsync(int fd) {
    REAL(int, "fsync", int);
    int failed = real(fd);
    if (!failed) flushed(fd);
    return failed;
}

int fdatasync(int fd) {
    REAL(int, "fdatasync", int);
    int failed = real(fd);
    if (!failed) flushed(fd);
    return failed;
}
