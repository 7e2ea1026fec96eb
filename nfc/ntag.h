/* The three chips of NXP's NTAG21x family as the data sheet describes them: where things are in their memory, and which lock bit
 * guards which page. Pure. Source: NXP NTAG213/215/216 data sheet rev. 3.2, sections 8.5 (memory) and 8.8 (configuration). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define NTAG_PAGE_SIZE 4
#define NTAG_LOCK_PAGE 2      /* its last two bytes: static lock bytes 0 and 1 */
#define NTAG_CONTAINER_PAGE 3 /* capability container: its bits can be set, never cleared */
#define NTAG_USER_PAGE 4
#define NTAG_DYNAMIC_FIRST 16 /* the dynamic lock bytes guard the user pages from here on */

#define NTAG_CONTAINER_MAGIC 0xe1
#define NTAG_CONTAINER_VERSION 0x10
#define NTAG_CONTAINER_READ_ONLY 0x0f /* low half of byte 3: writing is not granted; high half 0: reading is */

/* The configuration: four pages after the dynamic lock bytes' page. */
#define NTAG_MIRROR 0xc0             /* byte 0 of CFG0: UID or counter is shown over the user memory */
#define NTAG_MIRROR_DEFAULT 0x04     /* strong modulation, no mirror */
#define NTAG_AUTH0_NEVER 0xff        /* byte 3 of CFG0: the first page that asks for the password; none does */
#define NTAG_CONFIGURATION_LOCK 0x40 /* CFGLCK in byte 0 of CFG1; in effect from the next power-up on */
#define NTAG_CONFIGURATION_RESERVED 0x05
#define NTAG_DYNAMIC_RESERVED 0xbd /* byte 3 of the dynamic lock bytes' page always reads so */
#define NTAG_INTERNAL 0x48         /* byte 1 of page 2 */

struct ntag {
	uint8_t pages; /* of the whole memory */
	uint8_t dynamic_lock_page;
	uint8_t size_code;       /* capability container byte 2: user memory / 8 */
	uint8_t pages_per_lock;  /* how many pages one dynamic lock bit guards */
	uint8_t locks_per_block; /* how many dynamic lock bits one block-lock bit freezes */
	uint8_t dynamic_lock[3]; /* every lock bit and, in byte 2, block-lock bit that exists; all others must stay 0 */
};

static inline unsigned ntag_cfg0_page(const struct ntag *chip) {
	return chip->dynamic_lock_page + 1u;
}

static inline unsigned ntag_cfg1_page(const struct ntag *chip) {
	return chip->dynamic_lock_page + 2u;
}

static inline uint8_t *ntag_page(uint8_t *memory, unsigned page) {
	return memory + (unsigned)(page * NTAG_PAGE_SIZE);
}

static inline const uint8_t *ntag_page_of(const uint8_t *memory, unsigned page) {
	return memory + (unsigned)(page * NTAG_PAGE_SIZE);
}

/* Whether the memory's lock bits (and for the configuration, CFGLCK) keep this page as it is. Pages from 3 to CFG1; the lock
 * bytes' own pages have ntag_locks_frozen, and PWD and PACK are never locked. */
bool ntag_page_locked(const struct ntag *chip, const uint8_t *memory, unsigned page);
/* Those of the static lock bits (low byte: byte 0) that a block-lock bit keeps as they are. Block-lock bits themselves are listed
 * when they are set: they cannot be cleared, and setting them again changes nothing. */
uint16_t ntag_static_frozen(const uint8_t *memory);
/* The same for the 24 dynamic lock bits, byte 0 lowest. */
uint32_t ntag_dynamic_frozen(const struct ntag *chip, const uint8_t *memory);
/* Which bits of a page are ours to say: not the UID, nothing reserved, neither PWD nor PACK. */
void ntag_mask(const struct ntag *chip, unsigned page, uint8_t out[NTAG_PAGE_SIZE]);
