/* link/stream over socket pairs. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "link/stream.h"

struct fixture {
	sd_event *event;
	struct stream *stream;
	int peer, stream_file;

	uint8_t received[1 << 20];
	size_t received_length, received_calls;
	size_t writable_calls, queued_when_writable;
	size_t closed_calls;
	enum reason reason;

	bool free_when_received, free_when_closed, free_when_writable, overflow_when_received;
};

static void on_received(void *context, const uint8_t *bytes, size_t length) {
	struct fixture *f = context;
	assert_int_equal(f->closed_calls, 0);
	assert_true(f->received_length + length <= sizeof(f->received));
	memcpy(f->received + f->received_length, bytes, length);
	f->received_length += length;
	f->received_calls++;
	if (f->free_when_received) {
		stream_free(f->stream);
		f->stream = NULL;
	} else if (f->overflow_when_received) {
		static const uint8_t much[4096];
		while (stream_send(f->stream, much, sizeof(much)) == 0)
			;
	}
}

static void on_writable(void *context) {
	struct fixture *f = context;
	f->writable_calls++;
	f->queued_when_writable = stream_queued(f->stream);
	if (f->free_when_writable) {
		stream_free(f->stream);
		f->stream = NULL;
	}
}

static void on_closed(void *context, enum reason reason) {
	struct fixture *f = context;
	f->closed_calls++;
	f->reason = reason;
	if (f->free_when_closed) {
		stream_free(f->stream);
		f->stream = NULL;
	}
}

static const struct stream_callbacks callbacks = { .received = on_received, .writable = on_writable, .closed = on_closed };

static struct fixture *fixture_new(int type, size_t packet_limit, size_t queue_limit) {
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	assert_int_equal(sd_event_new(&f->event), 0);
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), 0);
	f->peer = pair[1];
	f->stream_file = pair[0];
	assert_int_equal(fcntl(f->peer, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(stream_new(&f->stream, f->event, pair[0], packet_limit, queue_limit, &callbacks, f), 0);
	return f;
}

static void fixture_free(struct fixture *f) {
	stream_free(f->stream);
	if (f->peer >= 0)
		close(f->peer);
	sd_event_unref(f->event);
	free(f);
}

/* Runs the loop until nothing is pending. */
static size_t settle(struct fixture *f) {
	size_t turns = 0;
	while (sd_event_run(f->event, 0) > 0)
		assert_true(++turns < 100000); /* a source that fires without end is a busy loop */
	return turns;
}

static void fill(uint8_t *bytes, size_t length) {
	for (size_t n = 0; n < length; n++)
		bytes[n] = (uint8_t)(n * 31 + (n >> 8));
}

static size_t peer_read(struct fixture *f, uint8_t *bytes, size_t capacity, size_t *ret_largest, size_t most_packets) {
	size_t length = 0, largest = 0;
	while (most_packets-- > 0) {
		uint8_t packet[65536];
		ssize_t n = recv(f->peer, packet, sizeof(packet), 0);
		if (n <= 0)
			break;
		assert_true(length + (size_t)n <= capacity);
		memcpy(bytes + length, packet, (size_t)n);
		length += (size_t)n;
		if ((size_t)n > largest)
			largest = (size_t)n;
	}
	if (ret_largest)
		*ret_largest = largest;
	return length;
}

static void test_receives(void **state) {
	(void)state;
	static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET };
	for (size_t n = 0; n < ELEMENTS(types); n++) {
		struct fixture *f = fixture_new(types[n], types[n] == SOCK_STREAM ? 0 : 512, 4096);
		assert_int_equal(send(f->peer, "first", 5, 0), 5);
		assert_int_equal(send(f->peer, "second", 6, 0), 6);
		settle(f);
		assert_int_equal(f->received_length, 11);
		assert_memory_equal(f->received, "firstsecond", 11);
		assert_int_equal(f->closed_calls, 0);
		fixture_free(f);
	}
}

