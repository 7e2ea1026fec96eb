#include "nfc/card.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "nfc/card_commands.h"
#include "nfc/plan.h"

/* The file of a container, NDEF Tag Application's own (Type 4 Tag 2.0, section 5.1). */
#define CONTAINER_FILE 0xe103

/* Where the historical bytes of such an answer begin, and where the two bytes of the tag's name are in it. */
#define ATR_HISTORY_AT 4
#define ATR_NAME_AT 13

/* ------------------------------------------------------------------------------------------------------------------- reading */

/* A reader makes up the answer to reset of a tag that has none: RID of the PC/SC workgroup, then the standard and the name. */
static bool is_storage_card(const struct card_port *port) {
	static const uint8_t start[] = { 0x80, 0x4f, 0x0c, 0xa0, 0x00, 0x00, 0x03, 0x06 };
	return port->atr_length >= ATR_NAME_AT + 2 && memcmp(port->atr + ATR_HISTORY_AT, start, sizeof(start)) == 0;
}

/* ISO/IEC 14443 A part 3, and MIFARE Ultralight or Ultralight C, whose commands an NTAG speaks. */
static bool is_type2(const struct card_port *port) {
	const uint8_t *name = port->atr + ATR_NAME_AT;
	return port->atr[ATR_NAME_AT - 1] == 0x03 && name[0] == 0x00 && (name[1] == 0x03 || name[1] == 0x3a);
}

static enum reason ntag_read(const struct card_port *port, struct tag_image *image) {
	uint8_t four[4 * NTAG_PAGE_SIZE];
	enum reason reason = card_read_pages(port, 0, four);
	if (reason == REASON_OK)
		reason = tag_kind_from_container(four + NTAG_CONTAINER_PAGE * NTAG_PAGE_SIZE, &image->kind);
	if (reason != REASON_OK)
		return reason;
	unsigned pages = tag_ntag(image->kind)->pages;
	memcpy(image->bytes, four, sizeof(four));
	image->length = (size_t)pages * NTAG_PAGE_SIZE;
	/* READ gives four pages, and begins again at page 0 after the last one. */
	for (unsigned page = 4; page < pages && reason == REASON_OK; page += 4) {
		unsigned count = pages - page < 4 ? pages - page : 4;
		reason = card_read_pages(port, (uint8_t)page, four);
		if (reason == REASON_OK)
			memcpy(ntag_page(image->bytes, page), four, (size_t)count * NTAG_PAGE_SIZE);
	}
	return reason;
}

static enum reason type4_read(const struct card_port *port, struct tag_image *image) {
	struct type4_container container;
	enum reason reason = card_select_application(port);
	if (reason == REASON_TAG_UNREADABLE)
		return REASON_TAG_UNKNOWN;
	if (reason == REASON_OK)
		reason = card_select_file(port, CONTAINER_FILE);
	if (reason == REASON_OK)
		reason = card_read_binary(port, 0, image->bytes, TYPE4_CONTAINER_SIZE, TYPE4_CONTAINER_SIZE);
	if (reason == REASON_OK)
		reason = type4_container_parse(image->bytes, TYPE4_CONTAINER_SIZE, &container);
	if (reason != REASON_OK)
		return reason;
	if (container.size + 2u > sizeof(image->bytes))
		return REASON_TAG_MALFORMED;
	if (container.read_access != TYPE4_ACCESS_FREE)
		return REASON_TAG_UNREADABLE;
	/* What else is in the container (files of its maker) is read, too: it is part of the image. */
	size_t more = container.size - TYPE4_CONTAINER_SIZE;
	reason = card_read_binary(port, TYPE4_CONTAINER_SIZE, image->bytes + TYPE4_CONTAINER_SIZE, more, container.read_limit);
	uint8_t *file = image->bytes + container.size;
	if (reason == REASON_OK)
		reason = card_select_file(port, container.file);
	if (reason == REASON_OK)
		reason = card_read_binary(port, 0, file, 2, container.read_limit);
	if (reason != REASON_OK)
		return reason;
	size_t length = (size_t)file[0] << 8 | file[1];
	if (length + 2 > container.file_size)
		return REASON_TAG_MALFORMED;
	if (container.size + 2 + length > sizeof(image->bytes))
		return REASON_TAG_FOREIGN;
	reason = card_read_binary(port, 2, file + 2, length, container.read_limit);
	image->kind = TAG_TYPE4;
	image->length = container.size + 2 + length;
	return reason;
}

