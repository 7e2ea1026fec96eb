#include "bluetooth/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#define STACK_SIZE ((size_t)64 * 1024) /* it is locked in memory like everything else of the daemon */

/* One for the process, as the namespace itself is. */
static struct {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool running, asked;
	int type, protocol, result;
} maker = { .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static int make(int type, int protocol) {
	int file = socket(AF_BLUETOOTH, type, protocol);
	return file < 0 ? -errno : file;
}

static void *serve(void *unused) {
	pthread_mutex_lock(&maker.mutex);
	for (;;) {
		while (!maker.asked)
			pthread_cond_wait(&maker.changed, &maker.mutex);
		maker.result = make(maker.type, maker.protocol);
		maker.asked = false;
		pthread_cond_broadcast(&maker.changed);
	}
	return unused;
}

static int start_thread(void) {
	pthread_t thread;
	pthread_attr_t small;
	sigset_t all, before;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
	int result = -pthread_create(&thread, &small, serve, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&small);
	if (result == 0)
		pthread_detach(thread);
	return result;
}

int bluetooth_socket_enter_namespace(const char *path) {
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -errno;
	int result = start_thread();
	if (result == 0 && setns(file, CLONE_NEWNET) < 0)
		result = -errno;
	close(file);
	maker.running = result == 0;
	return result;
}

int bluetooth_socket(int type, int protocol) {
	if (!maker.running)
		return make(type, protocol);
	pthread_mutex_lock(&maker.mutex);
	maker.type = type;
	maker.protocol = protocol;
	maker.asked = true;
	pthread_cond_broadcast(&maker.changed);
	while (maker.asked)
		pthread_cond_wait(&maker.changed, &maker.mutex);
	int result = maker.result;
	pthread_mutex_unlock(&maker.mutex);
	return result;
}
