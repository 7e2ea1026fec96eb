#include "bluetooth/peers.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "base/bytes.h"
#include "bluetooth/bluez.h"

/* More than any controller's connections. */
#define PEERS 32
/* bluetoothd ends a connection 2 s after the request; when nothing was heard of it after this, it was gone before. */
#define ENDING_US 3000000

enum entry_state {
	ENTRY_FREE,
	ENTRY_OPEN,      /* has channels */
	ENTRY_LINGERING, /* has none any more */
	ENTRY_ENDING,    /* bluetoothd was asked for the end */
};

struct entry {
	enum entry_state state;
	struct peers *peers;
	struct link_peer peer;
	unsigned channels;
	sd_event_source *timer; /* of lingering and ending */
};

struct peers {
	struct adapter *adapter;
	uint64_t linger_us;
	sd_bus_slot *connection_match;
	struct entry entries[PEERS];
};

/* By address alone: the kernel tells no type of the connections that it lists. */
static struct entry *find(struct peers *p, const uint8_t address[6]) {
	for (size_t n = 0; n < PEERS; n++)
		if (p->entries[n].state != ENTRY_FREE &&
		    memcmp(p->entries[n].peer.address, address, sizeof(p->entries[n].peer.address)) == 0)
			return &p->entries[n];
	return NULL;
}

static struct entry *find_free(struct peers *p) {
	for (size_t n = 0; n < PEERS; n++)
		if (p->entries[n].state == ENTRY_FREE)
			return &p->entries[n];
	return NULL;
}

static void enter_state(struct entry *e, enum entry_state state);

static int on_timer(sd_event_source *source, uint64_t now_us, void *context) {
	(void)source;
	(void)now_us;
	struct entry *e = context;
	enter_state(e, e->state == ENTRY_LINGERING ? ENTRY_ENDING : ENTRY_FREE);
	return 0;
}

static int set_timer(struct entry *e, uint64_t us) {
	return sd_event_add_time_relative(sd_bus_get_event(adapter_bus(e->peers->adapter)), &e->timer, CLOCK_BOOTTIME, us, 0,
	                                  on_timer, e);
}

static void enter_state(struct entry *e, enum entry_state state) {
	e->timer = sd_event_source_disable_unref(e->timer);
	e->state = state;
	switch (state) {
	case ENTRY_FREE:
		*e = (struct entry){ .state = ENTRY_FREE };
		break;
	case ENTRY_OPEN:
		break;
	case ENTRY_LINGERING:
		if (set_timer(e, e->peers->linger_us) < 0)
			enter_state(e, ENTRY_ENDING);
		break;
	case ENTRY_ENDING:
		adapter_disconnect(e->peers->adapter, e->peer.address);
		if (set_timer(e, ENDING_US) < 0)
			enter_state(e, ENTRY_FREE);
		break;
	}
}

/* The connection has ended; channels that were open on it have ended too, and their owner says so in its own time. */
static int on_device_changed(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	struct peers *p = context;
	const char *path = sd_bus_message_get_path(message), *interface;
	bool connected = true;
	const struct bluez_property table[] = { { .name = "Connected", .type = "b", .target = &connected } };
	if (!path || sd_bus_message_read(message, "s", &interface) < 0 ||
	    sd_bus_message_enter_container(message, 'a', "{sv}") < 0 ||
	    bluez_read_properties(message, table, ELEMENTS(table)) < 0 || connected)
		return 0;
	for (size_t n = 0; n < PEERS; n++) {
		struct entry *e = &p->entries[n];
		char own[BLUEZ_DEVICE_PATH_SIZE];
		if (e->state != ENTRY_LINGERING && e->state != ENTRY_ENDING)
			continue;
		bluez_device_path(adapter_path(p->adapter), e->peer.address, own);
		if (strcmp(own, path) == 0)
			enter_state(e, ENTRY_FREE);
	}
	return 0;
}

int peers_new(struct peers **ret, struct adapter *adapter, uint64_t linger_us) {
	assert(ret && adapter);
	struct peers *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	*p = (struct peers){ .adapter = adapter, .linger_us = linger_us };
	int r = sd_bus_add_match_async(adapter_bus(adapter), &p->connection_match, BLUEZ_DEVICE_CHANGED_RULE, on_device_changed,
	                               NULL, p);
	if (r < 0) {
		free(p);
		return r;
	}
	*ret = p;
	return 0;
}

void peers_end_others(struct peers *p) {
	uint8_t connections[LINK_CONNECTIONS][6];
	int number = adapter_number(p->adapter);
	size_t count = number < 0 ? 0 : link_connections((unsigned)number, connections);
	for (size_t i = 0; i < count; i++) {
		struct entry *e = find(p, connections[i]) ? NULL : find_free(p);
		if (!e)
			continue;
		*e = (struct entry){ .peers = p };
		memcpy(e->peer.address, connections[i], sizeof(e->peer.address));
		enter_state(e, ENTRY_ENDING);
	}
}

void peers_free(struct peers *p) {
	if (!p)
		return;
	bool asked = false;
	sd_bus_slot_unref(p->connection_match);
	for (size_t n = 0; n < PEERS; n++) {
		struct entry *e = &p->entries[n];
		if (e->state == ENTRY_OPEN || e->state == ENTRY_LINGERING)
			enter_state(e, ENTRY_ENDING);
		asked = asked || e->state == ENTRY_ENDING;
		enter_state(e, ENTRY_FREE);
	}
	if (asked)
		adapter_flush(p->adapter);
	free(p);
}

bool peers_opened(struct peers *p, const struct link_peer *peer) {
	struct entry *e = find(p, peer->address);
	if (e && e->state == ENTRY_ENDING)
		return false;
	if (!e) {
		e = find_free(p);
		if (!e)
			return true; /* closing it will end the connection at once */
		*e = (struct entry){ .peers = p, .peer = *peer };
	}
	enter_state(e, ENTRY_OPEN);
	e->channels++;
	return true;
}

void peers_closed(struct peers *p, const struct link_peer *peer, bool unwanted) {
	struct entry *e = find(p, peer->address);
	if (!e || e->state != ENTRY_OPEN) {
		adapter_disconnect(p->adapter, peer->address);
		return;
	}
	if (--e->channels == 0)
		enter_state(e, unwanted ? ENTRY_ENDING : ENTRY_LINGERING);
}
