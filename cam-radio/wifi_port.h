/* What the handover needs of the system: an access point, a station, and a way to dial. Two back ends: the radios (wifi/), and
 * the Unix socket of docs/test-link.md. */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/reason.h"
#include "wifi/credentials.h"

struct wifi_port;

/* All from the loop, never from inside an operation. */
struct wifi_port_callbacks {
	void (*access_point_up)(void *context);
	/* Off, and the radio with it; once for each wifi_port_start. REASON_OK after wifi_port_stop. */
	void (*access_point_off)(void *context, enum reason reason);
	void (*station_joined)(void *context);
	/* The same for each wifi_port_join. */
	void (*station_off)(void *context, enum reason reason);
	/* Connected (ownership of `file` passes, REASON_OK), or -1 and why not. */
	void (*dialled)(void *context, int file, enum reason reason);
};

struct wifi_port_operations {
	int (*start)(struct wifi_port *port, const struct wifi_credentials *credentials);
	void (*stop)(struct wifi_port *port);
	int (*join)(struct wifi_port *port, const struct wifi_credentials *credentials);
	void (*leave)(struct wifi_port *port);
	int (*dial)(struct wifi_port *port, const uint8_t address[16], uint16_t tcp_port, uint64_t timeout_us);
	void (*cancel_dial)(struct wifi_port *port);
	void (*free)(struct wifi_port *port);
};

/* The maker sets all members. */
struct wifi_port {
	const struct wifi_port_operations *operations;
	const struct wifi_port_callbacks *callbacks;
	void *context;
};

struct wifi_radios {
	const char *hostapd_control, *ap_interface;         /* "" when this camera has no access point */
	const char *supplicant_control, *station_interface; /* "" when it joins no network */
};

/* The strings outlive it. callbacks and context are set with wifi_port_listen before anything else. 0 or a negative errno. */
int wifi_port_radios_new(struct wifi_port **ret, sd_event *event, const struct wifi_radios *radios);
/* path: of the companion's Unix socket. */
int wifi_port_socket_new(struct wifi_port **ret, sd_event *event, const char *path);

static inline void wifi_port_listen(struct wifi_port *port, const struct wifi_port_callbacks *callbacks, void *context) {
	port->callbacks = callbacks;
	port->context = context;
}
/* 0; -EALREADY unless off; -ENODEV when the camera has no access point. */
static inline int wifi_port_start(struct wifi_port *port, const struct wifi_credentials *credentials) {
	return port->operations->start(port, credentials);
}
static inline void wifi_port_stop(struct wifi_port *port) {
	port->operations->stop(port);
}
static inline int wifi_port_join(struct wifi_port *port, const struct wifi_credentials *credentials) {
	return port->operations->join(port, credentials);
}
static inline void wifi_port_leave(struct wifi_port *port) {
	port->operations->leave(port);
}
/* Over whatever network is up. 0; -EINVAL when this is no address there; or another negative errno. */
static inline int wifi_port_dial(struct wifi_port *port, const uint8_t address[16], uint16_t tcp_port, uint64_t timeout_us) {
	return port->operations->dial(port, address, tcp_port, timeout_us);
}
static inline void wifi_port_cancel_dial(struct wifi_port *port) {
	port->operations->cancel_dial(port);
}
/* Takes everything down without calling back. NULL is allowed. */
static inline void wifi_port_free(struct wifi_port *port) {
	if (port)
		port->operations->free(port);
}
