#include "nfc/plan.h"

#include <stdbool.h>
#include <string.h>

/* What the page is to hold: our bits of the wanted one, the others as they are. */
static bool page_differs(const struct ntag *chip, const uint8_t *present, const uint8_t *wanted, unsigned page, uint8_t out[4]) {
	uint8_t mask[NTAG_PAGE_SIZE];
	ntag_mask(chip, page, mask);
	const uint8_t *is = ntag_page_of(present, page), *shall = ntag_page_of(wanted, page);
	for (size_t i = 0; i < NTAG_PAGE_SIZE; i++)
		out[i] = (uint8_t)((shall[i] & mask[i]) | (is[i] & ~mask[i]));
	return memcmp(out, is, NTAG_PAGE_SIZE) != 0;
}

static bool asks_for_password(const struct ntag *chip, const uint8_t *present, unsigned page) {
	return ntag_page_of(present, ntag_cfg0_page(chip))[3] <= page;
}

/* Lock bits that are to be set and are frozen as they are. */
static bool locks_stuck(const struct ntag *chip, const uint8_t *present, const uint8_t *wanted, unsigned page) {
	const uint8_t *is = ntag_page_of(present, page), *shall = ntag_page_of(wanted, page);
	if (page == NTAG_LOCK_PAGE) {
		unsigned missing = (unsigned)(shall[2] & ~is[2]) | (unsigned)(shall[3] & ~is[3]) << 8;
		return missing & ntag_static_frozen(present);
	}
	uint32_t missing = 0;
	for (unsigned i = 0; i < 3; i++)
		missing |= (uint32_t)(shall[i] & ~is[i]) << 8 * i;
	return missing & ntag_dynamic_frozen(chip, present);
}

static enum reason plan_page(const struct ntag *chip, const uint8_t *present, const uint8_t *wanted, unsigned page,
                             struct ntag_plan *plan) {
	struct ntag_write *write = &plan->writes[plan->count];
	if (!page_differs(chip, present, wanted, page, write->bytes))
		return REASON_OK;
	bool locks = page == NTAG_LOCK_PAGE || page == chip->dynamic_lock_page;
	bool stuck = locks ? locks_stuck(chip, present, wanted, page) : ntag_page_locked(chip, present, page);
	if (stuck || asks_for_password(chip, present, page))
		return REASON_TAG_LOCKED;
	write->page = (uint8_t)page;
	plan->count++;
	return REASON_OK;
}

enum reason ntag_plan_make(const struct ntag *chip, const uint8_t *present, const uint8_t *wanted, struct ntag_plan *ret) {
	/* The container last but one, because what is in page 2 locks it. The dynamic lock bytes after the configuration, which
	 * they do not guard: that way the tag is open as long as anything is missing. */
	const unsigned locking[] = { ntag_cfg0_page(chip), ntag_cfg1_page(chip), chip->dynamic_lock_page, NTAG_CONTAINER_PAGE,
		                     NTAG_LOCK_PAGE };
	struct ntag_plan plan = { .count = 0 };
	const uint8_t *container = ntag_page_of(present, NTAG_CONTAINER_PAGE);
	for (unsigned i = 0; i < NTAG_PAGE_SIZE; i++)
		if (container[i] & ~ntag_page_of(wanted, NTAG_CONTAINER_PAGE)[i])
			return REASON_TAG_UNKNOWN;
	enum reason reason = REASON_OK;
	/* From the last page to the first: page 4 says that there is a message, so it comes when all of it is there. */
	for (unsigned page = chip->dynamic_lock_page - 1u; page >= NTAG_USER_PAGE && reason == REASON_OK; page--)
		reason = plan_page(chip, present, wanted, page, &plan);
	plan.content = plan.count;
	for (size_t i = 0; i < sizeof(locking) / sizeof(locking[0]) && reason == REASON_OK; i++)
		reason = plan_page(chip, present, wanted, locking[i], &plan);
	if (reason == REASON_OK)
		*ret = plan;
	return reason;
}