enum reason card_read(const struct card_port *port, struct card_content *ret) {
	struct card_content content = { .uid_length = 0 };
	enum reason reason = card_get_uid(port, content.uid, &content.uid_length);
	if (reason == REASON_OK && !is_storage_card(port))
		reason = type4_read(port, &content.image);
	else if (reason == REASON_OK)
		reason = is_type2(port) ? ntag_read(port, &content.image) : REASON_TAG_UNKNOWN;
	if (reason == REASON_OK)
		*ret = content;
	return reason;
}

/* ------------------------------------------------------------------------------------------------------------------- writing */

static enum reason write_pages(const struct card_port *port, const struct ntag_write *writes, size_t count) {
	enum reason reason = REASON_OK;
	for (size_t i = 0; i < count && reason == REASON_OK; i++)
		reason = card_write_page(port, writes[i].page, writes[i].bytes);
	return reason;
}

/* A tag that agrees to everything and keeps something else must not be locked. */
static enum reason pages_read_back(const struct card_port *port, const struct ntag *chip, const struct tag_image *wanted) {
	struct tag_image now;
	enum reason reason = ntag_read(port, &now);
	if (reason != REASON_OK)
		return reason;
	size_t length = (size_t)(chip->dynamic_lock_page - NTAG_USER_PAGE) * NTAG_PAGE_SIZE;
	bool same = now.kind == wanted->kind &&
	            memcmp(ntag_page_of(now.bytes, NTAG_USER_PAGE), ntag_page_of(wanted->bytes, NTAG_USER_PAGE), length) == 0;
	return same ? REASON_OK : REASON_TAG_DIFFERS;
}

static enum reason ntag_write(const struct card_port *port, const struct tag_image *wanted, const struct tag_image *present,
                              bool *ret_changed) {
	const struct ntag *chip = tag_ntag(wanted->kind);
	struct ntag_plan plan;
	enum reason reason = ntag_plan_make(chip, present->bytes, wanted->bytes, &plan);
	if (reason != REASON_OK)
		return reason;
	*ret_changed = plan.count > 0;
	reason = write_pages(port, plan.writes, plan.content);
	if (reason == REASON_OK)
		reason = pages_read_back(port, chip, wanted);
	if (reason == REASON_OK)
		reason = write_pages(port, plan.writes + plan.content, plan.count - plan.content);
	return reason;
}

/* The card's own container stays: only its file control block knows the card's sizes. */
static enum reason type4_write(const struct card_port *port, const struct tag_image *wanted, const struct tag_image *present,
                               bool *ret_changed) {
	struct type4_container container;
	const uint8_t *message = NULL, *there = NULL;
	size_t length = 0, there_length = 0;
	type4_container_parse(present->bytes, present->length, &container);
	if (tag_image_message(wanted, &message, &length) != REASON_OK)
		return REASON_TAG_MALFORMED;
	bool same = tag_image_message(present, &there, &there_length) == REASON_OK && there_length == length &&
	            memcmp(there, message, length) == 0;
	bool locked = container.write_access != TYPE4_ACCESS_FREE;
	if (locked && !same)
		return REASON_TAG_LOCKED;
	if (length + 2 > container.file_size)
		return REASON_TAG_TOO_SMALL;
	*ret_changed = !same || !locked;
	uint8_t back[NDEF_LIMIT], head[2] = { 0 };
	enum reason reason = card_select_application(port);
	if (reason == REASON_OK)
		reason = card_select_file(port, container.file);
	if (!same) {
		/* Length 0 until the message is there and was read back (Type 4 Tag 2.0, section 5.4.6). */
		if (reason == REASON_OK)
			reason = card_update_binary(port, 0, head, sizeof(head), container.write_limit);
		if (reason == REASON_OK)
			reason = card_update_binary(port, 2, message, length, container.write_limit);
		if (reason == REASON_OK)
			reason = card_read_binary(port, 2, back, length, container.read_limit);
		if (reason == REASON_OK && memcmp(back, message, length) != 0)
			reason = REASON_TAG_DIFFERS;
		head[0] = (uint8_t)(length >> 8);
		head[1] = (uint8_t)length;
		if (reason == REASON_OK)
			reason = card_update_binary(port, 0, head, sizeof(head), container.write_limit);
	}
	if (reason != REASON_OK || locked)
		return reason;
	static const uint8_t never[] = { TYPE4_ACCESS_NEVER };
	reason = card_select_file(port, CONTAINER_FILE);
	if (reason == REASON_OK)
		reason = card_update_binary(port, TYPE4_WRITE_ACCESS_AT, never, 1, container.write_limit);
	return reason == REASON_TAG_LOCKED ? REASON_TAG_WRITABLE : reason;
}

