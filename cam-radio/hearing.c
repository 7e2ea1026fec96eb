#include "cam-radio/hearing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "signal/advert.h"
#include "signal/legacy.h"

#define BATCH 64

enum format { FORMAT_ADVERT, FORMAT_LEGACY };

struct hearing {
	struct ear *ear;
	const struct radio_callbacks *callbacks;
	void *context;
};

void hearing_formats(uint16_t company, uint16_t legacy_company, struct ear_format ret[EAR_FORMATS]) {
	ret[FORMAT_ADVERT] = (struct ear_format){ company, ADVERT_HEADER, ADVERT_SIZE };
	ret[FORMAT_LEGACY] = (struct ear_format){ legacy_company, LEGACY_HEADER, LEGACY_SIZE };
}

static void on_heard(void *context, const struct advert_report *report, size_t format, const uint8_t *data) {
	const struct hearing *h = context;
	if (format == FORMAT_LEGACY)
		h->callbacks->heard_legacy(h->context, report->address, data);
	else
		h->callbacks->heard(h->context, report->address, report->rssi, data);
}

static void on_malformed(void *context, const struct advert_report *report, size_t format, size_t length) {
	const struct hearing *h = context;
	h->callbacks->malformed(h->context, report->address, format == FORMAT_LEGACY ? LEGACY_HEADER : ADVERT_HEADER, length);
}

static void on_failed(void *context, int error) {
	struct hearing *h = context;
	log_line(LOG_LEVEL_WARNING, "bluetooth", "adverts are not heard any more: %s", strerror(-error));
	ear_free(h->ear); /* whoever owns the radio opens another when it is back */
	h->ear = NULL;
}

int hearing_new(struct hearing **ret, sd_event *event, int file, const struct ear_format format[EAR_FORMATS],
                const struct radio_callbacks *callbacks, void *context) {
	static const struct ear_callbacks handlers = { .heard = on_heard, .malformed = on_malformed, .failed = on_failed };
	struct hearing *h = calloc(1, sizeof(*h));
	if (!h) {
		close(file);
		return -ENOMEM;
	}
	*h = (struct hearing){ .callbacks = callbacks, .context = context };
	struct ear_config config = { .batch = BATCH };
	memcpy(config.format, format, sizeof(config.format));
	int r = ear_new(&h->ear, event, file, &config, &handlers, h);
	if (r < 0) {
		free(h);
		return r;
	}
	*ret = h;
	return 0;
}

void hearing_free(struct hearing *h) {
	if (!h)
		return;
	ear_free(h->ear);
	free(h);
}
