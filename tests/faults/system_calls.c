/* The system calls that our code makes, and the event sources that belong to them (linked with --wrap). */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "tests/faults/inject.h"

WRAP(void *, sodium_malloc, (size_t size), (size), return NULL)
WRAP(ssize_t, write, (int file, const void *bytes, size_t length), (file, bytes, length), FAILS_WITH(ENOSPC))
WRAP(ssize_t, read, (int file, void *bytes, size_t length), (file, bytes, length), FAILS_WITH(EIO))
WRAP(ssize_t, pread, (int file, void *bytes, size_t length, off_t offset), (file, bytes, length, offset), FAILS_WITH(EIO))
WRAP(int, fsync, (int file), (file), FAILS_WITH(EIO))
WRAP(int, renameat, (int from, const char *old_name, int to, const char *name), (from, old_name, to, name), FAILS_WITH(EIO))
WRAP(int, unlinkat, (int folder, const char *name, int flags), (folder, name, flags), FAILS_WITH(EIO))
WRAP(ssize_t, sendmsg, (int file, const struct msghdr *message, int flags), (file, message, flags), FAILS_WITH(ECONNRESET))
WRAP(ssize_t, recvmsg, (int file, struct msghdr *message, int flags), (file, message, flags), FAILS_WITH(ECONNRESET))
WRAP(int, socket, (int family, int type, int protocol), (family, type, protocol), FAILS_WITH(EMFILE))
WRAP(int, bind, (int file, const struct sockaddr *address, socklen_t size), (file, address, size), FAILS_WITH(EADDRINUSE))
WRAP(int, listen, (int file, int backlog), (file, backlog), FAILS_WITH(EADDRINUSE))
WRAP(int, accept4, (int file, struct sockaddr *address, socklen_t *size, int flags), (file, address, size, flags),
     FAILS_WITH(EMFILE))
WRAP(int, connect, (int file, const struct sockaddr *address, socklen_t size), (file, address, size), FAILS_WITH(ECONNREFUSED))
WRAP(ssize_t, send, (int file, const void *bytes, size_t length, int flags), (file, bytes, length, flags),
     FAILS_WITH(ECONNREFUSED))
WRAP(int, sd_event_add_time_relative,
     (sd_event * event, sd_event_source **ret, clockid_t clock, uint64_t usec, uint64_t accuracy,
      sd_event_time_handler_t callback, void *context),
     (event, ret, clock, usec, accuracy, callback, context), return -ENOMEM)
WRAP(int, sd_event_add_inotify,
     (sd_event * event, sd_event_source **ret, const char *path, uint32_t mask, sd_event_inotify_handler_t callback,
      void *context),
     (event, ret, path, mask, callback, context), return -ENOSPC)
WRAP(int, sd_event_add_io,
     (sd_event * event, sd_event_source **ret, int file, uint32_t events, sd_event_io_handler_t callback, void *context),
     (event, ret, file, events, callback, context), return -ENOMEM)

int __real_openat(int folder, const char *name, int flags, ...);
int __wrap_openat(int folder, const char *name, int flags, ...);
int __wrap_openat(int folder, const char *name, int flags, ...) {
	va_list arguments;
	va_start(arguments, flags);
	unsigned mode = va_arg(arguments, unsigned);
	va_end(arguments);
	if (!inject_fails("openat"))
		return __real_openat(folder, name, flags, mode);
	FAILS_WITH(EMFILE);
}
