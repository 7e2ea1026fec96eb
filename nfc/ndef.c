#include "nfc/ndef.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

/* NDEF record header, NDEF 1.0 section 3.2 */
#define MESSAGE_BEGIN 0x80
#define MESSAGE_END 0x40
#define CHUNKED 0x20
#define SHORT_RECORD 0x10
#define ID_LENGTH 0x08
#define TYPE_NAME_FORMAT 0x07
#define TNF_EMPTY 0x00
#define TNF_WELL_KNOWN 0x01
#define TNF_EXTERNAL 0x04
#define TNF_UNCHANGED 0x06 /* only inside a chunked record */
#define TNF_RESERVED 0x07

static const char uri_prefix[] = "urn:lanyard:camera:";
static const char language[] = "en";
static const char key_type[] = "lanyard.org:key";
#define URI_NO_ABBREVIATION 0x00

static bool alphanumeric(char c) {
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool serial_good(const char *text) {
	size_t length = strlen(text);
	for (size_t i = 0; i < length; i++)
		if (!alphanumeric(text[i]) && (i == 0 || !strchr("-_.", text[i])))
			return false;
	return length > 0 && length <= NFC_SERIAL_LIMIT;
}

static bool model_good(const char *text) {
	size_t length = strlen(text);
	for (size_t i = 0; i < length; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return length > 0 && length <= NFC_MODEL_LIMIT && alphanumeric(text[0]);
}

static void record_head(struct writer *w, uint8_t flags, uint8_t format, const char *type, size_t payload_length) {
	writer_u8(w, flags | SHORT_RECORD | format);
	writer_u8(w, (uint8_t)strlen(type));
	writer_u8(w, (uint8_t)payload_length);
	writer_copy(w, type, strlen(type));
}

int ndef_encode(const struct nfc_identity *identity, uint8_t *out, size_t capacity, size_t *ret_length) {
	if (!serial_good(identity->serial) || !model_good(identity->model))
		return -EINVAL;
	struct writer w = writer_over(out, capacity);
	size_t model = strlen(identity->model), serial = strlen(identity->serial);

	record_head(&w, MESSAGE_BEGIN, TNF_WELL_KNOWN, "T", 1 + strlen(language) + model + 1 + serial);
	writer_u8(&w, (uint8_t)strlen(language)); /* UTF-8: bit 7 clear */
	writer_copy(&w, language, strlen(language));
	writer_copy(&w, identity->model, model);
	writer_u8(&w, ' ');
	writer_copy(&w, identity->serial, serial);

	record_head(&w, identity->has_fingerprint ? 0 : MESSAGE_END, TNF_WELL_KNOWN, "U", 1 + strlen(uri_prefix) + serial);
	writer_u8(&w, URI_NO_ABBREVIATION);
	writer_copy(&w, uri_prefix, strlen(uri_prefix));
	writer_copy(&w, identity->serial, serial);

	if (identity->has_fingerprint) {
		record_head(&w, MESSAGE_END, TNF_EXTERNAL, key_type, NFC_FINGERPRINT_SIZE);
		writer_copy(&w, identity->fingerprint, NFC_FINGERPRINT_SIZE);
	}
	if (w.failed)
		return -ENOSPC;
	*ret_length = writer_length(&w);
	return 0;
}

struct ndef_record {
	uint8_t flags;
	const uint8_t *type, *payload;
	size_t type_length, payload_length;
};

/* A chunked record is refused: none of ours is one, and putting chunks together would need memory of the message's choosing. */
static bool record_read(struct reader *r, struct ndef_record *ret) {
	ret->flags = reader_u8(r);
	ret->type_length = reader_u8(r);
	ret->payload_length = ret->flags & SHORT_RECORD ? reader_u8(r) : reader_u32(r);
	size_t id_length = ret->flags & ID_LENGTH ? reader_u8(r) : 0;
	ret->type = reader_take(r, ret->type_length);
	reader_take(r, id_length);
	ret->payload = reader_take(r, ret->payload_length);
	unsigned format = ret->flags & TYPE_NAME_FORMAT;
	bool empty = ret->type_length == 0 && id_length == 0 && ret->payload_length == 0;
	return !r->failed && !(ret->flags & CHUNKED) && format != TNF_UNCHANGED && format != TNF_RESERVED &&
	       (format != TNF_EMPTY || empty);
}

static bool record_is(const struct ndef_record *record, uint8_t format, const char *type) {
	return (record->flags & TYPE_NAME_FORMAT) == format && record->type_length == strlen(type) &&
	       memcmp(record->type, type, record->type_length) == 0;
}

static bool text_copy(char *out, size_t limit, const uint8_t *bytes, size_t length) {
	if (length > limit || memchr(bytes, '\0', length))
		return false;
	memcpy(out, bytes, length);
	out[length] = '\0';
	return true;
}

/* What the records of one message have said so far. */
struct reading {
	struct nfc_identity identity;
	char text[NFC_MODEL_LIMIT + 1 + NFC_SERIAL_LIMIT + 1];
};

static bool read_uri(const struct ndef_record *record, struct reading *reading) {
	size_t prefix = strlen(uri_prefix);
	char *serial = reading->identity.serial;
	if (record->payload_length < 1 + prefix || record->payload[0] != URI_NO_ABBREVIATION ||
	    memcmp(record->payload + 1, uri_prefix, prefix) != 0)
		return true; /* somebody else's URI: passed over */
	return *serial == '\0' &&
	       text_copy(serial, NFC_SERIAL_LIMIT, record->payload + 1 + prefix, record->payload_length - 1 - prefix) &&
	       serial_good(serial);
}

/* Text in any language; the first one that is UTF-8 and not too long counts. */
static bool read_text(const struct ndef_record *record, struct reading *reading) {
	if (record->payload_length < 1 || record->payload[0] & 0x80)
		return true; /* empty, or UTF-16: nothing of ours */
	size_t skip = 1 + (size_t)(record->payload[0] & 0x3f);
	if (skip > record->payload_length)
		return false;
	if (*reading->text == '\0' &&
	    !text_copy(reading->text, sizeof(reading->text) - 1, record->payload + skip, record->payload_length - skip))
		*reading->text = '\0';
	return true;
}

static bool read_key(const struct ndef_record *record, struct reading *reading) {
	struct nfc_identity *identity = &reading->identity;
	if (identity->has_fingerprint || record->payload_length != NFC_FINGERPRINT_SIZE)
		return false;
	memcpy(identity->fingerprint, record->payload, NFC_FINGERPRINT_SIZE);
	identity->has_fingerprint = true;
	return true;
}

/* "MODEL SERIAL": the model is what stands before the serial. A text that is something else tells no model. */
static void take_model(struct reading *reading) {
	struct nfc_identity *identity = &reading->identity;
	size_t text = strlen(reading->text), serial = strlen(identity->serial);
	if (text < serial + 2 || text - serial - 1 > NFC_MODEL_LIMIT || reading->text[text - serial - 1] != ' ' ||
	    strcmp(reading->text + text - serial, identity->serial) != 0)
		return;
	memcpy(identity->model, reading->text, text - serial - 1);
	identity->model[text - serial - 1] = '\0';
	if (!model_good(identity->model))
		identity->model[0] = '\0';
}

enum reason ndef_decode(const uint8_t *bytes, size_t length, struct nfc_identity *ret) {
	struct reader r = reader_over(bytes, length);
	struct reading reading = { .text = "" };
	for (bool first = true, last = false; !last; first = false) {
		struct ndef_record record;
		if (!record_read(&r, &record) || !!(record.flags & MESSAGE_BEGIN) != first)
			return REASON_NDEF_MALFORMED;
		last = record.flags & MESSAGE_END;
		bool good = true;
		if (record_is(&record, TNF_WELL_KNOWN, "U"))
			good = read_uri(&record, &reading);
		else if (record_is(&record, TNF_WELL_KNOWN, "T"))
			good = read_text(&record, &reading);
		else if (record_is(&record, TNF_EXTERNAL, key_type))
			good = read_key(&record, &reading);
		if (!good)
			return REASON_NDEF_MALFORMED;
	}
	if (!reader_done(&r))
		return REASON_NDEF_MALFORMED;
	if (reading.identity.serial[0] == '\0')
		return REASON_TAG_FOREIGN;
	take_model(&reading);
	*ret = reading.identity;
	return REASON_OK;
}

int nfc_fingerprint_parse(const char *text, uint8_t out[NFC_FINGERPRINT_SIZE]) {
	char digits[2 * NFC_FINGERPRINT_SIZE + 1];
	size_t count = 0;
	for (size_t i = 0; text[i]; i++) {
		bool dash = text[i] == '-' && i % 5 == 4;
		if (dash && text[i + 1])
			continue;
		if (count == sizeof(digits) - 1)
			return -EINVAL;
		digits[count++] = text[i];
	}
	digits[count] = '\0';
	return hex_decode(out, NFC_FINGERPRINT_SIZE, digits);
}

void nfc_fingerprint_format(const uint8_t fingerprint[NFC_FINGERPRINT_SIZE], char out[NFC_FINGERPRINT_TEXT]) {
	for (size_t group = 0; group < NFC_FINGERPRINT_SIZE / 2; group++) {
		hex_encode(out + 5 * group, fingerprint + 2 * group, 2);
		out[5 * group + 4] = '-';
	}
	out[NFC_FINGERPRINT_TEXT - 1] = '\0';
}
