#include "nfc/lock.h"

#include <stdio.h>
#include <string.h>

#define STATIC_LOCKS 0xfff8 /* the bits of pages 3-15; the other three are block-lock bits */
#define STATIC_BLOCKS 0x0007

static void find(struct tag_finding **at, enum tag_area area, enum tag_protection protection, const char *why) {
	(*at)->area = area;
	(*at)->protection = protection;
	snprintf((*at)->why, sizeof((*at)->why), "%s", why);
	(*at)++;
}

/* Which pages of first..last are not locked: "pages 7 and 9-12 are not locked" would be nice, "the first is page 7" is enough. */
static void find_pages(struct tag_finding **at, enum tag_area area, const struct ntag *chip, const uint8_t *memory,
                       unsigned first, unsigned last) {
	unsigned open = 0, example = 0;
	for (unsigned page = last + 1; page-- > first;)
		if (!ntag_page_locked(chip, memory, page)) {
			open++;
			example = page;
		}
	char why[TAG_WHY_SIZE];
	if (open == 0)
		snprintf(why, sizeof(why), "the lock bits of pages %u-%u are set", first, last);
	else
		snprintf(why, sizeof(why), "%u of pages %u-%u are not locked, the first of them page %u", open, first, last,
		         example);
	find(at, area, open == 0 ? TAG_FIXED : TAG_OPEN, why);
}

static void find_container(struct tag_finding **at, const struct ntag *chip, const uint8_t *memory) {
	bool locked = ntag_page_locked(chip, memory, NTAG_CONTAINER_PAGE);
	bool granted = (ntag_page_of(memory, NTAG_CONTAINER_PAGE)[3] & 0x0f) != NTAG_CONTAINER_READ_ONLY;
	const char *why = "page 3 is locked, and says that nothing is to be written";
	if (!locked)
		why = "page 3 is not locked: bits of it can be set";
	else if (granted)
		why = "page 3 is locked, but tells phones that they may write";
	find(at, TAG_AREA_CONTAINER, locked && !granted ? TAG_FIXED : TAG_OPEN, why);
}

static void find_lock_bits(struct tag_finding **at, const struct ntag *chip, const uint8_t *memory) {
	bool fixed = (ntag_static_frozen(memory) & (STATIC_LOCKS | STATIC_BLOCKS)) == (STATIC_LOCKS | STATIC_BLOCKS);
	find(at, TAG_AREA_STATIC_LOCK_BITS, fixed ? TAG_FIXED : TAG_OPEN,
	     fixed ? "all three block-lock bits in page 2 are set"
	           : "a block-lock bit in page 2 is not set: lock bits can be set");
	uint32_t all =
	        (uint32_t)chip->dynamic_lock[0] | (uint32_t)chip->dynamic_lock[1] << 8 | (uint32_t)chip->dynamic_lock[2] << 16;
	char why[TAG_WHY_SIZE];
	fixed = (ntag_dynamic_frozen(chip, memory) & all) == all;
	snprintf(why, sizeof(why),
	         fixed ? "all block-lock bits in page %u are set"
	               : "a block-lock bit in page %u is not set: lock bits can be set",
	         chip->dynamic_lock_page);
	find(at, TAG_AREA_DYNAMIC_LOCK_BITS, fixed ? TAG_FIXED : TAG_OPEN, why);
}

/* With the configuration open, somebody can put a password before the message, or lay the mirror over it. What is locked in is
 * looked at, too: a mirror that is on shows something else than what is stored. */
static void find_configuration(struct tag_finding **at, const struct ntag *chip, const uint8_t *memory) {
	const uint8_t *cfg0 = ntag_page_of(memory, ntag_cfg0_page(chip));
	bool locked = ntag_page_locked(chip, memory, ntag_cfg0_page(chip));
	bool mirror = cfg0[0] & NTAG_MIRROR, password = cfg0[3] < chip->pages;
	const char *why = "CFGLCK is set; no mirror, no password";
	if (!locked)
		why = "CFGLCK is not set: password, mirror and counter can be switched on";
	else if (mirror)
		why = "CFGLCK is set, but the mirror is on: it changes what is read";
	else if (password)
		why = "CFGLCK is set, but a password guards some pages";
	bool fixed = locked && !mirror && !password;
	find(at, TAG_AREA_CONFIGURATION, fixed ? TAG_FIXED : TAG_OPEN, why);
	find(at, TAG_AREA_PASSWORD, fixed ? TAG_HARMLESS : TAG_OPEN,
	     fixed ? "no lock covers PWD and PACK; nothing reads them and they guard nothing (AUTH0 is ff and locked)"
	           : "no lock covers PWD and PACK, and the configuration lets them guard pages");
}

/* What the container says is a statement to phones; what the card enforces is its application's business. */
static void find_type4(struct tag_finding **at, const struct tag_image *image) {
	struct type4_container container = { .write_access = TYPE4_ACCESS_FREE };
	type4_container_parse(image->bytes, image->length, &container);
	bool never = container.write_access == TYPE4_ACCESS_NEVER;
	find(at, TAG_AREA_CONTAINER, never ? TAG_UNTOLD : TAG_OPEN,
	     never ? "it says that nothing is to be written; whether itself can be, only trying tells"
	           : "it tells phones that they may write");
	find(at, TAG_AREA_FILE, never ? TAG_UNTOLD : TAG_OPEN,
	     never ? "the container says that it is not to be written; whether it can be, only trying tells"
	           : "the container says that it may be written");
}

size_t tag_findings(const struct tag_image *image, struct tag_finding out[TAG_FINDINGS_LIMIT]) {
	const struct ntag *chip = tag_ntag(image->kind);
	struct tag_finding *at = out;
	if (!chip) {
		find_type4(&at, image);
		return (size_t)(at - out);
	}
	find(&at, TAG_AREA_UID, TAG_FIXED, "the chip's maker locked it");
	find_container(&at, chip, image->bytes);
	find_pages(&at, TAG_AREA_STATIC_PAGES, chip, image->bytes, NTAG_USER_PAGE, NTAG_DYNAMIC_FIRST - 1);
	find_pages(&at, TAG_AREA_DYNAMIC_PAGES, chip, image->bytes, NTAG_DYNAMIC_FIRST, chip->dynamic_lock_page - 1u);
	find_lock_bits(&at, chip, image->bytes);
	find_configuration(&at, chip, image->bytes);
	return (size_t)(at - out);
}

bool tag_findings_open(const struct tag_finding *findings, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (findings[i].protection == TAG_OPEN)
			return true;
	return false;
}

const char *tag_area_name(enum tag_area area) {
	switch (area) {
	case TAG_AREA_UID:
		return "uid";
	case TAG_AREA_CONTAINER:
		return "capability container";
	case TAG_AREA_STATIC_PAGES:
		return "pages 4-15";
	case TAG_AREA_DYNAMIC_PAGES:
		return "pages from 16";
	case TAG_AREA_STATIC_LOCK_BITS:
		return "static lock bits";
	case TAG_AREA_DYNAMIC_LOCK_BITS:
		return "dynamic lock bits";
	case TAG_AREA_CONFIGURATION:
		return "configuration";
	case TAG_AREA_PASSWORD:
		return "password";
	case TAG_AREA_FILE:
		return "ndef file";
	}
	return "";
}

const char *tag_protection_name(enum tag_protection protection) {
	switch (protection) {
	case TAG_FIXED:
		return "locked";
	case TAG_OPEN:
		return "writable";
	case TAG_HARMLESS:
		return "harmless";
	case TAG_UNTOLD:
		return "untold";
	}
	return "";
}
