/* docs/vectors/protocol.json: a complete pairing, a session, adverts and records from fixed keys. The test makes the file anew
 * out of our code and wants the same bytes; vectors.py computes it a second time with nothing of ours. After a change of the
 * protocol: `unit-pairing-vectors print > docs/vectors/protocol.json`, and see that vectors.py agrees. */
#include <stdio.h>
#include <stdlib.h>

#include "pairing/channel_internal.h"
#include "pairing/hello_advert.h"
#include "tests/unit/pairing/pair_of_channels.h"

#define FILE_NAME SOURCE_DIR "/docs/vectors/protocol.json"
#define CAMERA_NAME "LY-0001"
#define COMPANION_NAME "phone"
#define MEDIA_PSK "one media channel, one key, once"

/* --- random that is none: each end draws what stands in its list, in this order --- */

struct drawer {
	const uint8_t *next;
	unsigned left;
};

static void draw(void *context, uint8_t *out, size_t length) {
	struct drawer *drawer = context;
	assert_true(length == KEY_SIZE && drawer->left > 0);
	memcpy(out, drawer->next, KEY_SIZE);
	drawer->next += KEY_SIZE;
	drawer->left--;
}

static void counting(uint8_t first, uint8_t *out, size_t length) {
	for (size_t i = 0; i < length; i++)
		out[i] = (uint8_t)(first + i);
}

/* --- output --- */

static FILE *out;
static unsigned depth;
static bool first_of_its_kind;

static void begin_line(void) {
	fprintf(out, "%s\n%*s", first_of_its_kind ? "" : ",", (int)(2 * depth), "");
	first_of_its_kind = false;
}

static void open_block(const char *key, char bracket) {
	begin_line();
	if (key)
		fprintf(out, "\"%s\": ", key);
	fputc(bracket, out);
	depth++;
	first_of_its_kind = true;
}

static void close_block(char bracket) {
	depth--;
	fprintf(out, "\n%*s%c", (int)(2 * depth), "", bracket);
	first_of_its_kind = false;
}

static void print_text(const char *key, const char *value) {
	begin_line();
	fprintf(out, "\"%s\": \"%s\"", key, value);
}

static void print_number(const char *key, unsigned long long value) {
	begin_line();
	fprintf(out, "\"%s\": %llu", key, value);
}

static void print_hex(const char *key, const uint8_t *bytes, size_t length) {
	static char text[8192];
	assert_true(2 * length < sizeof(text));
	hex_encode(text, bytes, length);
	print_text(key, text);
}

/* --- a pair whose random is fixed --- */

static struct pair_of_channels pair;
static struct drawer camera_drawer, companion_drawer;
static const struct random_source camera_random = { draw, &camera_drawer }, companion_random = { draw, &companion_drawer };

static void open_pair(enum channel_kind kind) {
	struct channel_config camera = pair_config(&pair.camera, CAMERA_NAME, pair_record_of(&pair.camera));
	struct channel_config companion = pair_config(&pair.companion, COMPANION_NAME, pair_record_of(&pair.companion));
	pair_reset_end(&pair.camera);
	pair_reset_end(&pair.companion);
	camera.random = &camera_random;
	companion.random = &companion_random;
	if (kind == CHANNEL_MEDIA) {
		camera.media_psk = companion.media_psk = (const uint8_t *)MEDIA_PSK;
		camera.record_limit = companion.record_limit = RECORD_LIMIT_MEDIA;
	}
	assert_int_equal(channel_new_camera(&pair.camera.channel, &camera, kind == CHANNEL_MEDIA, pair.now_us), 0);
	assert_int_equal(channel_new_companion(&pair.companion.channel, &companion, kind, pair.now_us), 0);
}

/* Everything that the end has sent is one record: prints it and delivers it. */
static void print_record(struct pair_end *from, const char *what) {
	open_block(NULL, '{');
	print_text("from", from == &pair.camera ? "camera" : "companion");
	print_text("what", what);
	assert_true(from->wire_length >= RECORD_HEADER_SIZE);
	print_hex("record", from->wire, from->wire_length);
	close_block('}');
	assert_true(pair_deliver(&pair, from, from == &pair.camera ? &pair.companion : &pair.camera));
}

/* The companion's contribution and FINISH leave it together. */
static void print_two_records(struct pair_end *from, const char *first, const char *second) {
	const char *const what[] = { first, second };
	size_t at = 0;
	for (unsigned i = 0; i < 2; i++) {
		size_t length = RECORD_HEADER_SIZE + ((size_t)from->wire[at] << 8 | from->wire[at + 1]);
		open_block(NULL, '{');
		print_text("from", "companion");
		print_text("what", what[i]);
		print_hex("record", from->wire + at, length);
		close_block('}');
		at += length;
	}
	assert_int_equal(at, from->wire_length);
	assert_true(pair_deliver(&pair, from, &pair.camera));
}

