/* The radio on a Bluetooth adapter. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "bluetooth/adapter.h"
#include "bluetooth/ear_socket.h"
#include "bluetooth/fresh_address.h"
#include "bluetooth/passive_scan.h"
#include "bluetooth/peers.h"
#include "cam-radio/deadline.h"
#include "cam-radio/hearing.h"
#include "cam-radio/radio.h"
#include "pairing/limits.h"

/* A companion that has just paired comes back at once for its session. */
#define LINGER_US (3 * SECOND_US)
/* Somebody else listens on our channel, or the kernel has not yet noticed that the adapter is gone. */
#define LISTEN_RETRY_US (2 * SECOND_US)
/* Room for a flood while the loop is busy. */
#define EAR_BUFFER (4 * 1024 * 1024)

/* Advertised side by side. */
enum advert_kind { ADVERT_KIND_CONNECTABLE, ADVERT_KIND_BEACON, ADVERT_KINDS };

struct radio_bluetooth {
	struct radio radio;
	sd_event *event;
	struct adapter *adapter;
	struct peers *peers;
	struct link_listener *listener;
	struct advert_content wanted[ADVERT_KINDS];
	bool is_wanted[ADVERT_KINDS];
	struct advert *advert[ADVERT_KINDS];
	struct fresh_address *fresh; /* under way: nothing is advertised, and nothing heard */
	bool needs_fresh;            /* as soon as the adapter is ready */
	struct deadline *retry;
	bool logged_failure;
	struct radio_bluetooth_config config;
	bool listening; /* for adverts */
	struct passive_scan *scan;
	struct hearing *hearing;
	const struct radio_callbacks *callbacks;
	void *context;
};

static void start_listening(struct radio_bluetooth *r);

static void refresh_adverts(struct radio_bluetooth *r) {
	for (size_t i = 0; i < ADVERT_KINDS; i++)
		if (r->advert[i])
			advert_refresh(r->advert[i]);
}

