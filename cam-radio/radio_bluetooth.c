/* The radio on a Bluetooth adapter. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bluetooth/adapter.h"
#include "bluetooth/peers.h"
#include "cam-radio/deadline.h"
#include "cam-radio/radio.h"
#include "pairing/limits.h"

/* A companion that has just paired comes back at once for its session. */
#define LINGER_US (3 * SECOND_US)
/* Somebody else listens on our channel, or the kernel has not yet noticed that the adapter is gone. */
#define LISTEN_RETRY_US (2 * SECOND_US)

struct radio_bluetooth {
	struct radio radio;
	sd_event *event;
	struct adapter *adapter;
	struct peers *peers;
	struct link_listener *listener;
	struct advert *advert;
	struct deadline *retry;
	bool logged_failure;
	const struct radio_callbacks *callbacks;
	void *context;
};

static void start_listening(struct radio_bluetooth *r);

static void on_accepted(void *context, int file, size_t send_mtu, const struct link_peer *peer) {
	struct radio_bluetooth *r = context;
	peers_opened(r->peers, peer);
	/* A connection ends the advertising set that it answered; others must be able to connect meanwhile. */
	if (r->advert)
		advert_refresh(r->advert);
	r->callbacks->accepted(r->context, file, send_mtu, peer);
}

static void stop_listening(struct radio_bluetooth *r) {
	deadline_set(r->retry, UINT64_MAX);
	link_listener_free(r->listener);
	r->listener = NULL;
}

static void on_listener_failed(void *context, enum reason reason) {
	struct radio_bluetooth *r = context;
	log_reason(LOG_LEVEL_WARNING, "bluetooth", reason, "the listening channel failed");
	stop_listening(r);
	deadline_set(r->retry, loop_now_us(r->event) + LISTEN_RETRY_US);
}

static const struct link_listener_callbacks listener_handlers = { .accepted = on_accepted, .failed = on_listener_failed };

static void start_listening(struct radio_bluetooth *r) {
	stop_listening(r);
	int result = link_listener_new(&r->listener, r->event, adapter_address(r->adapter), &listener_handlers, r);
	if (result < 0) {
		if (!r->logged_failure)
			log_line(LOG_LEVEL_ERROR, "bluetooth", "cannot listen for companions: %s; tried again",
			         strerror(-result));
		r->logged_failure = true;
		deadline_set(r->retry, loop_now_us(r->event) + LISTEN_RETRY_US);
	} else {
		r->logged_failure = false;
	}
}

static void on_retry(void *context, uint64_t now_us) {
	(void)now_us;
	struct radio_bluetooth *r = context;
	if (adapter_is_ready(r->adapter))
		start_listening(r);
}

static void on_ready(void *context) {
	struct radio_bluetooth *r = context;
	start_listening(r);
	if (r->advert)
		advert_refresh(r->advert);
	r->callbacks->state(r->context, REASON_OK);
}

static void on_lost(void *context, enum reason reason) {
	struct radio_bluetooth *r = context;
	stop_listening(r);
	r->callbacks->state(r->context, reason);
}

static const struct adapter_callbacks adapter_handlers = { .ready = on_ready, .lost = on_lost };

static void bluetooth_advertise(struct radio *radio, const struct advert_content *content) {
	struct radio_bluetooth *r = (struct radio_bluetooth *)radio;
	if (!content) {
		advert_free(r->advert);
		r->advert = NULL;
		return;
	}
	int result = r->advert ? advert_set(r->advert, content) : advert_new(&r->advert, r->adapter, content);
	if (result < 0)
		log_line(LOG_LEVEL_ERROR, "bluetooth", "no advertisement: %s", strerror(-result));
}

static void bluetooth_closed(struct radio *radio, const struct link_peer *peer, bool unwanted) {
	struct radio_bluetooth *r = (struct radio_bluetooth *)radio;
	if (peer)
		peers_closed(r->peers, peer, unwanted);
}

static void bluetooth_free(struct radio *radio) {
	struct radio_bluetooth *r = (struct radio_bluetooth *)radio;
	advert_free(r->advert);
	link_listener_free(r->listener);
	deadline_free(r->retry);
	peers_free(r->peers);
	adapter_free(r->adapter);
	free(r);
}

static const struct radio_operations operations = {
	.advertise = bluetooth_advertise,
	.closed = bluetooth_closed,
	.free = bluetooth_free,
};

int radio_bluetooth_new(struct radio **ret, sd_bus *bus, const char *adapter, const struct radio_callbacks *callbacks,
                        void *context) {
	struct radio_bluetooth *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = (struct radio_bluetooth){
		.radio.operations = &operations,
		.event = sd_bus_get_event(bus),
		.callbacks = callbacks,
		.context = context,
	};
	int result = deadline_new(&r->retry, r->event, on_retry, r);
	if (result >= 0)
		result = adapter_new(&r->adapter, bus, adapter, &adapter_handlers, r);
	if (result >= 0)
		result = peers_new(&r->peers, r->adapter, LINGER_US);
	if (result < 0) {
		bluetooth_free(&r->radio);
		return result;
	}
	*ret = &r->radio;
	return 0;
}
