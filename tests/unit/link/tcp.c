/* link/dial_tcp against link/listen in a network namespace of the test's own: two interfaces with the same link-local address, of
 * which only one must answer, and an address where nobody is. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "link/connecting.h"
#include "link/dial_tcp.h"
#include "link/listen.h"

#define SECOND_US UINT64_C(1000000)

static bool have_namespace;

/* Everything is in one namespace: link-local addresses with their scope still choose the interface, and the kernel delivers to
 * its own addresses over loopback. */
static int group_setup(void **state) {
	(void)state;
	bool root = geteuid() == 0;
	if (unshare(root ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return 0;
	static const char commands[] =
	        "ip link set lo up && ip link add one type veth peer name one-peer && "
	        "ip link add two type veth peer name two-peer && ip link set one up && ip link set two up && "
	        "ip link set one-peer up && ip link set two-peer up && "
	        "ip addr add fe80::1/64 dev one nodad && ip addr add fe80::1/64 dev two nodad && "
	        "ip addr add fe80::2/64 dev one nodad";
	have_namespace = system(commands) == 0;
	return 0;
}

static void need_namespace(void) {
	if (!have_namespace) {
		print_message("no network namespace may be made here\n");
		skip();
	}
}

static struct tcp_endpoint endpoint(const char *interface, const char *address, uint16_t port) {
	struct tcp_endpoint e = { .interface = if_nametoindex(interface), .port = port };
	assert_int_equal(inet_pton(AF_INET6, address, e.address), 1);
	assert_true(e.interface > 0);
	return e;
}

struct fixture {
	sd_event *event;
	struct dial_tcp *dial;
	struct listener *listener;
	int dialled, accepted;
	unsigned dial_calls, accepted_calls, failed_calls;
	enum reason reason;
	bool free_inside;
};

static void on_dialled(void *context, int file, enum reason reason) {
	struct fixture *f = context;
	f->dial_calls++;
	f->dialled = file;
	f->reason = reason;
	if (f->free_inside) {
		dial_tcp_free(f->dial);
		f->dial = NULL;
	}
}

static void on_accepted(void *context, int file) {
	struct fixture *f = context;
	f->accepted_calls++;
	f->accepted = file;
	if (f->free_inside) {
		listener_free(f->listener);
		f->listener = NULL;
	}
}

static void on_failed(void *context, enum reason reason) {
	(void)reason;
	struct fixture *f = context;
	f->failed_calls++;
}

static const struct listener_callbacks listener_callbacks = { .accepted = on_accepted, .failed = on_failed };

static struct fixture *fixture_new(void) {
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	f->dialled = f->accepted = -1;
	assert_int_equal(sd_event_new(&f->event), 0);
	return f;
}

static void fixture_free(struct fixture *f) {
	dial_tcp_free(f->dial);
	listener_free(f->listener);
	if (f->dialled >= 0)
		close(f->dialled);
	if (f->accepted >= 0)
		close(f->accepted);
	sd_event_unref(f->event);
	free(f);
}

static void run_until(struct fixture *f, const unsigned *counter, unsigned value) {
	while (*counter < value)
		assert_true(sd_event_run(f->event, 20 * SECOND_US) > 0);
}

static void settle(struct fixture *f) {
	while (sd_event_run(f->event, 0) > 0)
		;
}

static int option(int file, int level, int name) {
	int value = -1;
	socklen_t size = sizeof(value);
	assert_int_equal(getsockopt(file, level, name, &value, &size), 0);
	return value;
}

static void test_dial_reaches_listener(void **state) {
	(void)state;
	need_namespace();
	struct fixture *f = fixture_new();
	struct tcp_endpoint at = endpoint("one", "fe80::1", 0);
	assert_int_equal(listener_new_tcp(&f->listener, f->event, &at, &listener_callbacks, f), 0);
	at.port = listener_port(f->listener);
	assert_true(at.port > 0);
	assert_int_equal(dial_tcp_new(&f->dial, f->event, &at, SECOND_US, on_dialled, f), 0);
	assert_int_equal(f->dial_calls, 0);
	run_until(f, &f->dial_calls, 1);
	run_until(f, &f->accepted_calls, 1);
	assert_int_equal(f->reason, REASON_OK);
	assert_int_equal(write(f->dialled, "video", 5), 5);
	char got[6] = "";
	assert_int_equal(read(f->accepted, got, 5), 5);
	assert_string_equal(got, "video");
	const int files[] = { f->dialled, f->accepted };
	for (size_t n = 0; n < ELEMENTS(files); n++) {
		assert_int_equal(option(files[n], 6 /* IPPROTO_TCP */, 1 /* TCP_NODELAY */), 1);
		assert_int_equal(option(files[n], SOL_SOCKET, SO_KEEPALIVE), 1);
		assert_int_equal(option(files[n], SOL_SOCKET, SO_BINDTOIFINDEX), (int)at.interface);
		assert_true(fcntl(files[n], F_GETFL) & O_NONBLOCK);
	}
	fixture_free(f);
}

static void test_listener_takes_one_peer(void **state) {
	(void)state;
	need_namespace();
	struct fixture *f = fixture_new();
	struct tcp_endpoint at = endpoint("one", "fe80::1", 0);
	assert_int_equal(listener_new_tcp(&f->listener, f->event, &at, &listener_callbacks, f), 0);
	at.port = listener_port(f->listener);
	assert_int_equal(dial_tcp_new(&f->dial, f->event, &at, SECOND_US, on_dialled, f), 0);
	run_until(f, &f->accepted_calls, 1);
	run_until(f, &f->dial_calls, 1);
	close(f->dialled);
	dial_tcp_free(f->dial);
	f->dial = NULL;
	assert_int_equal(dial_tcp_new(&f->dial, f->event, &at, SECOND_US, on_dialled, f), 0);
	run_until(f, &f->dial_calls, 2);
	assert_int_equal(f->dialled, -1);
	assert_int_equal(f->reason, REASON_DIAL_FAILED);
	assert_int_equal(f->accepted_calls, 1);
	assert_int_equal(f->failed_calls, 0);
	fixture_free(f);
}

static void test_other_interface_and_address_do_not_reach_it(void **state) {
	(void)state;
	need_namespace();
	struct fixture *f = fixture_new();
	struct tcp_endpoint at = endpoint("one", "fe80::1", 0);
	assert_int_equal(listener_new_tcp(&f->listener, f->event, &at, &listener_callbacks, f), 0);
	const struct tcp_endpoint others[] = { endpoint("two", "fe80::1", listener_port(f->listener)),
		                               endpoint("one", "fe80::2", listener_port(f->listener)) };
	for (unsigned n = 0; n < ELEMENTS(others); n++) {
		assert_int_equal(dial_tcp_new(&f->dial, f->event, &others[n], SECOND_US, on_dialled, f), 0);
		run_until(f, &f->dial_calls, n + 1);
		assert_int_equal(f->reason, REASON_DIAL_FAILED);
		dial_tcp_free(f->dial);
		f->dial = NULL;
	}
	assert_int_equal(f->accepted_calls, 0);
	fixture_free(f);
}

static void test_dial_time_limit(void **state) {
	(void)state;
	need_namespace();
	struct fixture *f = fixture_new();
	/* Nobody answers neighbour solicitations for ::9 on that interface. */
	struct tcp_endpoint to = endpoint("two", "fe80::9", 9);
	assert_int_equal(dial_tcp_new(&f->dial, f->event, &to, SECOND_US / 10, on_dialled, f), 0);
	run_until(f, &f->dial_calls, 1);
	assert_int_equal(f->dialled, -1);
	assert_int_equal(f->reason, REASON_TIMEOUT);
	fixture_free(f);
}

static void test_freed_inside_and_cancelled(void **state) {
	(void)state;
	need_namespace();
	struct fixture *f = fixture_new();
	f->free_inside = true;
	struct tcp_endpoint at = endpoint("one", "fe80::1", 0);
	assert_int_equal(listener_new_tcp(&f->listener, f->event, &at, &listener_callbacks, f), 0);
	at.port = listener_port(f->listener);
	assert_int_equal(dial_tcp_new(&f->dial, f->event, &at, SECOND_US, on_dialled, f), 0);
	run_until(f, &f->dial_calls, 1);
	run_until(f, &f->accepted_calls, 1);
	assert_null(f->dial);
	assert_null(f->listener);
	settle(f);
	fixture_free(f);

	f = fixture_new();
	at = endpoint("two", "fe80::9", 9);
	assert_int_equal(dial_tcp_new(&f->dial, f->event, &at, 1, on_dialled, f), 0);
	dial_tcp_free(f->dial);
	f->dial = NULL;
	assert_int_equal(sd_event_run(f->event, 20000), 0);
	assert_int_equal(f->dial_calls, 0);
	fixture_free(f);
}

static void test_only_link_local(void **state) {
	(void)state;
	static const char *const refused[] = { "::1", "::", "ff02::1", "2001:db8::1", "fd00::1", "::ffff:192.0.2.1" };
	struct fixture *f = fixture_new();
	for (size_t n = 0; n < ELEMENTS(refused); n++) {
		struct tcp_endpoint e = endpoint("lo", refused[n], 9);
		assert_int_equal(dial_tcp_new(&f->dial, f->event, &e, SECOND_US, on_dialled, f), -EINVAL);
		assert_int_equal(listener_new_tcp(&f->listener, f->event, &e, &listener_callbacks, f), -EINVAL);
	}
	struct tcp_endpoint e = endpoint("lo", "fe80::1", 0);
	assert_int_equal(dial_tcp_new(&f->dial, f->event, &e, SECOND_US, on_dialled, f), -EINVAL); /* no port */
	e = (struct tcp_endpoint){ .address = { 0xfe, 0x80 }, .interface = 0, .port = 9 };
	assert_int_equal(dial_tcp_new(&f->dial, f->event, &e, SECOND_US, on_dialled, f), -EINVAL);
	fixture_free(f);
}

struct unix_dial {
	int file, error;
	unsigned calls;
};

static void on_unix_dialled(void *context, int file, int error) {
	struct unix_dial *d = context;
	*d = (struct unix_dial){ .file = file, .error = error, .calls = d->calls + 1 };
}

static int unix_dial_once(struct fixture *f, const char *path, int *ret_error) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	int file = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(file >= 0);
	struct unix_dial d = { .file = -1 };
	struct connecting *c;
	assert_int_equal(
	        connecting_new(&c, f->event, file, (struct sockaddr *)&address, sizeof(address), SECOND_US, on_unix_dialled, &d),
	        0);
	assert_int_equal(d.calls, 0); /* from the loop, although Unix sockets connect at once */
	run_until(f, &d.calls, 1);
	connecting_free(c);
	*ret_error = d.error;
	return d.file;
}

static void test_unix_listener(void **state) {
	(void)state;
	char folder[] = "/tmp/lanyard-test-XXXXXX", path[64];
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/socket", folder);
	struct fixture *f = fixture_new();
	for (unsigned round = 0; round < 2; round++) {
		assert_int_equal(listener_new_unix(&f->listener, f->event, path, &listener_callbacks, f), 0);
		struct stat status;
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 0777, 0600);
		for (unsigned n = 0; n < 3; n++) {
			int error, file = unix_dial_once(f, path, &error);
			assert_true(file >= 0);
			assert_int_equal(error, 0);
			run_until(f, &f->accepted_calls, round * 3 + n + 1);
			close(file);
			close(f->accepted);
			f->accepted = -1;
		}
		if (round == 0) {
			/* Left behind by a killed process: replaced. */
			struct listener *stale = f->listener;
			assert_int_equal(listener_new_unix(&f->listener, f->event, path, &listener_callbacks, f), 0);
			listener_free(f->listener);
			f->listener = stale;
		}
		listener_free(f->listener);
		f->listener = NULL;
		assert_int_equal(access(path, F_OK), -1);
	}
	int error;
	assert_int_equal(unix_dial_once(f, path, &error), -1);
	assert_int_equal(error, -ENOENT);

	FILE *other = fopen(path, "w");
	assert_non_null(other);
	fclose(other);
	assert_int_equal(listener_new_unix(&f->listener, f->event, path, &listener_callbacks, f), -EADDRINUSE);
	assert_int_equal(unlink(path), 0); /* somebody's file is not replaced */
	assert_int_equal(rmdir(folder), 0);
	fixture_free(f);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dial_reaches_listener),
		cmocka_unit_test(test_listener_takes_one_peer),
		cmocka_unit_test(test_other_interface_and_address_do_not_reach_it),
		cmocka_unit_test(test_dial_time_limit),
		cmocka_unit_test(test_freed_inside_and_cancelled),
		cmocka_unit_test(test_only_link_local),
		cmocka_unit_test(test_unix_listener),
	};
	return cmocka_run_group_tests(tests, group_setup, NULL);
}
