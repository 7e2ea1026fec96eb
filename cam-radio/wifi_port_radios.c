/* The handover's radios: hostapd and wpa_supplicant through their control sockets, TCP over whichever is up. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cam-radio/wifi_port.h"
#include "link/dial_tcp.h"
#include "wifi/access_point.h"
#include "wifi/interface.h"
#include "wifi/station.h"

struct radios {
	struct wifi_port port;
	sd_event *event;
	const char *ap_interface;
	struct access_point *access_point; /* NULL: this camera has none */
	struct station *station;           /* the same */
	unsigned interface;                /* index of the one that is up, 0 for none */
	struct dial_tcp *dial;
};

static void on_up(void *context) {
	struct radios *r = context;
	int result = interface_index(r->ap_interface, &r->interface);
	if (result < 0) /* dialling will fail, which ends the handover */
		log_line(LOG_LEVEL_WARNING, "wifi", "%s: %s", r->ap_interface, strerror(-result));
	r->port.callbacks->access_point_up(r->port.context);
}

static void on_station_of_ours(void *context, const uint8_t mac[MAC_SIZE]) {
	/* The companion says over its session when it has joined, and a vanished one is noticed by TCP. */
	(void)context, (void)mac;
}

static void on_off(void *context, enum reason reason) {
	struct radios *r = context;
	r->interface = 0;
	r->port.callbacks->access_point_off(r->port.context, reason);
}

static const struct access_point_callbacks access_point_handlers = {
	.up = on_up,
	.joined = on_station_of_ours,
	.left = on_station_of_ours,
	.off = on_off,
};

static void on_joined(void *context, unsigned index, const uint8_t address[16]) {
	struct radios *r = context;
	(void)address; /* the kernel picks it by the interface */
	r->interface = index;
	r->port.callbacks->station_joined(r->port.context);
}

static void on_station_off(void *context, enum reason reason) {
	struct radios *r = context;
	r->interface = 0;
	r->port.callbacks->station_off(r->port.context, reason);
}

static const struct station_callbacks station_handlers = { .joined = on_joined, .off = on_station_off };

static int radios_start(struct wifi_port *port, const struct wifi_credentials *credentials) {
	struct radios *r = (struct radios *)port;
	return r->access_point ? access_point_start(r->access_point, credentials) : -ENODEV;
}

static void radios_stop(struct wifi_port *port) {
	struct radios *r = (struct radios *)port;
	access_point_stop(r->access_point);
}

static int radios_join(struct wifi_port *port, const struct wifi_credentials *credentials) {
	struct radios *r = (struct radios *)port;
	return r->station ? station_join(r->station, credentials) : -ENODEV;
}

static void radios_leave(struct wifi_port *port) {
	struct radios *r = (struct radios *)port;
	station_leave(r->station);
}

static void on_dialled(void *context, int file, enum reason reason) {
	struct radios *r = context;
	dial_tcp_free(r->dial);
	r->dial = NULL;
	r->port.callbacks->dialled(r->port.context, file, reason);
}

static int radios_dial(struct wifi_port *port, const uint8_t address[16], uint16_t tcp_port, uint64_t timeout_us) {
	struct radios *r = (struct radios *)port;
	if (r->dial)
		return -EALREADY;
	if (r->interface == 0)
		return -ENETDOWN; /* it went as it came */
	struct tcp_endpoint to = { .interface = r->interface, .port = tcp_port };
	memcpy(to.address, address, sizeof(to.address));
	return dial_tcp_new(&r->dial, r->event, &to, timeout_us, on_dialled, r);
}

static void radios_cancel_dial(struct wifi_port *port) {
	struct radios *r = (struct radios *)port;
	dial_tcp_free(r->dial);
	r->dial = NULL;
}

static void radios_free(struct wifi_port *port) {
	struct radios *r = (struct radios *)port;
	dial_tcp_free(r->dial);
	access_point_free(r->access_point);
	station_free(r->station);
	free(r);
}

static const struct wifi_port_operations operations = {
	.start = radios_start,
	.stop = radios_stop,
	.join = radios_join,
	.leave = radios_leave,
	.dial = radios_dial,
	.cancel_dial = radios_cancel_dial,
	.free = radios_free,
};

int wifi_port_radios_new(struct wifi_port **ret, sd_event *event, const struct wifi_radios *radios) {
	struct radios *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = (struct radios){ .port.operations = &operations, .event = event, .ap_interface = radios->ap_interface };
	int result = 0;
	if (*radios->hostapd_control)
		result = access_point_new(&r->access_point, event, radios->hostapd_control, radios->ap_interface,
		                          &access_point_handlers, r);
	if (result >= 0 && *radios->supplicant_control)
		result = station_supplicant_new(&r->station, event, radios->supplicant_control, radios->station_interface, true,
		                                &station_handlers, r);
	if (result < 0) {
		radios_free(&r->port);
		return result;
	}
	*ret = &r->port;
	return 0;
}