static void test_whole_sdu_received(void **state) {
	(void)state;
	struct fixture *f = fixture_new(SOCK_SEQPACKET, 512, 4096);
	uint8_t sdu[16384];
	fill(sdu, sizeof(sdu));
	assert_int_equal(send(f->peer, sdu, sizeof(sdu), 0), sizeof(sdu));
	settle(f);
	assert_int_equal(f->received_length, sizeof(sdu));
	assert_memory_equal(f->received, sdu, sizeof(sdu));
	fixture_free(f);
}

static void test_packet_too_long_to_read_whole_ends_it(void **state) {
	(void)state;
	struct fixture *f = fixture_new(SOCK_SEQPACKET, 512, 4096);
	uint8_t sdu[16385] = { 0 };
	assert_int_equal(send(f->peer, sdu, sizeof(sdu), 0), sizeof(sdu));
	settle(f);
	assert_int_equal(f->received_length, 0);
	assert_int_equal(f->closed_calls, 1);
	assert_int_equal(f->reason, REASON_LINK_FAILED);
	fixture_free(f);
}

static void test_packets_respect_limit_and_queue_is_ordered(void **state) {
	(void)state;
	static uint8_t sent[600000], got[600000];
	fill(sent, sizeof(sent));
	struct fixture *f = fixture_new(SOCK_SEQPACKET, 700, sizeof(sent));
	/* Odd pieces: more than the kernel takes, so that most of it goes through the queue and around the ring. */
	size_t at = 0, got_length = 0, largest = 0, most = 0;
	for (size_t piece = 1; at < sizeof(sent); piece = piece * 2 + 1) {
		if (piece > 3000)
			piece = 13;
		size_t length = piece < sizeof(sent) - at ? piece : sizeof(sent) - at;
		assert_int_equal(stream_send(f->stream, sent + at, length), 0);
		at += length;
	}
	assert_true(stream_queued(f->stream) > sizeof(sent) / 4);
	while (got_length < sizeof(sent)) {
		size_t n = peer_read(f, got + got_length, sizeof(got) - got_length, &largest, 3);
		assert_true(n > 0);
		got_length += n;
		if (largest > most)
			most = largest;
		settle(f);
	}
	assert_int_equal(most, 700);
	assert_memory_equal(got, sent, sizeof(sent));
	assert_int_equal(stream_queued(f->stream), 0);
	assert_int_equal(f->writable_calls, 1);
	assert_true(f->queued_when_writable <= sizeof(sent) / 4);
	assert_int_equal(f->closed_calls, 0);
	fixture_free(f);
}

static void test_ring_wraps(void **state) {
	(void)state;
	struct fixture *f = fixture_new(SOCK_STREAM, 0, 1000);
	/* Fill the kernel's buffer first, so that every further byte must pass through the small ring. */
	static uint8_t filler[1 << 20];
	static uint8_t got[4 << 20];
	size_t in_kernel = 0;
	while (stream_queued(f->stream) == 0) {
		assert_int_equal(stream_send(f->stream, filler, 500), 0);
		in_kernel += 500;
	}
	uint8_t expected = 0;
	size_t sent = in_kernel, received = 0, checked = 0;
	for (unsigned round = 0; round < 2000; round++) {
		uint8_t piece[337];
		if (stream_room(f->stream) >= sizeof(piece)) {
			for (size_t n = 0; n < sizeof(piece); n++)
				piece[n] = expected++;
			assert_int_equal(stream_send(f->stream, piece, sizeof(piece)), 0);
			sent += sizeof(piece);
		} else {
			ssize_t n = recv(f->peer, got + received, 4096, 0);
			assert_true(n > 0);
			received += (size_t)n;
			settle(f);
		}
	}
	while (received < sent) {
		ssize_t n = recv(f->peer, got + received, 4096, 0);
		assert_true(n > 0);
		received += (size_t)n;
		settle(f);
	}
	assert_int_equal(received, sent);
	for (size_t n = in_kernel; n < received; n++, checked++)
		assert_int_equal(got[n], (uint8_t)checked);
	assert_true(checked > 100 * sizeof(uint8_t[337]));
	fixture_free(f);
}

