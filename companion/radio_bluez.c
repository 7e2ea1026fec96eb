/* BlueZ: the system bus, an adapter on it, scanning and L2CAP channels. The bus itself may go and come back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "base/log.h"
#include "base/loop.h"
#include "companion/radio_backend.h"
#include "pairing/limits.h"

#define BUS_RETRY_US (2 * SECOND_US)
#define SCAN_RETRY_US SECOND_US
#define ADAPTER_NAME_CAPACITY 32

struct radio_bluez {
	struct radio_backend backend;
	sd_event *event;
	char name[ADAPTER_NAME_CAPACITY];
	sd_bus *bus;
	struct adapter *adapter;
	struct scan *scan;
	bool scanning;           /* wanted */
	unsigned dialling;       /* attempts under way: scanning waits for them */
	sd_event_source *reopen; /* opens the bus: at start, and after it was lost */
	sd_event_source *rescan; /* begins to scan, when that failed */
	bool told;               /* that the bus is missing: logged once until it is back */
	uint64_t rested_us;      /* CLOCK_BOOTTIME: no dial begins before (LINK_REST_US) */
	const struct radio_events *events;
	void *context;
};

struct bluez_dial {
	struct radio_bluez *radio;
	struct link_peer peer;
	sd_event_source *rest;  /* until the dial may begin */
	struct link_dial *link; /* from then on */
	bool under_way;
	void (*done)(void *context, int file, size_t packet_limit, enum reason reason);
	void *context;
};

static void on_scan_heard(void *context, const struct sighting *sighting) {
	struct radio_bluez *radio = context;
	radio->events->heard(radio->context, sighting, false);
}

static const struct scan_callbacks scan_handlers = { .heard = on_scan_heard };

static void set_timer(sd_event_source *timer, uint64_t delay_us) {
	loop_timer_start(timer, delay_us);
}

static void radio_bluez_update_scan(struct radio_bluez *radio) {
	/* bluetoothd's discovery hears each advert once in four seconds, and while it runs the kernel hears those that it wants
	 * to connect to no oftener. */
	if (!radio->scanning || radio->dialling > 0 || !radio->adapter || !adapter_is_ready(radio->adapter)) {
		scan_free(radio->scan);
		radio->scan = NULL;
		return;
	}
	if (radio->scan) {
		scan_refresh(radio->scan);
		return;
	}
	int result = scan_new(&radio->scan, radio->adapter, &scan_handlers, radio);
	if (result < 0) {
		log_line(LOG_LEVEL_ERROR, "radio", "scanning could not be started: %s", strerror(-result));
		set_timer(radio->rescan, SCAN_RETRY_US);
	}
}

static int on_rescan(sd_event_source *source, uint64_t time_us, void *context) {
	(void)source;
	(void)time_us;
	radio_bluez_update_scan(context);
	return 0;
}

static void on_adapter_ready(void *context) {
	struct radio_bluez *radio = context;
	radio_bluez_update_scan(radio);
	radio->events->state(radio->context, REASON_OK);
}

static void on_adapter_lost(void *context, enum reason reason) {
	struct radio_bluez *radio = context;
	radio_bluez_update_scan(radio);
	radio->events->state(radio->context, reason);
}

static const struct adapter_callbacks adapter_handlers = { .ready = on_adapter_ready, .lost = on_adapter_lost };

static void radio_bluez_close_bus(struct radio_bluez *radio) {
	scan_free(radio->scan);
	radio->scan = NULL;
	adapter_free(radio->adapter);
	radio->adapter = NULL;
	radio->bus = sd_bus_close_unref(radio->bus);
}

/* Runs inside the bus's own dispatching: it is taken down from the timer, not here. */
static int on_bus_lost(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)message;
	(void)error;
	set_timer(((struct radio_bluez *)context)->reopen, 0);
	return 0;
}

static int radio_bluez_open_bus(struct radio_bluez *radio) {
	int result = sd_bus_open_system_with_description(&radio->bus, "companiond");
	if (result >= 0)
		result = sd_bus_attach_event(radio->bus, radio->event, SD_EVENT_PRIORITY_NORMAL);
	if (result >= 0)
		result = sd_bus_match_signal(radio->bus, NULL, NULL, "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
		                             "Disconnected", on_bus_lost, radio);
	if (result >= 0)
		result = adapter_new(&radio->adapter, radio->bus, radio->name, &adapter_handlers, radio);
	return result;
}

static int on_reopen(sd_event_source *source, uint64_t time_us, void *context) {
	(void)source;
	(void)time_us;
	struct radio_bluez *radio = context;
	bool had_bus = radio->bus != NULL;
	radio_bluez_close_bus(radio);
	if (had_bus) {
		log_reason(LOG_LEVEL_WARNING, "radio", REASON_BLUETOOTH_GONE, "the system bus was lost");
		radio->events->state(radio->context, REASON_BLUETOOTH_GONE);
		set_timer(radio->reopen, BUS_RETRY_US);
		return 0;
	}
	int result = radio_bluez_open_bus(radio);
	if (result < 0) {
		radio_bluez_close_bus(radio);
		if (!radio->told)
			log_line(LOG_LEVEL_WARNING, "radio", "the system bus cannot be reached (%s): trying on",
			         strerror(-result));
		radio->told = true;
		set_timer(radio->reopen, BUS_RETRY_US);
		return 0;
	}
	radio->told = false;
	return 0;
}

