#include "wire/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/loop.h"
#include "link/stream.h"

/* Requests are small and the other end reads them at once: a queue that fills means that it does not. */
#define QUEUE_LIMIT ((size_t)64 * 1024)

struct wire {
	unsigned references; /* the owner's, and one for each handler on the stack */
	bool freed;          /* by its owner: only the memory is left */
	bool made;           /* wire_new has returned it */
	bool sent, received;
	sd_event *event;
	sd_event_source *timer;
	struct stream *stream;
	struct channel *channel;
	const struct wire_callbacks *callbacks;
	void *context;
};

static void wire_hold(struct wire *wire) {
	wire->references++;
}

/* The deadline moves with every byte, so the timer is set anew after each call into the channel. */
static void wire_release(struct wire *wire) {
	if (wire->channel) {
		uint64_t deadline_us = channel_deadline_us(wire->channel);
		sd_event_source_set_time(wire->timer, deadline_us);
		sd_event_source_set_enabled(wire->timer, deadline_us == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
	}
	if (--wire->references == 0)
		free(wire);
}

static void wire_take_down(struct wire *wire) {
	wire->timer = sd_event_source_disable_unref(wire->timer);
	channel_free(wire->channel);
	wire->channel = NULL;
	stream_free(wire->stream);
	wire->stream = NULL;
}

static void on_send(void *context, const uint8_t *bytes, size_t length) {
	struct wire *wire = context;
	wire->sent = true;
	/* A failure is told by the stream's closed callback. */
	if (wire->stream)
		(void)stream_send(wire->stream, bytes, length);
}

static enum reason on_pairing_begin(void *context) {
	struct wire *wire = context;
	return wire->callbacks->pairing_begin ? wire->callbacks->pairing_begin(wire->context) : REASON_PAIRING_CLOSED;
}

static void on_code(void *context, uint32_t code) {
	struct wire *wire = context;
	if (wire->callbacks->code)
		wire->callbacks->code(wire->context, code);
}

static int on_commit(void *context, const struct pairing_record *record) {
	struct wire *wire = context;
	return wire->callbacks->commit ? wire->callbacks->commit(wire->context, record) : -ENOTSUP;
}

static void on_live(void *context) {
	struct wire *wire = context;
	if (wire->callbacks->live)
		wire->callbacks->live(wire->context);
}

static void on_message(void *context, const uint8_t *bytes, size_t length) {
	struct wire *wire = context;
	if (wire->callbacks->message)
		wire->callbacks->message(wire->context, bytes, length);
}

static void on_closed(void *context, enum reason reason) {
	struct wire *wire = context;
	wire_take_down(wire);
	if (wire->made)
		wire->callbacks->closed(wire->context, reason);
}

static const struct channel_callbacks channel_handlers = {
	.send = on_send,
	.pairing_begin = on_pairing_begin,
	.code = on_code,
	.commit = on_commit,
	.live = on_live,
	.message = on_message,
	.closed = on_closed,
};

static void on_stream_received(void *context, const uint8_t *bytes, size_t length) {
	struct wire *wire = context;
	wire->received = true;
	wire_hold(wire);
	if (wire->channel)
		channel_receive(wire->channel, bytes, length, loop_now_us(wire->event));
	wire_release(wire);
}

static void on_stream_writable(void *context) {
	struct wire *wire = context;
	wire_hold(wire);
	if (wire->channel && wire->callbacks->writable)
		wire->callbacks->writable(wire->context);
	wire_release(wire);
}

static void on_stream_closed(void *context, enum reason reason) {
	struct wire *wire = context;
	wire_hold(wire);
	if (wire->channel)
		channel_close(wire->channel, reason);
	wire_release(wire);
}

static const struct stream_callbacks stream_handlers = {
	.received = on_stream_received,
	.writable = on_stream_writable,
	.closed = on_stream_closed,
};

static int on_timer(sd_event_source *source, uint64_t time_us, void *context) {
	(void)source;
	(void)time_us;
	struct wire *wire = context;
	wire_hold(wire);
	if (wire->channel)
		channel_tick(wire->channel, loop_now_us(wire->event));
	wire_release(wire);
	return 0;
}

static int make_channel(struct wire *wire, const struct wire_config *config) {
	struct channel_config channel = {
		.random = random_system(),
		.keys = config->keys,
		.pairing = config->pairing,
		.product = config->product,
		.media_psk = config->media_psk,
		.peer_fingerprint = config->peer_fingerprint,
		.name = config->name,
		.record_limit = config->kind == CHANNEL_MEDIA ? RECORD_LIMIT_MEDIA : RECORD_LIMIT_BLUETOOTH,
		.callbacks = &channel_handlers,
		.context = wire,
	};
	return config->camera
	               ? channel_new_camera(&wire->channel, &channel, config->kind == CHANNEL_MEDIA, loop_now_us(wire->event))
	               : channel_new_companion(&wire->channel, &channel, config->kind, loop_now_us(wire->event));
}

int wire_new(struct wire **ret, sd_event *event, int file, const struct wire_config *config,
             const struct wire_callbacks *callbacks, void *context) {
	struct wire *wire = calloc(1, sizeof(*wire));
	if (!wire) {
		close(file);
		return -ENOMEM;
	}
	*wire = (struct wire){ .references = 1, .event = event, .callbacks = callbacks, .context = context };
	wire_hold(wire);
	size_t queue_limit = config->queue_limit > 0 ? config->queue_limit : QUEUE_LIMIT;
	int result = stream_new(&wire->stream, event, file, config->packet_limit, queue_limit, &stream_handlers, wire);
	if (result >= 0)
		result = sd_event_add_time(event, &wire->timer, CLOCK_BOOTTIME, UINT64_MAX, 1000, on_timer, wire);
	if (result >= 0)
		result = make_channel(wire, config);
	if (result >= 0 && !wire->channel)
		result = -EIO; /* the first record could not be made: nobody has the wire yet to be told that it ended */
	if (result >= 0) {
		wire->made = true;
		*ret = wire;
	} else {
		wire->freed = true;
		wire_take_down(wire);
		wire->references--; /* the owner's: it never gets it */
	}
	wire_release(wire);
	return result < 0 ? result : 0;
}

void wire_free(struct wire *wire) {
	if (!wire || wire->freed)
		return;
	wire->freed = true;
	wire_take_down(wire);
	wire_release(wire);
}

int wire_send(struct wire *wire, const void *bytes, size_t length) {
	if (!wire->channel)
		return -ENOTCONN;
	wire_hold(wire);
	int result = channel_send(wire->channel, bytes, length);
	wire_release(wire);
	return result;
}

size_t wire_room(const struct wire *wire) {
	return wire->stream ? stream_room(wire->stream) : 0;
}

void wire_confirm(struct wire *wire, bool accepted) {
	if (!wire->channel)
		return;
	wire_hold(wire);
	channel_confirm(wire->channel, accepted, loop_now_us(wire->event));
	wire_release(wire);
}

void wire_close(struct wire *wire, enum reason reason) {
	if (!wire->channel)
		return;
	wire_hold(wire);
	channel_close(wire->channel, reason);
	wire_release(wire);
}

bool wire_is_live(const struct wire *wire) {
	return wire->channel && channel_is_live(wire->channel);
}

bool wire_has_sent(const struct wire *wire) {
	return wire->sent;
}

bool wire_has_received(const struct wire *wire) {
	return wire->received;
}

enum channel_kind wire_kind(const struct wire *wire) {
	return wire->channel ? channel_kind(wire->channel) : CHANNEL_SESSION;
}

const char *wire_peer_name(const struct wire *wire) {
	return wire->channel ? channel_peer_name(wire->channel) : "";
}