static void test_overflow_ends_it_from_the_loop(void **state) {
	(void)state;
	struct fixture *f = fixture_new(SOCK_STREAM, 0, 1000);
	uint8_t piece[900] = { 0 };
	while (stream_queued(f->stream) == 0)
		assert_int_equal(stream_send(f->stream, piece, sizeof(piece)), 0);
	while (stream_room(f->stream) > 0)
		assert_int_equal(stream_send(f->stream, piece, 1), 0);
	assert_int_equal(stream_send(f->stream, piece, 1), -ENOBUFS);
	assert_int_equal(f->closed_calls, 0); /* never inside stream_send */
	assert_int_equal(stream_send(f->stream, piece, 1), -ENOTCONN);
	assert_int_equal(stream_room(f->stream), 0);
	assert_int_equal(send(f->peer, "late", 4, 0), 4);
	settle(f);
	assert_int_equal(f->received_length, 0);
	assert_int_equal(f->closed_calls, 1);
	assert_int_equal(f->reason, REASON_QUEUE_FULL);
	fixture_free(f);
}

static void test_overflow_inside_received_stops_delivery(void **state) {
	(void)state;
	struct fixture *f = fixture_new(SOCK_SEQPACKET, 4096, 8192);
	f->overflow_when_received = true;
	assert_int_equal(send(f->peer, "one", 3, 0), 3);
	assert_int_equal(send(f->peer, "two", 3, 0), 3);
	settle(f);
	assert_int_equal(f->received_length, 3);
	assert_int_equal(f->closed_calls, 1);
	assert_int_equal(f->reason, REASON_QUEUE_FULL);
	fixture_free(f);
}

static void test_peer_closes_after_last_bytes(void **state) {
	(void)state;
	static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET };
	for (size_t n = 0; n < ELEMENTS(types); n++) {
		struct fixture *f = fixture_new(types[n], 0, 4096);
		/* More packets than one turn of the loop reads. */
		for (unsigned packet = 0; packet < 40; packet++)
			assert_int_equal(send(f->peer, "x", 1, 0), 1);
		close(f->peer);
		f->peer = -1;
		settle(f);
		assert_int_equal(f->received_length, 40);
		assert_int_equal(f->closed_calls, 1);
		assert_int_equal(f->reason, REASON_LINK_CLOSED);
		fixture_free(f);
	}
}

static void test_send_after_peer_closed_still_delivers_what_came(void **state) {
	(void)state;
	struct fixture *f = fixture_new(SOCK_SEQPACKET, 512, 4096);
	assert_int_equal(send(f->peer, "last words", 10, 0), 10);
	close(f->peer);
	f->peer = -1;
	assert_int_equal(stream_send(f->stream, (const uint8_t *)"hello", 5), 0); /* EPIPE inside, and no SIGPIPE */
	assert_int_equal(f->closed_calls, 0);
	settle(f);
	assert_int_equal(f->received_length, 10);
	assert_int_equal(f->closed_calls, 1);
	assert_int_equal(f->reason, REASON_LINK_CLOSED);
	fixture_free(f);
}

static void test_reset_with_unread_bytes(void **state) {
	(void)state;
	/* A Unix peer that closes with bytes unread leaves ECONNRESET on our end, as L2CAP does on every orderly end. */
	struct fixture *f = fixture_new(SOCK_STREAM, 0, 4096);
	assert_int_equal(stream_send(f->stream, (const uint8_t *)"unread", 6), 0);
	assert_int_equal(send(f->peer, "answer", 6, 0), 6);
	close(f->peer);
	f->peer = -1;
	settle(f);
	assert_int_equal(f->received_length, 6);
	assert_int_equal(f->closed_calls, 1);
	assert_int_equal(f->reason, REASON_LINK_CLOSED);
	fixture_free(f);
}

