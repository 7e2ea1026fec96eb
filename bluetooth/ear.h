/* Hears manufacturer data of certain companies and formats on the air, every advert of it, past bluetoothd: from a socket
 * (ear_socket.h) that gives what the controller reports. bluetoothd's D-Bus signals are made for people who choose a device, not
 * for floods. Scanning itself is passive_scan.h's. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "bluetooth/advert_report.h"

struct ear;

#define EAR_FORMATS 2

/* What is listened for; anything else is not told. */
struct ear_format {
	uint16_t company; /* company identifier of the manufacturer data */
	uint8_t header;   /* its first byte */
	size_t length;    /* of the data after the identifier, header included */
};

struct ear_config {
	struct ear_format format[EAR_FORMATS];
	size_t batch; /* packets taken in one turn of the loop at most, so that nothing else starves */
};

struct ear_callbacks {
	/* From the loop; the ear may be freed inside. format: which of config.format; `data` is its length of bytes, a
	 * stranger's, valid during the call. */
	void (*heard)(void *context, const struct advert_report *report, size_t format, const uint8_t *data);
	/* The same of one that has a format's company and header, and `length` is not the format's. May be NULL. */
	void (*malformed)(void *context, const struct advert_report *report, size_t format, size_t length);
	/* The adapter is gone, or the socket failed. Nothing follows; free it, and make another when the adapter is back. */
	void (*failed)(void *context, int error);
};

/* Ownership of `file`, where each datagram is a packet as HCI has them, passes, also on failure. 0 or a negative errno. */
int ear_new(struct ear **ret, sd_event *event, int file, const struct ear_config *config, const struct ear_callbacks *callbacks,
            void *context);
/* NULL is allowed. */
void ear_free(struct ear *ear);
