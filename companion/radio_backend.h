/* Private to companion/radio*.c: what a back end does for radio.c. */
#pragma once

#include "companion/radio.h"

struct radio_backend;

/* What a back end tells. */
struct radio_events {
	void (*state)(void *context, enum reason reason);
	void (*heard)(void *context, const struct sighting *sighting, bool test_link);
};

struct radio_operations {
	void (*scan)(struct radio_backend *backend, bool on);
	/* Returns a cancellable attempt through *ret. */
	int (*dial)(struct radio_backend *backend, void **ret, const struct link_peer *peer,
	            void (*done)(void *context, int file, size_t packet_limit, enum reason reason), void *context);
	void (*cancel)(void *dial);
	bool (*stands)(struct radio_backend *backend, const struct link_peer *peer);
	void (*free)(struct radio_backend *backend);
};

struct radio_backend {
	const struct radio_operations *operations;
};

int radio_bluez_new(struct radio_backend **ret, sd_event *event, const char *adapter, const struct radio_events *events,
                    void *context);
int radio_socket_new(struct radio_backend **ret, sd_event *event, const char *path, const struct radio_events *events,
                     void *context);
