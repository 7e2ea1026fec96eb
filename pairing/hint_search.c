#include "pairing/hint_search.h"

#include <string.h>

#include "base/bytes.h"

/* Some 200 HMACs, a fraction of a millisecond, once an epoch. Below epoch 0 the numbers wrap: no camera shows those. */
static void prepare(struct hint_search *search, const struct pairing_record *record, uint64_t epoch) {
	if (!search->valid || !bytes_equal_secret(search->secret, record->secret, KEY_SIZE)) {
		wipe(search, sizeof(*search));
		memcpy(search->secret, record->secret, KEY_SIZE);
	} else if (search->epoch == epoch) {
		return;
	}
	for (uint64_t i = 0; i < HINT_EPOCHS; i++)
		pairing_hint(record, epoch - HINT_FAR_EPOCHS + i, search->hint[i]);
	search->epoch = epoch;
	search->valid = true;
}

static bool is_near(int64_t distance) {
	return distance >= -HINT_NEAR_EPOCHS && distance <= HINT_NEAR_EPOCHS;
}

static unsigned tries_of(const struct hint_search *search, uint64_t camera_epoch) {
	for (size_t i = 0; i < HINT_TRIED; i++)
		if (search->tried[i].tries > 0 && search->tried[i].epoch == camera_epoch)
			return search->tried[i].tries;
	return 0;
}

enum hint_distance hint_search_match(struct hint_search *search, const struct pairing_record *record, uint64_t epoch,
                                     bool far_allowed, const uint8_t hint[HINT_SIZE], uint64_t *ret_epoch) {
	prepare(search, record, epoch);
	for (int64_t i = 0; i < HINT_EPOCHS; i++) {
		if (memcmp(search->hint[i], hint, HINT_SIZE) != 0)
			continue;
		int64_t distance = i - HINT_FAR_EPOCHS;
		uint64_t camera_epoch = epoch + (uint64_t)distance;
		bool near = is_near(distance) || (search->met && is_near(distance - search->skew));
		bool stale = search->met && camera_epoch <= search->floor;
		if (!near && (!far_allowed || stale || tries_of(search, camera_epoch) >= HINT_TRIES))
			return HINT_UNKNOWN;
		*ret_epoch = camera_epoch;
		return near ? HINT_NEAR : HINT_FAR;
	}
	return HINT_UNKNOWN;
}

void hint_search_try(struct hint_search *search, uint64_t camera_epoch) {
	for (size_t i = 0; i < HINT_TRIED; i++)
		if (search->tried[i].tries > 0 && search->tried[i].epoch == camera_epoch) {
			search->tried[i].tries++;
			return;
		}
	search->tried[search->next_tried].epoch = camera_epoch;
	search->tried[search->next_tried].tries = 1;
	search->next_tried = (search->next_tried + 1) % HINT_TRIED;
}

void hint_search_met(struct hint_search *search, uint64_t camera_epoch, uint64_t epoch) {
	search->skew = (int64_t)(camera_epoch - epoch);
	if (!search->met || camera_epoch > search->floor)
		search->floor = camera_epoch;
	search->met = true;
	memset(search->tried, 0, sizeof(search->tried));
}
