#include "slate/table.h"

#include <string.h>

static bool same_payload(const struct slate_call *a, const struct slate_call *b) {
	return a->epoch == b->epoch && a->counter == b->counter && a->tx_power == b->tx_power &&
	       memcmp(a->identity, b->identity, sizeof(a->identity)) == 0 && memcmp(a->mac, b->mac, sizeof(a->mac)) == 0;
}

static int8_t best(int8_t a, int8_t b) {
	if (a == SLATE_RSSI_UNKNOWN || b == SLATE_RSSI_UNKNOWN)
		return a == SLATE_RSSI_UNKNOWN ? b : a;
	return a > b ? a : b;
}

static void heard_again(struct slate_slot *slot, int8_t rssi, uint64_t now_us, uint64_t time_us) {
	struct slate_sighting *s = &slot->sighting;
	slot->heard_us = now_us;
	slot->changed = true;
	slot->confirmed = slot->confirmed || now_us - slot->began_us >= SLATE_CONFIRMED_US;
	s->last_us = time_us;
	if (s->count < UINT32_MAX)
		s->count++;
	s->rssi = best(s->rssi, rssi);
}

/* NULL when every place is taken by something better. */
static struct slate_slot *room(struct slate_table *table, uint64_t now_us) {
	struct slate_slot *oldest = NULL;
	for (size_t i = 0; i < SLATE_TABLE_SIZE; i++) {
		struct slate_slot *slot = &table->slot[i];
		if (!slot->used)
			return slot;
		/* Cameras say it ten times a second: what is still being said gets its second to prove itself, flood or not. */
		if (!slot->confirmed && now_us - slot->heard_us >= SLATE_CONFIRMED_US &&
		    (!oldest || slot->heard_us < oldest->heard_us))
			oldest = slot;
	}
	return oldest;
}

void slate_table_hear(struct slate_table *table, const struct slate_call *call, int8_t rssi, uint64_t now_us, uint64_t time_us) {
	for (size_t i = 0; i < SLATE_TABLE_SIZE; i++) {
		struct slate_slot *slot = &table->slot[i];
		if (slot->used && same_payload(&slot->sighting.call, call)) {
			heard_again(slot, rssi, now_us, time_us);
			return;
		}
	}
	struct slate_slot *slot = room(table, now_us);
	if (!slot) {
		table->dropped++;
		return;
	}
	*slot = (struct slate_slot){ .used = true, .changed = true, .heard_us = now_us, .began_us = now_us };
	slot->sighting = (struct slate_sighting){ *call, time_us, time_us, 1, rssi };
}

static bool has_ended(const struct slate_slot *slot, uint64_t now_us) {
	return now_us - slot->heard_us >= SLATE_ENDED_US;
}

static bool is_due(const struct slate_slot *slot, uint64_t now_us, bool all) {
	if (!slot->used || !slot->confirmed || !slot->changed)
		return false;
	return all || !slot->written || has_ended(slot, now_us) || now_us - slot->written_us >= SLATE_WRITE_AGAIN_US;
}

size_t slate_table_due(struct slate_table *table, uint64_t now_us, bool all, struct slate_sighting *out, size_t capacity) {
	size_t count = 0;
	for (size_t i = 0; i < SLATE_TABLE_SIZE && count < capacity; i++)
		if (is_due(&table->slot[i], now_us, all))
			out[count++] = table->slot[i].sighting;
	return count;
}

void slate_table_written(struct slate_table *table, uint64_t now_us, bool all, size_t count) {
	for (size_t i = 0; i < SLATE_TABLE_SIZE; i++) {
		struct slate_slot *slot = &table->slot[i];
		if (count > 0 && is_due(slot, now_us, all)) {
			slot->changed = false;
			slot->written = true;
			slot->written_us = now_us;
			count--;
		}
		if (slot->used && has_ended(slot, now_us) && !(slot->confirmed && slot->changed))
			slot->used = false;
	}
}

uint64_t slate_table_deadline_us(const struct slate_table *table) {
	uint64_t next_us = UINT64_MAX;
	for (size_t i = 0; i < SLATE_TABLE_SIZE; i++) {
		const struct slate_slot *slot = &table->slot[i];
		if (!slot->used)
			continue;
		uint64_t due_us = slot->heard_us + SLATE_ENDED_US;
		if (slot->confirmed && slot->changed) {
			uint64_t write_us = slot->written ? slot->written_us + SLATE_WRITE_AGAIN_US : slot->heard_us;
			due_us = write_us < due_us ? write_us : due_us;
		}
		next_us = due_us < next_us ? due_us : next_us;
	}
	return next_us;
}