static void radio_bluez_scan(struct radio_backend *backend, bool on) {
	struct radio_bluez *radio = (struct radio_bluez *)backend;
	radio->scanning = on;
	radio_bluez_update_scan(radio);
}

/* --- dialling --- */

static void bluez_dial_ended(struct bluez_dial *dial) {
	dial->under_way = false;
	dial->radio->dialling--;
	radio_bluez_update_scan(dial->radio);
}

static void on_link_done(void *context, int file, size_t packet_limit, enum reason reason) {
	struct bluez_dial *dial = context;
	struct radio_bluez *radio = dial->radio;
	if (reason == REASON_TIMEOUT)
		radio->rested_us = loop_now_us(radio->event) + LINK_REST_US;
	bluez_dial_ended(dial);
	dial->done(dial->context, file, packet_limit, reason);
}

static int bluez_dial_begin(struct bluez_dial *dial) {
	struct radio_bluez *radio = dial->radio;
	if (!radio->adapter || !adapter_is_ready(radio->adapter))
		return -ENETDOWN;
	int result = link_dial(&dial->link, radio->event, adapter_address(radio->adapter), &dial->peer, LINK_DIAL_US,
	                       on_link_done, dial);
	if (result < 0)
		return result;
	dial->under_way = true;
	radio->dialling++;
	radio_bluez_update_scan(radio);
	return 0;
}

static int on_rested(sd_event_source *source, uint64_t time_us, void *context) {
	(void)source;
	(void)time_us;
	struct bluez_dial *dial = context;
	int result = bluez_dial_begin(dial);
	if (result < 0)
		dial->done(dial->context, -1, 0, result == -ENETDOWN ? REASON_ADAPTER_GONE : REASON_CONNECT_FAILED);
	return 0;
}

static void radio_bluez_cancel(void *attempt) {
	struct bluez_dial *dial = attempt;
	sd_event_source_disable_unref(dial->rest);
	link_dial_free(dial->link);
	if (dial->under_way) {
		dial->radio->rested_us = loop_now_us(dial->radio->event) + LINK_REST_US;
		bluez_dial_ended(dial);
	}
	free(dial);
}

static int radio_bluez_dial(struct radio_backend *backend, void **ret, const struct link_peer *peer,
                            void (*done)(void *context, int file, size_t packet_limit, enum reason reason), void *context) {
	struct radio_bluez *radio = (struct radio_bluez *)backend;
	struct bluez_dial *dial = calloc(1, sizeof(*dial));
	if (!dial)
		return -ENOMEM;
	*dial = (struct bluez_dial){ .radio = radio, .peer = *peer, .done = done, .context = context };
	int result = loop_now_us(radio->event) < radio->rested_us
	                     ? sd_event_add_time(radio->event, &dial->rest, CLOCK_BOOTTIME, radio->rested_us, 0, on_rested, dial)
	                     : bluez_dial_begin(dial);
	if (result < 0) {
		radio_bluez_cancel(dial);
		return result;
	}
	*ret = dial;
	return 0;
}

static bool radio_bluez_stands(struct radio_backend *backend, const struct link_peer *peer) {
	struct radio_bluez *radio = (struct radio_bluez *)backend;
	int adapter = radio->adapter && adapter_is_ready(radio->adapter) ? adapter_number(radio->adapter) : -ENODEV;
	return adapter >= 0 && link_stands((unsigned)adapter, peer);
}

static void radio_bluez_free(struct radio_backend *backend) {
	struct radio_bluez *radio = (struct radio_bluez *)backend;
	radio_bluez_close_bus(radio);
	sd_event_source_disable_unref(radio->reopen);
	sd_event_source_disable_unref(radio->rescan);
	free(radio);
}

static const struct radio_operations operations = {
	.scan = radio_bluez_scan,
	.dial = radio_bluez_dial,
	.cancel = radio_bluez_cancel,
	.stands = radio_bluez_stands,
	.free = radio_bluez_free,
};

int radio_bluez_new(struct radio_backend **ret, sd_event *event, const char *adapter, const struct radio_events *events,
                    void *context) {
	struct radio_bluez *radio = calloc(1, sizeof(*radio));
	if (!radio)
		return -ENOMEM;
	*radio = (struct radio_bluez){ .backend.operations = &operations, .event = event, .events = events, .context = context };
	int result = snprintf(radio->name, sizeof(radio->name), "%s", adapter) < (int)sizeof(radio->name) ? 0 : -ENAMETOOLONG;
	if (result == 0)
		result = sd_event_add_time_relative(event, &radio->reopen, CLOCK_BOOTTIME, 0, 1000, on_reopen, radio);
	if (result >= 0)
		result = sd_event_add_time(event, &radio->rescan, CLOCK_BOOTTIME, UINT64_MAX, 1000, on_rescan, radio);
	if (result < 0) {
		radio_bluez_free(&radio->backend);
		return result;
	}
	*ret = &radio->backend;
	return 0;
}
