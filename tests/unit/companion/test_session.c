/* Which adverts a session answers, over a radio that is made up and a camera at the other end of a socket pair. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "companion/session.h"
#include "crypto/crypto.h"
#include "pairing/hello_advert.h"
#include "pairing/hint_search.h"
#include "wire/wire.h"

#define FAR_AFTER_US (200 * MILLISECOND_US)
#define PATIENCE_US (20 * SECOND_US)
#define RENEW_AFTER_US (100 * MILLISECOND_US)

/* --- the radio --- */

struct radio {
	struct radio_listener *listener;
};

struct radio_dial {
	void (*done)(void *context, int file, size_t packet_limit, enum reason reason);
	void *context;
};

static struct radio_dial *dialling;
static unsigned dials;
static uint8_t dialled;         /* first byte of the address that was dialled last */
static uint8_t standing, where; /* of the address with a connection (0: none), and of the one that is heard */

void radio_listen(struct radio *radio, struct radio_listener *listener) {
	radio->listener = listener;
}

void radio_unlisten(struct radio *radio, struct radio_listener *listener) {
	(void)listener;
	radio->listener = NULL;
}

int radio_dial(struct radio_dial **ret, struct radio *radio, const struct link_peer *peer,
               void (*done)(void *context, int file, size_t packet_limit, enum reason reason), void *context) {
	(void)radio;
	struct radio_dial *dial = calloc(1, sizeof(*dial));
	assert_non_null(dial);
	*dial = (struct radio_dial){ done, context };
	*ret = dialling = dial;
	dials++;
	dialled = peer->address[0];
	return 0;
}

bool radio_stands(struct radio *radio, const struct link_peer *peer) {
	(void)radio;
	return standing && peer->address[0] == standing;
}

void radio_dial_free(struct radio_dial *dial) {
	if (dial && dial == dialling)
		dialling = NULL;
	free(dial);
}

/* --- the camera --- */

static struct {
	sd_event *event;
	char folder[32];
	struct radio radio;
	struct keyring *keyring;
	struct session *session;
	struct static_keys camera_keys;
	struct pairing_record camera_record;
	struct wire *wire, *newest; /* the one of the session; the one that was dialled last */
	bool closed;
	uint64_t began_us;
} world;

static void on_camera_closed(void *context, enum reason reason) {
	(void)context;
	(void)reason;
	world.closed = true;
}

static void on_camera_live(void *context) {
	(void)context;
}

/* All that a session asks by itself is a status. */
static void on_camera_message(void *context, const uint8_t *bytes, size_t length) {
	(void)context;
	lanyard_Message message;
	assert_int_equal(codec_decode(bytes, length, &message), 0);
	lanyard_Message answer = { .which_kind = lanyard_Message_response_tag };
	answer.kind.response.id = message.kind.request.id;
	answer.kind.response.which_body = lanyard_Response_status_tag;
	uint8_t out[CODEC_MESSAGE_LIMIT];
	assert_int_equal(codec_encode(&answer, out, sizeof(out), &length), 0);
	assert_int_equal(wire_send(world.newest, out, length), 0);
}

static const struct wire_callbacks camera_callbacks = {
	.live = on_camera_live,
	.message = on_camera_message,
	.closed = on_camera_closed,
};

static void on_nothing(void *context) {
	(void)context;
}

static void on_lost(void *context, enum reason reason) {
	(void)context;
	(void)reason;
}

static void on_event(void *context, const lanyard_Event *event) {
	(void)context;
	(void)event;
}

static const struct session_callbacks session_callbacks = { on_nothing, on_nothing, on_lost, on_event };

static uint64_t now_us(void) {
	struct timespec time;
	clock_gettime(CLOCK_BOOTTIME, &time);
	return (uint64_t)time.tv_sec * SECOND_US + (uint64_t)time.tv_nsec / 1000;
}

static void turn(void) {
	assert_true(sd_event_run(world.event, 5000) >= 0);
}

static void start_session(uint64_t renew_after_us) {
	const struct session_config config = { .radio = &world.radio,
		                               .keyring = world.keyring,
		                               .name = "phone",
		                               .epoch_seconds = EPOCH_SECONDS,
		                               .renew_after_us = renew_after_us,
		                               .hint_far_after_us = FAR_AFTER_US };
	world.began_us = now_us();
	assert_int_equal(session_new(&world.session, world.event, &config, &session_callbacks, NULL), 0);
	assert_int_equal(session_state(world.session), SESSION_SEARCHING);
}

