#include "nfc/ntag.h"

#include <string.h>

#define BLOCK_CONTAINER 0x01 /* of static lock byte 0: freezes the lock bit of page 3 */
#define BLOCK_4_TO_9 0x02
#define BLOCK_10_TO_15 0x04
#define BLOCKS 0x07

/* Of both static lock bytes as one number: lock bit n is that of page n. */
static uint16_t static_locks(const uint8_t *memory) {
	const uint8_t *page = ntag_page_of(memory, NTAG_LOCK_PAGE);
	return (uint16_t)(page[2] | page[3] << 8);
}

static uint32_t dynamic_locks(const struct ntag *chip, const uint8_t *memory) {
	const uint8_t *page = ntag_page_of(memory, chip->dynamic_lock_page);
	return (uint32_t)page[0] | (uint32_t)page[1] << 8 | (uint32_t)page[2] << 16;
}

bool ntag_page_locked(const struct ntag *chip, const uint8_t *memory, unsigned page) {
	if (page < NTAG_DYNAMIC_FIRST)
		return static_locks(memory) >> page & 1;
	if (page >= ntag_cfg0_page(chip))
		return ntag_page_of(memory, ntag_cfg1_page(chip))[0] & NTAG_CONFIGURATION_LOCK;
	return dynamic_locks(chip, memory) >> (page - NTAG_DYNAMIC_FIRST) / chip->pages_per_lock & 1;
}

uint16_t ntag_static_frozen(const uint8_t *memory) {
	uint16_t locks = static_locks(memory), frozen = locks & BLOCKS;
	if (locks & BLOCK_CONTAINER)
		frozen |= 0x0008;
	if (locks & BLOCK_4_TO_9)
		frozen |= 0x03f0;
	if (locks & BLOCK_10_TO_15)
		frozen |= 0xfc00;
	return frozen;
}

uint32_t ntag_dynamic_frozen(const struct ntag *chip, const uint8_t *memory) {
	uint32_t locks = dynamic_locks(chip, memory), frozen = locks & 0xff0000;
	uint32_t block = (1u << chip->locks_per_block) - 1;
	for (unsigned i = 0; i < 8; i++)
		if (locks & 0x10000u << i)
			frozen |= (block << i * chip->locks_per_block) & 0xffff;
	return frozen;
}

void ntag_mask(const struct ntag *chip, unsigned page, uint8_t out[NTAG_PAGE_SIZE]) {
	static const uint8_t none[4] = { 0 }, all[4] = { 0xff, 0xff, 0xff, 0xff }, lock[4] = { 0, 0, 0xff, 0xff };
	static const uint8_t cfg0[4] = { 0xff, 0, 0xff, 0xff }, cfg1[4] = { 0xff, 0, 0, 0 };
	const uint8_t dynamic[4] = { chip->dynamic_lock[0], chip->dynamic_lock[1], chip->dynamic_lock[2], 0 };
	const uint8_t *mask = all;
	if (page < NTAG_LOCK_PAGE)
		mask = none;
	else if (page == NTAG_LOCK_PAGE)
		mask = lock;
	else if (page == chip->dynamic_lock_page)
		mask = dynamic;
	else if (page == ntag_cfg0_page(chip))
		mask = cfg0;
	else if (page == ntag_cfg1_page(chip))
		mask = cfg1;
	else if (page > ntag_cfg1_page(chip))
		mask = none;
	memcpy(out, mask, NTAG_PAGE_SIZE);
}
