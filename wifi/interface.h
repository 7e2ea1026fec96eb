/* The kernel's view of a network interface: up and down, and whether an IPv6 link-local address is usable on it; and its MAC
 * address. A port, so that tests can do without an interface. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "wifi/credentials.h"

struct interface_watch;

/* A link-local address of the interface may be used as a source address (duplicate address detection is over). Called once or
 * more often; may free the watch. */
typedef void (*interface_address)(void *context, unsigned index, const uint8_t address[16]);

struct interface_port {
	/* Sets or clears IFF_UP; no change when it already is so. Needs CAP_NET_ADMIN for a change. 0, -ENODEV, -EPERM, ... */
	int (*set_up)(void *context, const char *name, bool up);
	/* 1 up, 0 down, or a negative errno. */
	int (*is_up)(void *context, const char *name);
	/* Gives the interface another address; it must be down. Needs CAP_NET_ADMIN. 0 or a negative errno. */
	int (*set_address)(void *context, const char *name, const uint8_t mac[MAC_SIZE]);
	/* Watches for usable link-local addresses, those already there included. 0 or a negative errno. */
	int (*watch)(void *context, struct interface_watch **ret, sd_event *event, const char *name, interface_address callback,
	             void *callback_context);
	/* NULL is allowed. */
	void (*unwatch)(void *context, struct interface_watch *watch);
	void *context;
};

/* The system's own, through an ioctl and rtnetlink. */
const struct interface_port *interface_port_system(void);

/* The kernel's number of the system's interface `name`. 0, -ENODEV, or another negative errno. */
int interface_index(const char *name, unsigned *ret);