static int setup(void **state) {
	(void)state;
	struct pairing_record record = { .peer_name = "LY-1", .secret = { 1, 2, 3 } };
	memset(&world, 0, sizeof(world));
	dials = 0;
	standing = where = 0;
	strcpy(world.folder, "/tmp/session-XXXXXX");
	assert_non_null(mkdtemp(world.folder));
	assert_int_equal(sd_event_new(&world.event), 0);
	assert_int_equal(keyring_new(&world.keyring, world.folder, file_layer_system(), random_system()), 0);
	static_keys_make(&world.camera_keys, random_system());
	world.camera_record = record;
	memcpy(record.peer_key, world.camera_keys.public, KEY_SIZE);
	memcpy(world.camera_record.peer_key, keyring_keys(world.keyring)->public, KEY_SIZE);
	assert_int_equal(keyring_add(world.keyring, &record), 0);
	start_session(0);
	return 0;
}

static int teardown(void **state) {
	(void)state;
	char command[64];
	session_free(world.session);
	wire_free(world.wire);
	keyring_free(world.keyring);
	sd_event_unref(world.event);
	snprintf(command, sizeof(command), "rm -rf %s", world.folder);
	return system(command);
}

/* The camera's advert, by a clock that is `distance` epochs ahead of ours. Returns whether it is answered. */
static bool advert(int64_t distance) {
	uint8_t bytes[HELLO_ADVERT_SIZE];
	struct hello_advert hello = { .type = HELLO_ADVERT_EXPECTED, .version_minimum = 1, .version_maximum = 1 };
	pairing_hint(&world.camera_record, (uint64_t)time(NULL) / EPOCH_SECONDS + (uint64_t)distance, hello.id);
	hello_advert_write(&hello, bytes);
	const struct sighting sighting = {
		.address = { where }, .rssi = -50, .service_data = bytes, .service_data_length = sizeof(bytes)
	};
	unsigned before = dials;
	assert_non_null(world.radio.listener);
	world.radio.listener->heard(world.radio.listener->context, &sighting, false);
	return dials > before;
}

static void wait_for_state(enum session_state wanted) {
	uint64_t end_us = now_us() + PATIENCE_US;
	while (session_state(world.session) != wanted) {
		assert_true(now_us() < end_us);
		turn();
	}
}

/* What was dialled is not reached; the session listens again after its pause. */
static void dial_fails(void) {
	uint64_t end_us = now_us() + PATIENCE_US;
	assert_non_null(dialling);
	dialling->done(dialling->context, -1, 0, REASON_CONNECT_FAILED);
	while (!world.radio.listener) {
		assert_true(now_us() < end_us);
		turn();
	}
}

/* What was dialled is answered. */
static struct wire *camera_accepts(void) {
	int ends[2];
	struct wire *wire;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	const struct wire_config config = { .camera = true,
		                            .kind = CHANNEL_SESSION,
		                            .keys = &world.camera_keys,
		                            .pairing = &world.camera_record,
		                            .name = "LY-1" };
	assert_int_equal(wire_new(&wire, world.event, ends[0], &config, &camera_callbacks, NULL), 0);
	assert_non_null(dialling);
	dialling->done(dialling->context, ends[1], 0, REASON_OK);
	world.newest = wire;
	return wire;
}

static void camera_answers(void) {
	wire_free(world.wire);
	world.wire = camera_accepts();
	wait_for_state(SESSION_LIVE);
}

/* The session is made anew while the one before is live. */
static void camera_renews(void) {
	uint64_t end_us = now_us() + PATIENCE_US;
	while (!dialling) {
		assert_true(now_us() < end_us);
		turn();
	}
	world.closed = false;
	struct wire *next = camera_accepts();
	while (!world.closed) { /* the one before: it is not needed any more */
		assert_true(now_us() < end_us);
		turn();
	}
	wire_free(world.wire);
	world.wire = next;
	assert_int_equal(session_state(world.session), SESSION_LIVE);
}

static void camera_leaves(void) {
	wire_free(world.wire);
	world.wire = NULL;
	wait_for_state(SESSION_SEARCHING);
	assert_non_null(world.radio.listener);
}

/* Hears this advert until it is answered. */
static void hear_until_answered(int64_t distance) {
	uint64_t begin_us = now_us();
	while (!advert(distance)) {
		assert_true(now_us() < begin_us + PATIENCE_US);
		turn();
	}
}

