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
#define TNF_WELL_KNOWN 0x01
#define TNF_EXTERNAL 0x04

static const char uri_prefix[] = "urn:lanyard:camera:";
static const char language[] = "en";
static const char key_type[] = "lanyard.org:key";
#define URI_NO_ABBREVIATION 0x00

static bool printable(const char *text, size_t limit, bool space_allowed) {
	size_t length = strlen(text);
	for (size_t i = 0; i < length; i++)
		if (text[i] < 0x20 || text[i] > 0x7e || (text[i] == ' ' && !space_allowed))
			return false;
	return length > 0 && length <= limit;
}

static void record_head(struct writer *w, uint8_t flags, uint8_t format, const char *type, size_t payload_length) {
	writer_u8(w, flags | SHORT_RECORD | format);
	writer_u8(w, (uint8_t)strlen(type));
	writer_u8(w, (uint8_t)payload_length);
	writer_copy(w, type, strlen(type));
}

int ndef_encode(const struct nfc_identity *identity, uint8_t *out, size_t capacity, size_t *ret_length) {
	if (!printable(identity->serial, NFC_SERIAL_LIMIT, false) || !printable(identity->model, NFC_MODEL_LIMIT, true))
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

static bool record_read(struct reader *r, struct ndef_record *ret) {
	ret->flags = reader_u8(r);
	ret->type_length = reader_u8(r);
	ret->payload_length = ret->flags & SHORT_RECORD ? reader_u8(r) : reader_u32(r);
	size_t id_length = ret->flags & ID_LENGTH ? reader_u8(r) : 0;
	ret->type = reader_take(r, ret->type_length);
	reader_take(r, id_length);
	ret->payload = reader_take(r, ret->payload_length);
	return !r->failed && !(ret->flags & CHUNKED);
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

static bool read_uri(const struct ndef_record *record, struct nfc_identity *identity) {
	size_t prefix = strlen(uri_prefix);
	if (record->payload_length < 1 + prefix || record->payload[0] != URI_NO_ABBREVIATION ||
	    memcmp(record->payload + 1, uri_prefix, prefix) != 0)
		return true; /* somebody else's URI: passed over */
	return text_copy(identity->serial, NFC_SERIAL_LIMIT, record->payload + 1 + prefix, record->payload_length - 1 - prefix) &&
	       printable(identity->serial, NFC_SERIAL_LIMIT, false);
}

static bool read_text(const struct ndef_record *record, char *text, size_t limit) {
	if (record->payload_length < 1 || record->payload[0] & 0x80)
		return true; /* empty, or UTF-16: nothing of ours */
	size_t skip = 1 + (size_t)(record->payload[0] & 0x3f);
	if (skip > record->payload_length)
		return false;
	return text_copy(text, limit, record->payload + skip, record->payload_length - skip);
}

int ndef_decode(const uint8_t *bytes, size_t length, struct nfc_identity *ret) {
	struct reader r = reader_over(bytes, length);
	struct nfc_identity identity = { .serial = "" };
	char text[NFC_MODEL_LIMIT + 1 + NFC_SERIAL_LIMIT + 1] = "";
	for (bool first = true, last = false; !last; first = false) {
		struct ndef_record record;
		if (!record_read(&r, &record) || !!(record.flags & MESSAGE_BEGIN) != first)
			return -EBADMSG;
		last = record.flags & MESSAGE_END;
		bool good = true;
		if (record_is(&record, TNF_WELL_KNOWN, "U"))
			good = read_uri(&record, &identity);
		else if (record_is(&record, TNF_WELL_KNOWN, "T"))
			good = read_text(&record, text, sizeof(text) - 1);
		else if (record_is(&record, TNF_EXTERNAL, key_type)) {
			good = record.payload_length == NFC_FINGERPRINT_SIZE;
			if (good)
				memcpy(identity.fingerprint, record.payload, NFC_FINGERPRINT_SIZE);
			identity.has_fingerprint = good;
		}
		if (!good)
			return -EBADMSG;
	}
	if (!reader_done(&r) || identity.serial[0] == '\0')
		return -EBADMSG;
	/* "MODEL SERIAL": the model is what stands before the serial. */
	size_t text_length = strlen(text), serial_length = strlen(identity.serial);
	if (text_length > serial_length + 1 && text_length - serial_length - 1 <= NFC_MODEL_LIMIT &&
	    text[text_length - serial_length - 1] == ' ' && strcmp(text + text_length - serial_length, identity.serial) == 0) {
		memcpy(identity.model, text, text_length - serial_length - 1);
		identity.model[text_length - serial_length - 1] = '\0';
	}
	if (identity.model[0] != '\0' && !printable(identity.model, NFC_MODEL_LIMIT, true))
		return -EBADMSG;
	*ret = identity;
	return 0;
}
