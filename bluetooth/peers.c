#include "bluetooth/peers.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <time.h>

/* More than any controller's connections. */
#define PEERS 32

struct entry {
	struct peers *peers;
	struct link_peer peer;
	unsigned channels;
	bool used;
	sd_event_source *linger; /* no channels any more */
};

struct peers {
	struct adapter *adapter;
	uint64_t linger_us;
	struct entry entries[PEERS];
};

static struct entry *find(struct peers *p, const struct link_peer *peer) {
	for (size_t n = 0; n < PEERS; n++) {
		const struct link_peer *known = &p->entries[n].peer;
		if (p->entries[n].used && known->address_type == peer->address_type &&
		    memcmp(known->address, peer->address, sizeof(peer->address)) == 0)
			return &p->entries[n];
	}
	return NULL;
}

static struct entry *find_free(struct peers *p) {
	for (size_t n = 0; n < PEERS; n++)
		if (!p->entries[n].used)
			return &p->entries[n];
	return NULL;
}

static void forget(struct entry *e) {
	sd_event_source_disable_unref(e->linger);
	*e = (struct entry){ 0 };
}

static void disconnect(struct entry *e) {
	adapter_disconnect(e->peers->adapter, e->peer.address);
	forget(e);
}

static int on_lingered(sd_event_source *source, uint64_t now_us, void *context) {
	(void)source;
	(void)now_us;
	disconnect(context);
	return 0;
}

int peers_new(struct peers **ret, struct adapter *adapter, uint64_t linger_us) {
	assert(ret && adapter);
	struct peers *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	*p = (struct peers){ .adapter = adapter, .linger_us = linger_us };
	*ret = p;
	return 0;
}

void peers_free(struct peers *p) {
	if (!p)
		return;
	for (size_t n = 0; n < PEERS; n++)
		forget(&p->entries[n]);
	free(p);
}

void peers_opened(struct peers *p, const struct link_peer *peer) {
	struct entry *e = find(p, peer);
	if (!e) {
		e = find_free(p);
		if (!e)
			return; /* closing it will end the connection at once */
		*e = (struct entry){ .peers = p, .peer = *peer, .used = true };
	}
	e->linger = sd_event_source_disable_unref(e->linger);
	e->channels++;
}

void peers_closed(struct peers *p, const struct link_peer *peer, bool unwanted) {
	struct entry *e = find(p, peer);
	if (!e || e->channels == 0) {
		adapter_disconnect(p->adapter, peer->address);
		return;
	}
	if (--e->channels > 0)
		return;
	if (unwanted || sd_event_add_time_relative(sd_bus_get_event(adapter_bus(p->adapter)), &e->linger, CLOCK_BOOTTIME,
	                                           p->linger_us, 0, on_lingered, e) < 0)
		disconnect(e);
}
