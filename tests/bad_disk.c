/* Preloaded into a daemon: operations on named files fail, as the lines of the file in TUNED_FAULTS say.
 *
 * `pwrite tuned.db-wal ENOSPC`: SQLite's own input and output, which tuned/faults.py does not see. Operations are pread
 * (behind the first page), pwrite (half of it is written), fdatasync (fsync, too) and ftruncate. The file is read again
 * when it has changed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

struct rule {
  char operation[16], name[64], error[16];
};

static struct rule rules[32];
static int count;
static struct stat seen;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void look(void) {
  const char *path = getenv("TUNED_FAULTS");
  struct stat now;
  char line[256];
  if (!path || stat(path, &now)) {
    count = 0;
    memset(&seen, 0, sizeof seen);
    return;
  }
  if (now.st_ino == seen.st_ino && now.st_size == seen.st_size && now.st_mtim.tv_sec == seen.st_mtim.tv_sec &&
      now.st_mtim.tv_nsec == seen.st_mtim.tv_nsec)
    return;
  seen = now;
  count = 0;
  FILE *file = fopen(path, "re");
  if (!file) return;
  while (count < 32 && fgets(line, sizeof line, file))
    if (sscanf(line, "%15s %63s %15s", rules[count].operation, rules[count].name, rules[count].error) == 3) count++;
  fclose(file);
}

/* The error that this operation is to end with; 0: none. */
static int fault(const char *operation, int fd) {
  char link[64], path[4096] = {0};
  int error = 0, before = errno;
  pthread_mutex_lock(&turn);
  look();
  for (int i = 0; i < count && !error; i++) {
    if (strcmp(rules[i].operation, operation)) continue;
    if (!*path) {
      snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
      if (readlink(link, path, sizeof path - 1) <= 0) break;
    }
    const char *name = strrchr(path, '/');
    if (name && !strcmp(name + 1, rules[i].name))
      error = !strcmp(rules[i].error, "ENOSPC") ? ENOSPC : !strcmp(rules[i].error, "EDQUOT") ? EDQUOT : EIO;
  }
  pthread_mutex_unlock(&turn);
  errno = before;
  return error;
}

#define REAL(name) \
  static __typeof__(name) *real; \
  if (!real) real = dlsym(RTLD_NEXT, #name)
#define MAY_FAIL(operation) \
  do { \
    int error = fault(operation, fd); \
    if (error) { \
      errno = error; \
      return -1; \
    } \
  } while (0)
#define READS(name) \
  ssize_t name(int fd, void *to, size_t n, off_t at) { \
    REAL(name); \
    if (at + (off_t)n > 4096) MAY_FAIL("pread"); \
    return real(fd, to, n, at); \
  }
#define WRITES(name) \
  ssize_t name(int fd, const void *from, size_t n, off_t at) { \
    REAL(name); \
    int error = fault("pwrite", fd); \
    if (error) { \
      if (n > 1 && real(fd, from, n / 2, at) < 0) return -1; \
      errno = error; \
      return -1; \
    } \
    return real(fd, from, n, at); \
  }
#define SYNCS(name) \
  int name(int fd) { \
    REAL(name); \
    MAY_FAIL("fdatasync"); \
    return real(fd); \
  }
#define CUTS(name) \
  int name(int fd, off_t size) { \
    REAL(name); \
    MAY_FAIL("ftruncate"); \
    return real(fd, size); \
  }

READS(pread)
READS(pread64)
WRITES(pwrite)
WRITES(pwrite64)
SYNCS(fsync)
SYNCS(fdatasync)
CUTS(ftruncate)
CUTS(ftruncate64)