static void test_right_clock(void **state) {
	(void)state;
	assert_true(advert(0));
	camera_answers();
	camera_leaves();
	/* An hour later, or an hour before, is not this camera's clock. */
	assert_false(advert(4));
	assert_false(advert(-4));
	assert_true(advert(0));
}

static void test_wrong_clock(void **state) {
	(void)state;
	hear_until_answered(20);
	assert_true(now_us() - world.began_us >= FAR_AFTER_US);
	camera_answers();
	/* It is known now. */
	camera_leaves();
	assert_true(advert(20));
	camera_answers();
	camera_leaves();
	/* What it has sent before is not answered any more, however long the search goes on; what is still to come is. */
	hear_until_answered(40);
	dial_fails();
	assert_false(advert(10));
	hear_until_answered(41); /* the wide search is on, and */
	dial_fails();
	uint64_t end_us = now_us() + 2 * FAR_AFTER_US;
	while (now_us() < end_us) {
		assert_false(advert(10));
		turn();
	}
}

/* The same recorded hint, again and again. */
static void test_played_again(void **state) {
	(void)state;
	for (unsigned i = 0; i < HINT_TRIES; i++) {
		hear_until_answered(-30);
		dial_fails();
	}
	uint64_t end_us = now_us() + 2 * FAR_AFTER_US;
	while (now_us() < end_us) {
		assert_false(advert(-30));
		turn();
	}
	assert_true(advert(0));
}

static void test_beyond_a_day(void **state) {
	(void)state;
	uint64_t end_us = now_us() + 2 * FAR_AFTER_US;
	while (now_us() < end_us) {
		assert_false(advert(-98));
		assert_false(advert(98));
		turn();
	}
	assert_true(advert(90));
}

/* The camera has another address, but the connection to the one before still stands: there are never two. */
static void test_one_connection(void **state) {
	(void)state;
	where = 1;
	assert_true(advert(0));
	assert_int_equal(dialled, 1);
	camera_answers();
	camera_leaves();
	where = 2;
	standing = 1;
	assert_true(advert(0));
	assert_int_equal(dialled, 1);
	dial_fails();
	standing = 0;
	hear_until_answered(0);
	assert_int_equal(dialled, 2);
	camera_answers();
	camera_leaves();
	/* Of another camera, or before a pairing. */
	standing = 1;
	hear_until_answered(0);
	assert_int_equal(dialled, 2);
	/* A pairing was made over this one. */
	session_restart(world.session, &(struct link_peer){ .address = { 1 } });
	hear_until_answered(0);
	assert_int_equal(dialled, 1);
}

/* The disk does not take the pairing that was proven: the session goes on and is renewed all the same, until the disk takes it.
 */
static void test_proof_is_not_stored(void **state) {
	(void)state;
	char place[64];
	snprintf(place, sizeof(place), "%s/camera", world.folder);
	assert_int_equal(mkdir(place, 0700), 0);
	session_free(world.session);
	start_session(RENEW_AFTER_US);
	assert_true(advert(0));
	camera_answers();
	for (unsigned i = 0; i < 2; i++) {
		assert_null(keyring_record(world.keyring, KEYRING_PROVEN));
		assert_string_equal(session_pairing(world.session)->peer_name, "LY-1");
		camera_renews();
	}
	assert_int_equal(rmdir(place), 0);
	camera_renews();
	assert_non_null(keyring_record(world.keyring, KEYRING_PROVEN));
	assert_null(keyring_record(world.keyring, KEYRING_CANDIDATE));
}

/* Another camera is paired while the one before is dialled: it is not taken for the one that answers. */
static void test_paired_while_dialling(void **state) {
	(void)state;
	const struct pairing_record other = { .peer_name = "LY-2", .secret = { 4, 5, 6 } };
	assert_true(advert(0));
	assert_int_equal(keyring_add(world.keyring, &other), 0);
	camera_answers();
	assert_string_equal(session_pairing(world.session)->peer_name, "LY-1");
	assert_null(keyring_record(world.keyring, KEYRING_PROVEN));
	assert_string_equal(keyring_record(world.keyring, KEYRING_CANDIDATE)->peer_name, "LY-2");
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_right_clock),           TEST(test_wrong_clock),    TEST(test_played_again),
		TEST(test_beyond_a_day),          TEST(test_one_connection), TEST(test_proof_is_not_stored),
		TEST(test_paired_while_dialling),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
