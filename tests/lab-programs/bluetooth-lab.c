/* bluetooth-lab: the Bluetooth room alone, as a camera or a companion, for lab scenarios. Prints one line for each thing that
 * happens, flushed, with milliseconds since its start; SIGTERM ends it cleanly.
 *
 *   bluetooth-lab camera ADAPTER DATA [--drop] [--sealed | --alternate]
 *       advertises the hexadecimal DATA, accepts channels and sends back whatever arrives.
 *   bluetooth-lab companion ADAPTER DATA [--cycles N] [--bytes N] [--hold MS] [--drop] [--sealed | --alternate]
 *       finds the advert with DATA, opens a channel, sends N bytes (default 64) and takes them back, holds the channel, closes
 * it; N times (default 1; 0 without end), dialling again what it heard last, scanning anew after each failure. Status 0 when
 *       every cycle came to its end.
 *
 * --sealed: the bytes go through a channel of ours, keys and records, instead of as they are (both ends alike).
 * --alternate: those of every second channel do (both ends alike).
 * --drop: ends the radio connection as soon as a channel is closed (without it, after some seconds without one). */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/loop.h"
#include "bluetooth/adapter.h"
#include "bluetooth/address.h"
#include "bluetooth/advert.h"
#include "bluetooth/channel_link.h"
#include "bluetooth/peers.h"
#include "bluetooth/scan.h"
#include "crypto/crypto.h"
#include "link/stream.h"
#include "wire/wire.h"

#define QUEUE_LIMIT 65536
#define LINKS 16
#define DIAL_US 5000000
#define ANSWER_US 15000000
#define RETRY_US 200000

struct lab;

/* Bytes as they are, or sealed: one of the two is there while it is open. */
struct pipe {
	struct stream *stream;
	struct wire *wire;
};

/* One channel of the camera. */
struct echo {
	struct lab *lab;
	struct pipe pipe;
	struct link_peer peer;
	uint64_t bytes;
};

enum companion_state { COMPANION_SCANNING, COMPANION_DIALLING, COMPANION_SENDING, COMPANION_HOLDING, COMPANION_WAITING };

struct lab {
	sd_event *event;
	sd_bus *bus;
	struct adapter *adapter;
	struct peers *peers;
	struct advert_content content;
	bool drop, sealed, alternate;
	unsigned long channels;
	uint64_t start_us;

	/* camera */
	struct advert *advert;
	struct link_listener *listener;
	struct echo links[LINKS];
	sd_event_source *advert_poll;
	bool advert_told;

	/* companion */
	enum companion_state state;
	unsigned long cycles, cycles_done, bytes, hold_ms, failures;
	struct scan *scan;
	struct link_dial *dial;
	struct pipe pipe;
	struct link_peer peer;
	bool peer_known;
	size_t sent, received;
	uint64_t since_us; /* start of scanning, dialling or sending */
	sd_event_source *timer;
};

