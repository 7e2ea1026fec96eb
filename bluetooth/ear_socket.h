/* The raw HCI socket at which an ear (ear.h) listens: the kernel hands it what the controller reports of adverts, past a filter
 * that drops what cannot be ours, and a burst fits into its buffer. */
#pragma once

#include "bluetooth/ear.h"

/* adapter: N of hciN. buffer_bytes: a burst that does not fit is lost. Needs CAP_NET_RAW. A non-blocking descriptor or a negative
 * errno. */
int ear_socket_open(unsigned adapter, const struct ear_format format[EAR_FORMATS], size_t buffer_bytes);
/* The filter alone, for any socket on which each datagram is a packet as HCI has them. 0 or a negative errno. */
int ear_socket_filter(int file, const struct ear_format format[EAR_FORMATS]);