enum reason card_write(const struct card_port *port, const struct tag_image *wanted, struct card_content *ret,
                       bool *ret_changed) {
	struct card_content content;
	bool changed = false;
	enum reason reason = card_read(port, &content);
	if (reason != REASON_OK)
		return reason;
	if (content.image.kind != wanted->kind)
		return REASON_TAG_UNKNOWN;
	reason = tag_ntag(wanted->kind) ? ntag_write(port, wanted, &content.image, &changed)
	                                : type4_write(port, wanted, &content.image, &changed);
	/* What was refused half-way leaves an NTAG deaf until its field was off. */
	if (changed && port->reset(port->context) < 0)
		return REASON_TAG_GONE;
	if (reason != REASON_OK)
		return reason;
	if (changed)
		reason = card_read(port, &content);
	if (reason != REASON_OK)
		return reason;
	struct ntag_plan rest = { .count = 0 };
	const struct ntag *chip = tag_ntag(wanted->kind);
	if (chip && (ntag_plan_make(chip, content.image.bytes, wanted->bytes, &rest) != REASON_OK || rest.count > 0))
		return REASON_TAG_DIFFERS;
	*ret = content;
	*ret_changed = changed;
	return REASON_OK;
}

/* -------------------------------------------------------------------------------------------------------------------- trying */

static void correct(struct tag_finding *findings, size_t count, enum tag_area area, enum reason tried) {
	for (size_t i = 0; i < count; i++) {
		struct tag_finding *finding = &findings[i];
		if (finding->area != area || finding->protection == TAG_OPEN)
			continue;
		if (tried == REASON_OK) {
			finding->protection = TAG_OPEN;
			snprintf(finding->why, sizeof(finding->why), "it was tried: the tag takes writes, whatever it says");
		} else if (finding->protection == TAG_UNTOLD) {
			finding->protection = TAG_FIXED;
			snprintf(finding->why, sizeof(finding->why), "it was tried: the tag refuses");
		}
	}
}

static enum reason ntag_try(const struct card_port *port, const struct tag_image *image, struct tag_finding *findings,
                            size_t count) {
	const struct ntag *chip = tag_ntag(image->kind);
	const struct {
		enum tag_area area;
		unsigned page;
	} tries[] = { { TAG_AREA_STATIC_PAGES, NTAG_USER_PAGE }, { TAG_AREA_DYNAMIC_PAGES, NTAG_DYNAMIC_FIRST } };
	for (size_t i = 0; i < ELEMENTS(tries); i++) {
		if (!ntag_page_locked(chip, image->bytes, tries[i].page))
			continue; /* known to be open; a tag is not written for nothing */
		enum reason tried = card_write_page(port, (uint8_t)tries[i].page, ntag_page_of(image->bytes, tries[i].page));
		if (tried == REASON_TAG_GONE || port->reset(port->context) < 0)
			return REASON_TAG_GONE;
		correct(findings, count, tries[i].area, tried);
	}
	return REASON_OK;
}

static enum reason type4_try(const struct card_port *port, const struct tag_image *image, struct tag_finding *findings,
                             size_t count) {
	struct type4_container container;
	if (type4_container_parse(image->bytes, image->length, &container) != REASON_OK ||
	    container.write_access != TYPE4_ACCESS_NEVER)
		return REASON_OK; /* known to be open; a tag is not written for nothing */
	enum reason file = card_select_application(port);
	if (file == REASON_OK)
		file = card_select_file(port, container.file);
	if (file == REASON_OK)
		file = card_update_binary(port, 0, image->bytes + container.size, 2, container.write_limit);
	enum reason self = file == REASON_TAG_GONE ? file : card_select_file(port, CONTAINER_FILE);
	if (self == REASON_OK)
		self = card_update_binary(port, TYPE4_WRITE_ACCESS_AT, image->bytes + TYPE4_WRITE_ACCESS_AT, 1,
		                          container.write_limit);
	if (file == REASON_TAG_GONE || self == REASON_TAG_GONE)
		return REASON_TAG_GONE;
	correct(findings, count, TAG_AREA_FILE, file);
	correct(findings, count, TAG_AREA_CONTAINER, self);
	return REASON_OK;
}

enum reason card_try(const struct card_port *port, const struct card_content *content, struct tag_finding *findings,
                     size_t count) {
	return tag_ntag(content->image.kind) ? ntag_try(port, &content->image, findings, count)
	                                     : type4_try(port, &content->image, findings, count);
}
