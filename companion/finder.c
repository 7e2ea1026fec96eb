#include "companion/finder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/loop.h"
#include "pairing/hello_advert.h"

/* Who asks again has just pressed the buttons: what was heard before that, of the window before, is no camera to choose. Cameras
 * in pairing mode are heard several times a second. */
#define STALE_US (2 * SECOND_US)
/* How often signal strength and age are told anew. */
#define TICK_US SECOND_US

struct finder {
	sd_event *event;
	struct radio *radio;
	struct radio_listener listener;
	sd_event_source *timer;
	bool scanning;
	uint64_t until_us;
	size_t count;
	struct found_camera camera[FINDER_CAMERAS]; /* in the order they were first heard */
	void (*changed)(void *context);
	void *context;
};

static struct found_camera *finder_find_writable(struct finder *finder, const char *id) {
	for (size_t i = 0; i < finder->count; i++)
		if (strcmp(finder->camera[i].id, id) == 0)
			return &finder->camera[i];
	return NULL;
}

static void on_heard(void *context, const struct sighting *sighting, bool test_link) {
	struct finder *finder = context;
	struct hello_advert hello = { .type = HELLO_ADVERT_PAIRING };
	if (!test_link && (!hello_advert_read(sighting->service_data, sighting->service_data_length, &hello) ||
	                   hello.type != HELLO_ADVERT_PAIRING))
		return;
	char id[CAMERA_ID_SIZE + 1];
	hex_encode(id, hello.id, sizeof(hello.id));
	struct found_camera *camera = finder_find_writable(finder, id);
	bool new = camera == NULL;
	if (new) {
		if (finder->count == FINDER_CAMERAS)
			return;
		camera = &finder->camera[finder->count++];
		*camera = (struct found_camera){ 0 };
		memcpy(camera->id, id, sizeof(id));
		/* A camera tells its serial only inside the encrypted handshake: until then it goes by the end of its id. */
		if (test_link)
			strcpy(camera->name, "test-link");
		else
			snprintf(camera->name, sizeof(camera->name), "Camera %s", id + CAMERA_ID_SIZE - 4);
	}
	memcpy(camera->peer.address, sighting->address, sizeof(camera->peer.address));
	camera->peer.address_type = sighting->address_type;
	camera->rssi = sighting->rssi;
	camera->heard_us = loop_now_us(finder->event);
	if (new)
		finder->changed(finder->context);
}

static void finder_forget(struct finder *finder, uint64_t age_us) {
	uint64_t now_us = loop_now_us(finder->event);
	size_t kept = 0;
	for (size_t i = 0; i < finder->count; i++)
		if (now_us < finder->camera[i].heard_us + age_us)
			finder->camera[kept++] = finder->camera[i];
	finder->count = kept;
}

static int on_timer(sd_event_source *source, uint64_t time_us, void *context) {
	(void)time_us;
	struct finder *finder = context;
	if (loop_now_us(finder->event) >= finder->until_us) {
		finder_stop(finder);
		return 0;
	}
	finder_forget(finder, FINDER_FORGET_US);
	loop_timer_start(source, TICK_US);
	finder->changed(finder->context);
	return 0;
}

int finder_new(struct finder **ret, sd_event *event, struct radio *radio, void (*changed)(void *context), void *context) {
	struct finder *finder = calloc(1, sizeof(*finder));
	if (!finder)
		return -ENOMEM;
	*finder = (struct finder){
		.event = event,
		.radio = radio,
		.listener = { .heard = on_heard, .context = finder },
		.changed = changed,
		.context = context,
	};
	int result = loop_timer_new(event, &finder->timer, 0, on_timer, finder);
	if (result < 0) {
		finder_free(finder);
		return result;
	}
	*ret = finder;
	return 0;
}

void finder_free(struct finder *finder) {
	if (!finder)
		return;
	radio_unlisten(finder->radio, &finder->listener);
	sd_event_source_disable_unref(finder->timer);
	free(finder);
}

void finder_start(struct finder *finder) {
	finder->until_us = loop_now_us(finder->event) + FINDER_SCAN_US;
	if (finder->scanning) {
		finder_forget(finder, STALE_US);
		finder->changed(finder->context);
		return;
	}
	finder->scanning = true;
	finder->count = 0;
	loop_timer_start(finder->timer, TICK_US);
	radio_listen(finder->radio, &finder->listener);
	finder->changed(finder->context);
}

void finder_stop(struct finder *finder) {
	if (!finder->scanning)
		return;
	finder->scanning = false;
	finder->count = 0;
	loop_timer_stop(finder->timer);
	radio_unlisten(finder->radio, &finder->listener);
	finder->changed(finder->context);
}

bool finder_is_scanning(const struct finder *finder) {
	return finder->scanning;
}

size_t finder_count(const struct finder *finder) {
	return finder->count;
}

const struct found_camera *finder_camera(const struct finder *finder, size_t index) {
	return &finder->camera[index];
}

const struct found_camera *finder_find(const struct finder *finder, const char *id) {
	for (size_t i = 0; i < finder->count; i++)
		if (strcmp(finder->camera[i].id, id) == 0)
			return &finder->camera[i];
	return NULL;
}
