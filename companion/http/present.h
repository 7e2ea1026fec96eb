/* What the API shows, as JSON (docs/http/openapi.yaml). Each returns a new reference, or NULL when out of memory. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "companion/parts.h"

/* now_us: CLOCK_BOOTTIME. */
json_t *present_status(const struct parts *parts, uint64_t now_us);
json_t *present_recording(const lanyard_Recording *recording);
json_t *present_recordings(const lanyard_Recording *list, size_t count, bool more);
json_t *present_receipt(const lanyard_TagReceipt *receipt);
/* REASON_OK with *ret; REASON_MESSAGE_MALFORMED for one that the camera has not signed: whoever keeps that keeps nothing. */
enum reason present_slate_head(const lanyard_SlateHeadResponse *head, json_t **ret);
/* Text that a peer chose: when it is not UTF-8, what is not ASCII in it is shown as "?". */
json_t *present_text(const char *text);
