#include "companion/radio.h"

#include <errno.h>
#include <stdlib.h>

#include "companion/radio_backend.h"

struct radio {
	struct radio_backend *backend;
	enum reason state;
	struct radio_listener *listeners;
	struct radio_listener *cursor; /* the next one to be told, while telling: a listener may leave meanwhile */
	bool scanning;
	void (*changed)(void *context);
	void *context;
};

struct radio_dial {
	struct radio *radio;
	void *attempt;
	void (*done)(void *context, int file, size_t packet_limit, enum reason reason);
	void *context;
};

static void on_state(void *context, enum reason reason) {
	struct radio *radio = context;
	if (radio->state == reason)
		return;
	radio->state = reason;
	radio->changed(radio->context);
}

static void on_heard(void *context, const struct sighting *sighting, bool test_link) {
	struct radio *radio = context;
	for (struct radio_listener *listener = radio->listeners; listener; listener = radio->cursor) {
		radio->cursor = listener->next;
		listener->heard(listener->context, sighting, test_link);
	}
}

static const struct radio_events backend_events = { .state = on_state, .heard = on_heard };

int radio_new(struct radio **ret, sd_event *event, const char *adapter, const char *link_socket, void (*changed)(void *context),
              void *context) {
	struct radio *radio = calloc(1, sizeof(*radio));
	if (!radio)
		return -ENOMEM;
	*radio = (struct radio){ .state = REASON_BLUETOOTH_GONE, .changed = changed, .context = context };
	int result = adapter ? radio_bluez_new(&radio->backend, event, adapter, &backend_events, radio)
	                     : radio_socket_new(&radio->backend, event, link_socket, &backend_events, radio);
	if (result < 0) {
		free(radio);
		return result;
	}
	*ret = radio;
	return 0;
}

void radio_free(struct radio *radio) {
	if (!radio)
		return;
	radio->backend->operations->free(radio->backend);
	free(radio);
}

enum reason radio_state(const struct radio *radio) {
	return radio->state;
}

static void radio_update_scan(struct radio *radio) {
	bool wanted = radio->listeners != NULL;
	if (wanted == radio->scanning)
		return;
	radio->scanning = wanted;
	radio->backend->operations->scan(radio->backend, wanted);
}

void radio_listen(struct radio *radio, struct radio_listener *listener) {
	if (listener->listening)
		return;
	listener->listening = true;
	listener->next = radio->listeners;
	radio->listeners = listener;
	radio_update_scan(radio);
}

void radio_unlisten(struct radio *radio, struct radio_listener *listener) {
	if (!listener->listening)
		return;
	listener->listening = false;
	for (struct radio_listener **link = &radio->listeners; *link; link = &(*link)->next)
		if (*link == listener) {
			*link = listener->next;
			break;
		}
	if (radio->cursor == listener)
		radio->cursor = listener->next;
	radio_update_scan(radio);
}

static void on_dial_done(void *context, int file, size_t packet_limit, enum reason reason) {
	struct radio_dial *dial = context;
	dial->done(dial->context, file, packet_limit, reason);
}

int radio_dial(struct radio_dial **ret, struct radio *radio, const struct link_peer *peer,
               void (*done)(void *context, int file, size_t packet_limit, enum reason reason), void *context) {
	struct radio_dial *dial = calloc(1, sizeof(*dial));
	if (!dial)
		return -ENOMEM;
	*dial = (struct radio_dial){ .radio = radio, .done = done, .context = context };
	int result = radio->backend->operations->dial(radio->backend, &dial->attempt, peer, on_dial_done, dial);
	if (result < 0) {
		free(dial);
		return result;
	}
	*ret = dial;
	return 0;
}

bool radio_stands(struct radio *radio, const struct link_peer *peer) {
	return radio->backend->operations->stands(radio->backend, peer);
}

void radio_dial_free(struct radio_dial *dial) {
	if (!dial)
		return;
	dial->radio->backend->operations->cancel(dial->attempt);
	free(dial);
}