static void on_accepted(void *context, int file, size_t send_mtu, const struct link_peer *peer) {
	struct radio_bluetooth *r = context;
	if (!peers_opened(r->peers, peer)) {
		/* The end of this connection has been asked for: what begins on it now would be torn away in the middle. */
		log_line(LOG_LEVEL_DEBUG, "bluetooth", "a channel on a connection that is about to end is closed");
		close(file);
		return;
	}
	/* A connection ends the advertising set that it answered; others must be able to connect meanwhile. */
	refresh_adverts(r);
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
	if (r->config.silent)
		return; /* accepting a connection is an answer */
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

/* --- adverts --- */

static void stop_hearing(struct radio_bluetooth *r) {
	hearing_free(r->hearing);
	r->hearing = NULL;
	passive_scan_free(r->scan);
	r->scan = NULL;
}

static int open_hearing(struct radio_bluetooth *r, const struct ear_format format[EAR_FORMATS]) {
	int number = adapter_number(r->adapter);
	int file = number < 0 ? number : ear_socket_open((unsigned)number, format, EAR_BUFFER);
	return file < 0 ? file : hearing_new(&r->hearing, r->event, file, format, r->callbacks, r->context);
}

/* The adapter is ready. */
static void start_hearing(struct radio_bluetooth *r) {
	struct ear_format format[EAR_FORMATS];
	hearing_formats(r->config.company, r->config.legacy_company, format);
	int result = r->scan ? 0 : passive_scan_new(&r->scan, r->adapter, format, PASSIVE_SCAN_ACTIVATE_US);
	if (result == 0)
		passive_scan_refresh(r->scan);
	/* The ear belongs to one incarnation of the adapter. */
	hearing_free(r->hearing);
	r->hearing = NULL;
	if (result == 0)
		result = open_hearing(r, format);
	if (result < 0)
		log_line(LOG_LEVEL_ERROR, "bluetooth", "cannot listen for adverts: %s", strerror(-result));
}

static void bluetooth_listen(struct radio *radio, bool on) {
	struct radio_bluetooth *r = (struct radio_bluetooth *)radio;
	if (r->listening == on)
		return;
	r->listening = on;
	if (!on)
		stop_hearing(r);
	else if (adapter_is_ready(r->adapter) && !r->fresh)
		start_hearing(r);
}

/* --- what is advertised --- */

static void withdraw(struct radio_bluetooth *r, enum advert_kind kind) {
	advert_free(r->advert[kind]);
	r->advert[kind] = NULL;
}

/* Brings the air into line with what is wanted there. */
static void put_on_air(struct radio_bluetooth *r, enum advert_kind kind) {
	struct advert **advert = &r->advert[kind];
	if (r->fresh || r->needs_fresh)
		return; /* when that is done */
	if (!r->is_wanted[kind]) {
		withdraw(r, kind);
		return;
	}
	int result = *advert ? advert_set(*advert, &r->wanted[kind]) : advert_new(advert, r->adapter, &r->wanted[kind]);
	if (result < 0)
		log_line(LOG_LEVEL_ERROR, "bluetooth", "no advertisement: %s", strerror(-result));
}

static void on_fresh(void *context, int result) {
	struct radio_bluetooth *r = context;
	fresh_address_free(r->fresh);
	r->fresh = NULL;
	if (result < 0) /* then the kernel's timer decides about the address */
		log_line(LOG_LEVEL_WARNING, "bluetooth", "the address is not renewed: %s", strerror(-result));
	for (enum advert_kind kind = 0; kind < ADVERT_KINDS; kind++)
		put_on_air(r, kind);
	if (r->listening && adapter_is_ready(r->adapter))
		start_hearing(r);
}

static void start_fresh(struct radio_bluetooth *r) {
	r->needs_fresh = false;
	fresh_address_free(r->fresh);
	r->fresh = NULL;
	int result = adapter_number(r->adapter);
	if (result >= 0)
		result = fresh_address_new(&r->fresh, r->event, (unsigned)result, r->config.random, on_fresh, r);
	if (result < 0)
		on_fresh(r, result);
}

static void bluetooth_renew(struct radio *radio) {
	struct radio_bluetooth *r = (struct radio_bluetooth *)radio;
	for (enum advert_kind kind = 0; kind < ADVERT_KINDS; kind++) {
		r->is_wanted[kind] = false;
		withdraw(r, kind);
	}
	stop_hearing(r);
	r->needs_fresh = true;
	if (adapter_is_ready(r->adapter))
		start_fresh(r);
}

static void on_retry(void *context, uint64_t now_us) {
	(void)now_us;
	struct radio_bluetooth *r = context;
	if (adapter_is_ready(r->adapter))
		start_listening(r);
}

static void on_ready(void *context) {
	struct radio_bluetooth *r = context;
	peers_end_others(r->peers);
	start_listening(r);
	if (r->needs_fresh) {
		start_fresh(r);
	} else {
		refresh_adverts(r);
		if (r->listening)
			start_hearing(r);
	}
	r->callbacks->state(r->context, REASON_OK);
}

static void on_lost(void *context, enum reason reason) {
	struct radio_bluetooth *r = context;
	stop_listening(r);
	r->needs_fresh = r->needs_fresh || r->fresh;
	fresh_address_free(r->fresh);
	r->fresh = NULL;
	r->callbacks->state(r->context, reason);
}

static const struct adapter_callbacks adapter_handlers = { .ready = on_ready, .lost = on_lost };

static void want(struct radio *radio, enum advert_kind kind, const struct advert_content *content) {
	struct radio_bluetooth *r = (struct radio_bluetooth *)radio;
	r->is_wanted[kind] = content && !r->config.silent;
	if (r->is_wanted[kind])
		r->wanted[kind] = *content;
	put_on_air(r, kind);
}

static void bluetooth_advertise(struct radio *radio, const struct advert_content *content) {
	want(radio, ADVERT_KIND_CONNECTABLE, content);
}

static void bluetooth_beacon(struct radio *radio, const struct advert_content *content) {
	want(radio, ADVERT_KIND_BEACON, content);
}

static void bluetooth_closed(struct radio *radio, const struct link_peer *peer, bool unwanted) {
	struct radio_bluetooth *r = (struct radio_bluetooth *)radio;
	if (peer)
		peers_closed(r->peers, peer, unwanted);
}

static void bluetooth_free(struct radio *radio) {
	struct radio_bluetooth *r = (struct radio_bluetooth *)radio;
	stop_hearing(r);
	fresh_address_free(r->fresh);
	for (enum advert_kind kind = 0; kind < ADVERT_KINDS; kind++)
		withdraw(r, kind);
	link_listener_free(r->listener);
	deadline_free(r->retry);
	peers_free(r->peers);
	adapter_free(r->adapter);
	free(r);
}

static const struct radio_operations operations = {
	.advertise = bluetooth_advertise,
	.beacon = bluetooth_beacon,
	.renew = bluetooth_renew,
	.closed = bluetooth_closed,
	.listen = bluetooth_listen,
	.free = bluetooth_free,
};

int radio_bluetooth_new(struct radio **ret, sd_bus *bus, const struct radio_bluetooth_config *config,
                        const struct radio_callbacks *callbacks, void *context) {
	struct radio_bluetooth *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = (struct radio_bluetooth){
		.radio.operations = &operations,
		.event = sd_bus_get_event(bus),
		.config = *config,
		.callbacks = callbacks,
		.context = context,
	};
	int result = deadline_new(&r->retry, r->event, on_retry, r);
	if (result >= 0)
		result = adapter_new(&r->adapter, bus, config->adapter, &adapter_handlers, r);
	if (result >= 0)
		result = peers_new(&r->peers, r->adapter, LINGER_US);
	if (result < 0) {
		bluetooth_free(&r->radio);
		return result;
	}
	*ret = &r->radio;
	return 0;
}