static void test_freed_inside_callbacks(void **state) {
	(void)state;
	struct fixture *f = fixture_new(SOCK_STREAM, 0, 4096);
	f->free_when_received = true;
	assert_int_equal(send(f->peer, "a", 1, 0), 1);
	settle(f);
	assert_null(f->stream);
	assert_int_equal(f->received_calls, 1);
	uint8_t byte;
	assert_int_equal(recv(f->peer, &byte, 1, 0), 0); /* and its descriptor is closed */
	fixture_free(f);

	f = fixture_new(SOCK_STREAM, 0, 4096);
	f->free_when_closed = true;
	close(f->peer);
	f->peer = -1;
	settle(f);
	assert_null(f->stream);
	assert_int_equal(f->closed_calls, 1);
	fixture_free(f);

	f = fixture_new(SOCK_STREAM, 0, 4096);
	f->free_when_writable = true;
	static const uint8_t bytes[2048];
	while (stream_queued(f->stream) < 1100)
		assert_int_equal(stream_send(f->stream, bytes, sizeof(bytes) < stream_room(f->stream) ? sizeof(bytes) : 1), 0);
	static uint8_t got[4 << 20];
	while (f->stream) {
		assert_true(peer_read(f, got, sizeof(got), NULL, SIZE_MAX) > 0);
		settle(f);
	}
	assert_int_equal(f->writable_calls, 1);
	fixture_free(f);

	stream_free(NULL);
}

static void test_freed_with_end_pending_calls_nothing(void **state) {
	(void)state;
	struct fixture *f = fixture_new(SOCK_STREAM, 0, 10);
	uint8_t bytes[11] = { 0 };
	assert_int_equal(stream_send(f->stream, bytes, sizeof(bytes)), -ENOBUFS);
	stream_free(f->stream);
	f->stream = NULL;
	settle(f);
	assert_int_equal(f->closed_calls, 0);
	fixture_free(f);
}

static void test_idle_stream_does_not_wake(void **state) {
	(void)state;
	struct fixture *f = fixture_new(SOCK_STREAM, 0, 4096);
	assert_int_equal(stream_send(f->stream, (const uint8_t *)"x", 1), 0);
	assert_int_equal(settle(f), 0); /* writable without a queue is no event */
	fixture_free(f);
}

static void test_refused_descriptor_is_closed(void **state) {
	(void)state;
	sd_event *event;
	assert_int_equal(sd_event_new(&event), 0);
	/* epoll refuses a regular file. */
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_true(file >= 0);
	struct stream *stream = NULL;
	assert_int_equal(stream_new(&stream, event, file, 0, 10, &callbacks, NULL), -EPERM);
	assert_null(stream);
	assert_int_equal(fcntl(file, F_GETFD), -1);
	sd_event_unref(event);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_receives),
		cmocka_unit_test(test_whole_sdu_received),
		cmocka_unit_test(test_packet_too_long_to_read_whole_ends_it),
		cmocka_unit_test(test_packets_respect_limit_and_queue_is_ordered),
		cmocka_unit_test(test_ring_wraps),
		cmocka_unit_test(test_overflow_ends_it_from_the_loop),
		cmocka_unit_test(test_overflow_inside_received_stops_delivery),
		cmocka_unit_test(test_peer_closes_after_last_bytes),
		cmocka_unit_test(test_send_after_peer_closed_still_delivers_what_came),
		cmocka_unit_test(test_reset_with_unread_bytes),
		cmocka_unit_test(test_freed_inside_callbacks),
		cmocka_unit_test(test_freed_with_end_pending_calls_nothing),
		cmocka_unit_test(test_idle_stream_does_not_wake),
		cmocka_unit_test(test_refused_descriptor_is_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