static uint64_t clock_us(void) {
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void say(const struct lab *lab, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(const struct lab *lab, const char *format, ...) {
	printf("%7.1f ", (double)(clock_us() - lab->start_us) / 1000);
	va_list arguments;
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
}

static double ms_since(uint64_t start_us) {
	return (double)(clock_us() - start_us) / 1000;
}

static const char *peer_text(const struct link_peer *peer, char text[BLUETOOTH_ADDRESS_TEXT]) {
	bluetooth_address_format(peer->address, text);
	return text;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *context) {
	(void)info;
	say(context, "signal");
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

/* ------------------------------------------------------------------------------------------------------------------- pipes */

static bool pipe_is_open(const struct pipe *pipe) {
	return pipe->stream || pipe->wire;
}

static void fill_constant(void *context, uint8_t *bytes, size_t length) {
	memset(bytes, *(const uint8_t *)context, length);
}

/* Keys that both programs know; nothing here is a secret. */
static void make_keys(bool camera, struct static_keys *own, struct pairing_record *peer) {
	static const uint8_t values[] = { 1, 2 };
	struct static_keys keys[2];
	for (size_t n = 0; n < 2; n++)
		static_keys_make(&keys[n], &(struct random_source){ .fill = fill_constant, .context = (void *)&values[n] });
	*own = keys[camera];
	*peer = (struct pairing_record){ .secret = { 3 } };
	memcpy(peer->peer_key, keys[!camera].public, KEY_SIZE);
}

static int pipe_open(struct pipe *pipe, struct lab *lab, bool camera, int file, size_t send_mtu,
                     const struct stream_callbacks *plain, const struct wire_callbacks *sealed, void *context) {
	static struct static_keys own;
	static struct pairing_record peer;
	bool seal = lab->sealed || (lab->alternate && lab->channels % 2 == 1);
	lab->channels++;
	if (!seal)
		return stream_new(&pipe->stream, lab->event, file, send_mtu, QUEUE_LIMIT, plain, context);
	make_keys(camera, &own, &peer);
	const struct wire_config config = {
		.camera = camera,
		.kind = CHANNEL_SESSION,
		.keys = &own,
		.pairing = &peer,
		.name = "lab",
		.packet_limit = send_mtu,
		.queue_limit = QUEUE_LIMIT,
	};
	return wire_new(&pipe->wire, lab->event, file, &config, sealed, context);
}

static int pipe_send(struct pipe *pipe, const uint8_t *bytes, size_t length) {
	return pipe->wire ? wire_send(pipe->wire, bytes, length) : stream_send(pipe->stream, bytes, length);
}

/* How much can be sent now; 0 before the keys are there. */
static size_t pipe_room(const struct pipe *pipe) {
	if (!pipe->wire)
		return stream_room(pipe->stream);
	size_t room = wire_is_live(pipe->wire) ? wire_room(pipe->wire) : 0;
	return room > RECORD_HEADER_SIZE + RECORD_TAG_SIZE ? room - RECORD_HEADER_SIZE - RECORD_TAG_SIZE : 0;
}

static void pipe_close(struct pipe *pipe) {
	stream_free(pipe->stream);
	wire_free(pipe->wire);
	*pipe = (struct pipe){ 0 };
}

/* ------------------------------------------------------------------------------------------------------------------ camera */

static void on_echo_received(void *context, const uint8_t *bytes, size_t length) {
	struct echo *echo = context;
	echo->bytes += length;
	(void)pipe_send(&echo->pipe, bytes, length); /* an overflow ends the stream by itself */
}

static void on_echo_closed(void *context, enum reason reason) {
	struct echo *echo = context;
	char text[BLUETOOTH_ADDRESS_TEXT];
	say(echo->lab, "closed peer=%s reason=%s bytes=%" PRIu64, peer_text(&echo->peer, text), reason_code(reason), echo->bytes);
	pipe_close(&echo->pipe);
	peers_closed(echo->lab->peers, &echo->peer, echo->lab->drop);
}

static void on_accepted(void *context, int file, size_t send_mtu, const struct link_peer *peer) {
	static const struct stream_callbacks plain = { .received = on_echo_received, .closed = on_echo_closed };
	static const struct wire_callbacks sealed = { .message = on_echo_received, .closed = on_echo_closed };
	struct lab *lab = context;
	struct echo *echo = NULL;
	for (size_t n = 0; n < LINKS && !echo; n++)
		if (!pipe_is_open(&lab->links[n].pipe))
			echo = &lab->links[n];
	char text[BLUETOOTH_ADDRESS_TEXT];
	if (!echo) {
		say(lab, "full peer=%s", peer_text(peer, text));
		close(file);
		return;
	}
	*echo = (struct echo){ .lab = lab, .peer = *peer };
	if (!peers_opened(lab->peers, peer)) {
		say(lab, "ending peer=%s", peer_text(peer, text));
		close(file);
		return;
	}
	int r = pipe_open(&echo->pipe, lab, true, file, send_mtu, &plain, &sealed, echo);
	say(lab, "accepted peer=%s send_mtu=%zu%s", peer_text(peer, text), send_mtu, r < 0 ? " failed" : "");
}

static void on_listener_failed(void *context, enum reason reason) {
	struct lab *lab = context;
	say(lab, "listener failed reason=%s", reason_code(reason));
	link_listener_free(lab->listener);
	lab->listener = NULL;
}

static int on_advert_poll(sd_event_source *source, uint64_t now_us, void *context) {
	struct lab *lab = context;
	bool active = advert_is_active(lab->advert);
	if (active != lab->advert_told)
		say(lab, active ? "advertising" : "not advertising");
	lab->advert_told = active;
	sd_event_source_set_time(source, now_us + 20000);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void camera_ready(struct lab *lab) {
	static const struct link_listener_callbacks callbacks = { .accepted = on_accepted, .failed = on_listener_failed };
	link_listener_free(lab->listener);
	lab->listener = NULL;
	int r = link_listener_new(&lab->listener, lab->event, adapter_address(lab->adapter), &callbacks, lab);
	if (r < 0)
		say(lab, "cannot listen: %s", strerror(-r));
	if (!lab->advert) {
		if (advert_new(&lab->advert, lab->adapter, &lab->content) < 0)
			abort();
		sd_event_add_time_relative(lab->event, &lab->advert_poll, CLOCK_BOOTTIME, 0, 1, on_advert_poll, lab);
	} else {
		advert_refresh(lab->advert);
	}
}

/* --------------------------------------------------------------------------------------------------------------- companion */

static void enter_state(struct lab *lab, enum companion_state state);

static void on_heard(void *context, const struct sighting *sighting) {
	struct lab *lab = context;
	if (lab->state != COMPANION_SCANNING || sighting->service_data_length != lab->content.service_data_length ||
	    memcmp(sighting->service_data, lab->content.service_data, lab->content.service_data_length) != 0)
		return;
	memcpy(lab->peer.address, sighting->address, sizeof(lab->peer.address));
	lab->peer.address_type = sighting->address_type;
	lab->peer_known = true;
	char text[BLUETOOTH_ADDRESS_TEXT];
	say(lab, "heard peer=%s rssi=%d ms=%.1f", peer_text(&lab->peer, text), sighting->rssi, ms_since(lab->since_us));
	enter_state(lab, COMPANION_DIALLING);
}

static void on_scan_failed(void *context, enum reason reason) {
	say(context, "scan failed reason=%s", reason_code(reason));
}

static void close_stream(struct lab *lab) {
	if (!pipe_is_open(&lab->pipe))
		return;
	pipe_close(&lab->pipe);
	peers_closed(lab->peers, &lab->peer, lab->drop);
}

static void fail(struct lab *lab, const char *what, enum reason reason) {
	say(lab, "%s reason=%s ms=%.1f", what, reason_code(reason), ms_since(lab->since_us));
	lab->failures++;
	lab->peer_known = false;
	enter_state(lab, COMPANION_WAITING);
}

static void send_more(struct lab *lab) {
	uint8_t bytes[4096];
	while (lab->sent < lab->bytes) {
		size_t length = lab->bytes - lab->sent;
		if (length > sizeof(bytes))
			length = sizeof(bytes);
		if (length > pipe_room(&lab->pipe))
			return;
		for (size_t n = 0; n < length; n++)
			bytes[n] = (uint8_t)((lab->sent + n) * 7 + (lab->sent + n) / 256);
		if (pipe_send(&lab->pipe, bytes, length) < 0)
			return;
		lab->sent += length;
	}
}

static void on_received(void *context, const uint8_t *bytes, size_t length) {
	struct lab *lab = context;
	for (size_t n = 0; n < length; n++, lab->received++)
		if (lab->received >= lab->bytes || bytes[n] != (uint8_t)(lab->received * 7 + lab->received / 256)) {
			say(lab, "wrong byte at %zu", lab->received);
			sd_event_exit(lab->event, 1);
			return;
		}
	if (lab->received == lab->bytes && lab->state == COMPANION_SENDING) {
		double ms = ms_since(lab->since_us);
		say(lab, "echo bytes=%lu ms=%.1f kB/s=%.0f%s", lab->bytes, ms, (double)lab->bytes / ms,
		    lab->pipe.wire ? " sealed" : "");
		enter_state(lab, COMPANION_HOLDING);
	}
}

static void on_writable(void *context) {
	send_more(context);
}

static void on_closed(void *context, enum reason reason) {
	fail(context, "closed", reason);
}

/* The time of the bytes alone: the keys have a figure of their own. */
static void on_live(void *context) {
	struct lab *lab = context;
	lab->since_us = clock_us();
	send_more(lab);
}

static void on_dialled(void *context, int file, size_t send_mtu, enum reason reason) {
	static const struct stream_callbacks plain = { .received = on_received, .writable = on_writable, .closed = on_closed };
	static const struct wire_callbacks sealed = {
		.live = on_live, .message = on_received, .writable = on_writable, .closed = on_closed
	};
	struct lab *lab = context;
	if (reason != REASON_OK) {
		fail(lab, "dial failed", reason);
		return;
	}
	if (!peers_opened(lab->peers, &lab->peer)) {
		close(file);
		fail(lab, "connection is ending", REASON_LINK_CLOSED);
		return;
	}
	say(lab, "connected ms=%.1f send_mtu=%zu", ms_since(lab->since_us), send_mtu);
	if (pipe_open(&lab->pipe, lab, false, file, send_mtu, &plain, &sealed, lab) < 0)
		abort();
	enter_state(lab, COMPANION_SENDING);
}

static int on_timer(sd_event_source *source, uint64_t now_us, void *context) {
	(void)source;
	(void)now_us;
	struct lab *lab = context;
	switch (lab->state) {
	case COMPANION_SCANNING:
	case COMPANION_DIALLING:
		break;
	case COMPANION_SENDING:
		fail(lab, "no answer", REASON_TIMEOUT);
		break;
	case COMPANION_HOLDING:
		say(lab, "cycle %lu done", ++lab->cycles_done);
		close_stream(lab);
		if (lab->cycles_done == lab->cycles)
			sd_event_exit(lab->event, lab->failures ? 1 : 0);
		else
			enter_state(lab, lab->peer_known ? COMPANION_DIALLING : COMPANION_SCANNING);
		break;
	case COMPANION_WAITING:
		enter_state(lab, COMPANION_SCANNING);
		break;
	}
	return 0;
}

static void set_timer(struct lab *lab, uint64_t us) {
	if (sd_event_add_time_relative(lab->event, &lab->timer, CLOCK_BOOTTIME, us, 1, on_timer, lab) < 0)
		abort();
}

static void enter_state(struct lab *lab, enum companion_state state) {
	static const struct scan_callbacks callbacks = { .heard = on_heard, .failed = on_scan_failed };
	lab->timer = sd_event_source_disable_unref(lab->timer);
	lab->state = state;
	if (state != COMPANION_HOLDING && state != COMPANION_SENDING) {
		close_stream(lab);
		link_dial_free(lab->dial);
		lab->dial = NULL;
	}
	int r = 0;
	if (state != COMPANION_HOLDING)
		lab->since_us = clock_us();
	switch (state) {
	case COMPANION_SCANNING:
		if (!lab->scan)
			r = scan_new(&lab->scan, lab->adapter, &callbacks, lab);
		break;
	case COMPANION_DIALLING:
		scan_free(lab->scan);
		lab->scan = NULL;
		r = link_dial(&lab->dial, lab->event, adapter_address(lab->adapter), &lab->peer, DIAL_US, on_dialled, lab);
		break;
	case COMPANION_SENDING:
		lab->sent = lab->received = 0;
		set_timer(lab, ANSWER_US);
		send_more(lab);
		break;
	case COMPANION_HOLDING:
		set_timer(lab, lab->hold_ms * 1000);
		break;
	case COMPANION_WAITING:
		set_timer(lab, RETRY_US);
		break;
	}
	if (r < 0) {
		say(lab, "cannot go on: %s", strerror(-r));
		sd_event_exit(lab->event, 1);
	}
}

/* -------------------------------------------------------------------------------------------------------------------- both */

static bool is_camera;

static void on_ready(void *context) {
	struct lab *lab = context;
	char text[BLUETOOTH_ADDRESS_TEXT];
	bluetooth_address_format(adapter_address(lab->adapter), text);
	say(lab, "ready %s %s", adapter_path(lab->adapter), text);
	if (is_camera)
		camera_ready(lab);
	else if (lab->scan)
		scan_refresh(lab->scan);
	else if (lab->state == COMPANION_SCANNING)
		enter_state(lab, COMPANION_SCANNING);
}

static void on_lost(void *context, enum reason reason) {
	say(context, "lost reason=%s", reason_code(reason));
}

static int parse(struct lab *lab, int argc, char *argv[]) {
	static const struct option options[] = {
		{ "cycles", required_argument, NULL, 'c' },
		{ "bytes", required_argument, NULL, 'b' },
		{ "hold", required_argument, NULL, 'h' },
		{ "drop", no_argument, NULL, 'd' },
		{ "sealed", no_argument, NULL, 's' },
		{ "alternate", no_argument, NULL, 'a' },
		{ NULL, 0, NULL, 0 },
	};
	lab->cycles = 1;
	lab->bytes = 64;
	int option;
	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
		switch (option) {
		case 'c':
			lab->cycles = strtoul(optarg, NULL, 10);
			break;
		case 'b':
			lab->bytes = strtoul(optarg, NULL, 10);
			break;
		case 'h':
			lab->hold_ms = strtoul(optarg, NULL, 10);
			break;
		case 'd':
			lab->drop = true;
			break;
		case 's':
			lab->sealed = true;
			break;
		case 'a':
			lab->alternate = true;
			break;
		default:
			return -EINVAL;
		}
	if (argc - optind != 3)
		return -EINVAL;
	is_camera = strcmp(argv[optind], "camera") == 0;
	if (!is_camera && strcmp(argv[optind], "companion") != 0)
		return -EINVAL;
	const char *data = argv[optind + 2];
	lab->content = (struct advert_content){ .connectable = true, .service_data_length = strlen(data) / 2 };
	if (lab->content.service_data_length > ADVERT_DATA_LIMIT)
		return -EINVAL;
	return hex_decode(lab->content.service_data, lab->content.service_data_length, data);
}

int main(int argc, char *argv[]) {
	static const struct adapter_callbacks callbacks = { .ready = on_ready, .lost = on_lost };
	static struct lab lab;
	lab.start_us = clock_us();
	if (parse(&lab, argc, argv) < 0) {
		fprintf(stderr, "usage: see the head of bluetooth-lab.c\n");
		return 2;
	}
	log_set_level(LOG_LEVEL_DEBUG);
	int r = crypto_start();
	if (r >= 0)
		r = sd_event_default(&lab.event);
	if (r >= 0)
		r = loop_handle_end(lab.event, on_signal, &lab);
	if (r >= 0)
		r = sd_bus_open_system(&lab.bus);
	if (r >= 0)
		r = sd_bus_attach_event(lab.bus, lab.event, SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		r = adapter_new(&lab.adapter, lab.bus, argv[optind + 1], &callbacks, &lab);
	if (r >= 0)
		r = peers_new(&lab.peers, lab.adapter, is_camera ? PEERS_LINGER_CAMERA_US : PEERS_LINGER_COMPANION_US);
	if (r >= 0)
		r = sd_event_loop(lab.event);
	say(&lab, "end status=%d", r);

	close_stream(&lab);
	link_dial_free(lab.dial);
	scan_free(lab.scan);
	sd_event_source_disable_unref(lab.timer);
	sd_event_source_disable_unref(lab.advert_poll);
	for (size_t n = 0; n < LINKS; n++)
		pipe_close(&lab.links[n].pipe);
	link_listener_free(lab.listener);
	advert_free(lab.advert);
	peers_free(lab.peers);
	adapter_free(lab.adapter);
	sd_bus_flush_close_unref(lab.bus);
	sd_event_unref(lab.event);
	return r < 0 ? 1 : r;
}