static void print_secret_and_public(const char *name, const uint8_t secret[KEY_SIZE]) {
	uint8_t public[KEY_SIZE];
	char key[64];
	x25519_public(public, secret);
	snprintf(key, sizeof(key), "%s_secret", name);
	print_hex(key, secret, KEY_SIZE);
	snprintf(key, sizeof(key), "%s_public", name);
	print_hex(key, public, KEY_SIZE);
}

static void print_pairing(void) {
	uint8_t camera[2 * KEY_SIZE], companion[3 * KEY_SIZE];
	char code[16];
	counting(0x40, camera, sizeof(camera));       /* ephemeral key, contribution */
	counting(0x80, companion, sizeof(companion)); /* r, ephemeral key, contribution */
	counting(0x00, pair.camera.keys.secret, KEY_SIZE);
	counting(0x20, pair.companion.keys.secret, KEY_SIZE);
	x25519_public(pair.camera.keys.public, pair.camera.keys.secret);
	x25519_public(pair.companion.keys.public, pair.companion.keys.secret);
	camera_drawer = (struct drawer){ camera, 2 };
	companion_drawer = (struct drawer){ companion, 3 };

	open_block("pairing", '{');
	print_text("camera_name", CAMERA_NAME);
	print_text("companion_name", COMPANION_NAME);
	print_secret_and_public("camera_static", pair.camera.keys.secret);
	print_secret_and_public("companion_static", pair.companion.keys.secret);
	print_secret_and_public("camera_ephemeral", camera);
	print_secret_and_public("companion_ephemeral", companion + KEY_SIZE);
	print_hex("r", companion, NONCE_SIZE);
	print_hex("camera_contribution", camera + KEY_SIZE, CONTRIBUTION_SIZE);
	print_hex("companion_contribution", companion + 2 * KEY_SIZE, CONTRIBUTION_SIZE);
	open_block("records", '[');
	open_pair(CHANNEL_PAIRING);
	print_record(&pair.companion, "hello and message 1");
	uint8_t commitment[COMMITMENT_SIZE], h2[NOISE_HASH_SIZE], h3[NOISE_HASH_SIZE];
	memcpy(commitment, pair.camera.channel->commitment, sizeof(commitment));
	print_record(&pair.camera, "message 2");
	memcpy(h2, pair.companion.channel->code_hash, sizeof(h2));
	print_record(&pair.companion, "message 3");
	memcpy(h3, pair.camera.channel->handshake.hash, sizeof(h3));
	pair_confirm(&pair);
	print_record(&pair.camera, "CONTRIBUTION");
	print_two_records(&pair.companion, "CONTRIBUTION", "FINISH");
	print_record(&pair.camera, "DONE");
	close_block(']');
	assert_true(pair.camera.live && pair.companion.live && pair.camera.code == pair.companion.code);
	assert_memory_equal(pair.camera.record.secret, pair.companion.record.secret, KEY_SIZE);
	snprintf(code, sizeof(code), "%06u", pair.camera.code);
	print_hex("commitment", commitment, sizeof(commitment));
	print_hex("h2", h2, sizeof(h2));
	print_text("code", code);
	print_hex("h3", h3, sizeof(h3));
	print_hex("pairing_secret", pair.camera.record.secret, KEY_SIZE);
	close_block('}');
}

static void print_session(enum channel_kind kind) {
	uint8_t camera[KEY_SIZE], companion[KEY_SIZE];
	counting(kind == CHANNEL_SESSION ? 0x30 : 0x31, camera, sizeof(camera));
	counting(kind == CHANNEL_SESSION ? 0x50 : 0x51, companion, sizeof(companion));
	camera_drawer = (struct drawer){ camera, 1 };
	companion_drawer = (struct drawer){ companion, 1 };

	open_block(kind == CHANNEL_SESSION ? "session" : "media", '{');
	if (kind == CHANNEL_SESSION)
		print_hex("psk", pair.camera.record.secret, KEY_SIZE);
	else
		print_hex("psk", (const uint8_t *)MEDIA_PSK, KEY_SIZE);
	print_secret_and_public("camera_ephemeral", camera);
	print_secret_and_public("companion_ephemeral", companion);
	print_hex("companion_says", (const uint8_t *)"the first message", 17);
	print_hex("camera_says", (const uint8_t *)"its answer", 10);
	open_block("records", '[');
	open_pair(kind);
	print_record(&pair.companion, "hello and message 1");
	print_record(&pair.camera, "message 2");
	print_record(&pair.companion, "empty, which makes it live");
	assert_true(pair.camera.live && pair.companion.live);
	if (kind == CHANNEL_SESSION)
		print_record(&pair.camera, "empty, the answer to it");
	assert_int_equal(pair.camera.wire_length, 0);
	assert_int_equal(channel_send(pair.companion.channel, "the first message", 17), 0);
	print_record(&pair.companion, "companion_says");
	assert_int_equal(channel_send(pair.camera.channel, "its answer", 10), 0);
	print_record(&pair.camera, "camera_says");
	close_block(']');
	close_block('}');
}

