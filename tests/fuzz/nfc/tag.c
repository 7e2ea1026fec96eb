/* An image from a file or a tag: its kind, what it says, what can be changed on it, and what it would take to give it our
 * content. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "nfc/lock.h"
#include "nfc/plan.h"
#include "nfc/tag.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
	static const struct nfc_identity ours = { .serial = "S1", .model = "M" };
	static struct ntag_plan plan;
	struct nfc_identity identity;
	struct tag_image image, wanted;
	struct tag_finding findings[TAG_FINDINGS_LIMIT];
	if (tag_image_from_bytes(bytes, length, &image) != REASON_OK)
		return 0;
	tag_image_read(&image, &identity);
	size_t count = tag_findings(&image, findings);
	assert(count > 0 && count <= TAG_FINDINGS_LIMIT);
	const struct ntag *chip = tag_ntag(image.kind);
	if (!chip || tag_image_make(image.kind, &ours, NULL, &wanted) < 0 ||
	    ntag_plan_make(chip, image.bytes, wanted.bytes, &plan) != REASON_OK)
		return 0;
	/* After the plan nothing is left to do, and nothing is open: a write only ever sets what it says it sets. */
	for (size_t i = 0; i < plan.count; i++)
		memcpy(ntag_page(image.bytes, plan.writes[i].page), plan.writes[i].bytes, NTAG_PAGE_SIZE);
	count = tag_findings(&image, findings);
	assert(!tag_findings_open(findings, count));
	assert(tag_image_read(&image, &identity) == REASON_OK && strcmp(identity.serial, "S1") == 0);
	return 0;
}
