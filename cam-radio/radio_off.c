/* No radio: policy has switched Bluetooth off. */
#include <errno.h>
#include <stdlib.h>

#include "bluetooth/adapter.h"
#include "cam-radio/radio.h"

struct radio_off {
	struct radio radio;
	struct adapter *adapter;
	sd_event_source *start;
	const struct radio_callbacks *callbacks;
	void *context;
};

static int on_start(sd_event_source *source, void *context) {
	(void)source;
	struct radio_off *r = context;
	r->callbacks->state(r->context, REASON_RADIO_OFF);
	return 0;
}

static void off_advertise(struct radio *radio, const struct advert_content *content) {
	(void)radio, (void)content;
}

static void off_renew(struct radio *radio) {
	(void)radio;
}

static void off_closed(struct radio *radio, const struct link_peer *peer, bool unwanted) {
	(void)radio, (void)peer, (void)unwanted;
}

static void off_listen(struct radio *radio, bool on) {
	(void)radio, (void)on;
}

static void off_free(struct radio *radio) {
	struct radio_off *r = (struct radio_off *)radio;
	sd_event_source_disable_unref(r->start);
	adapter_free(r->adapter);
	free(r);
}

static const struct radio_operations operations = {
	.advertise = off_advertise,
	.beacon = off_advertise,
	.renew = off_renew,
	.closed = off_closed,
	.listen = off_listen,
	.free = off_free,
};

int radio_off_new(struct radio **ret, sd_bus *bus, const char *adapter, const struct radio_callbacks *callbacks, void *context) {
	struct radio_off *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = (struct radio_off){ .radio.operations = &operations, .callbacks = callbacks, .context = context };
	int result = adapter_new_off(&r->adapter, bus, adapter);
	if (result >= 0)
		result = sd_event_add_defer(sd_bus_get_event(bus), &r->start, on_start, r);
	if (result < 0) {
		off_free(&r->radio);
		return result;
	}
	*ret = &r->radio;
	return 0;
}