static void print_adverts(void) {
	struct hello_advert advert = { .type = HELLO_ADVERT_PAIRING, .version_minimum = 1, .version_maximum = 1 };
	uint8_t bytes[HELLO_ADVERT_SIZE];
	static const unsigned long long seconds[] = { 1700000099, 1700000100, 1700000999 };
	open_block("adverts", '[');
	counting(0xf0, advert.id, sizeof(advert.id));
	hello_advert_write(&advert, bytes);
	open_block(NULL, '{');
	print_number("type", HELLO_ADVERT_PAIRING);
	print_hex("random", advert.id, sizeof(advert.id));
	print_hex("service_data", bytes, sizeof(bytes));
	close_block('}');
	for (size_t i = 0; i < ELEMENTS(seconds); i++) {
		advert.type = HELLO_ADVERT_EXPECTED;
		pairing_hint(&pair.camera.record, seconds[i] / EPOCH_SECONDS, advert.id);
		hello_advert_write(&advert, bytes);
		open_block(NULL, '{');
		print_number("type", HELLO_ADVERT_EXPECTED);
		print_number("seconds", seconds[i]);
		print_number("epoch", seconds[i] / EPOCH_SECONDS);
		print_hex("hint", advert.id, sizeof(advert.id));
		print_hex("service_data", bytes, sizeof(bytes));
		close_block('}');
	}
	close_block(']');
}

/* What the record layer makes of a stream, which comes in pieces of three bytes. */
static void print_stream(const char *what, const uint8_t *stream, size_t length) {
	struct record_layer layer;
	const char *end = "waits";
	assert_int_equal(record_layer_init(&layer, RECORD_LIMIT_BLUETOOTH), 0);
	open_block(NULL, '{');
	print_text("what", what);
	print_hex("stream", stream, length);
	open_block("records", '[');
	for (size_t at = 0; at < length;) {
		size_t piece = length - at < 3 ? length - at : 3, left = piece, record_length;
		const uint8_t *bytes = stream + at, *record;
		bool over = false;
		while (left > 0 && !over)
			switch (record_layer_take(&layer, &bytes, &left, 1, &record, &record_length)) {
			case RECORD_PARTIAL:
				break;
			case RECORD_WHOLE: {
				static char text[8192];
				hex_encode(text, record, record_length);
				begin_line();
				fprintf(out, "\"%s\"", text);
				break;
			}
			case RECORD_EMPTY:
				end = reason_code(REASON_RECORD_MALFORMED);
				over = true;
				break;
			case RECORD_OVER:
				end = reason_code(REASON_RECORD_TOO_LONG);
				over = true;
				break;
			}
		at = over ? length : at + piece;
	}
	if (record_layer_deadline_us(&layer) == UINT64_MAX && strcmp(end, "waits") == 0)
		end = "between records";
	close_block(']');
	print_text("then", end);
	close_block('}');
	record_layer_free(&layer);
}

static void print_streams(void) {
	open_block("records", '[');
	print_stream("two records back to back", (const uint8_t *)"\0\3abc\0\1d", 8);
	print_stream("the second is not whole", (const uint8_t *)"\0\3abc\0\5de", 9);
	print_stream("a length of zero", (const uint8_t *)"\0\3abc\0\0\0\1d", 10);
	print_stream("a length above 4,112", (const uint8_t *)"\x10\x11zzz", 5);
	print_stream("4,112 is allowed", (const uint8_t *)"\x10\x10zzz", 5);
	close_block(']');
}

static void print_all(void) {
	pair_start(&pair);
	fputc('{', out);
	depth = 1;
	first_of_its_kind = true;
	print_text("about", "docs/protocol.md, version 1. Bytes are hexadecimal; records include their length.");
	print_pairing();
	print_session(CHANNEL_SESSION);
	print_session(CHANNEL_MEDIA);
	print_adverts();
	print_streams();
	fprintf(out, "\n}\n");
	pair_end(&pair);
}

static void test_file(void **state) {
	(void)state;
	static char expected[65536], made[65536];
	FILE *file = fopen(FILE_NAME, "rb");
	assert_non_null(file);
	size_t length = fread(expected, 1, sizeof(expected) - 1, file);
	fclose(file);
	out = fmemopen(made, sizeof(made), "w");
	assert_non_null(out);
	print_all();
	fclose(out);
	if (length != strlen(made) || memcmp(expected, made, length) != 0) {
		size_t same = 0;
		while (expected[same] == made[same])
			same++;
		while (same > 0 && expected[same - 1] != '\n')
			same--;
		fail_msg("the file says\n%.200s\nand our code\n%.200s", expected + same, made + same);
	}
}

int main(int count, char **arguments) {
	if (crypto_start() < 0)
		return 1;
	if (count == 2 && strcmp(arguments[1], "print") == 0) {
		out = stdout;
		print_all();
		return 0;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
