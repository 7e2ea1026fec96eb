#include <string.h>

#include "base/random.h"
#include "crypto/crypto.h"
#include "signal/activation.h"
#include "tests/bench/compare.h"
#include "tests/bench/native.h"

#define NOW_S 1800000000u

struct receiver {
	struct activation *activation;
	struct activation_situation situation;
	uint8_t junk[ADVERT_SIZE], call[ADVERT_SIZE];
	uint8_t key[ADVERT_KEY_SIZE];
};

static void judge_junk(void *context) {
	struct receiver *receiver = context;
	receiver->junk[5]++;
	REQUIRE(activation_judge(receiver->activation, &receiver->situation, receiver->junk, NULL) == ACTIVATION_FORGED);
}

static void judge_replay(void *context) {
	struct receiver *receiver = context;
	REQUIRE(activation_judge(receiver->activation, &receiver->situation, receiver->call, NULL) == ACTIVATION_REPEATED);
}

static void one_hmac(void *context) {
	struct receiver *receiver = context;
	uint8_t tag[SHA256_SIZE];
	hmac_sha256(receiver->key, sizeof(receiver->key), receiver->junk, sizeof(receiver->junk), tag);
}

void bench_adverts(void) {
	static struct receiver receiver = {
		.situation = { .now_s = NOW_S, .clock_trusted = true, .bluetooth_enabled = true, .buffering = true },
	};
	struct activation_policy policy = { .enabled = true, .kinds = UINT32_MAX, .key_count = 1 };
	random_system()->fill(random_system()->context, receiver.key, sizeof(receiver.key));
	random_system()->fill(random_system()->context, receiver.junk, sizeof(receiver.junk));
	receiver.junk[0] = ADVERT_HEADER;
	policy.keys[0].week = NOW_S / WEEK_SECONDS;
	memcpy(policy.keys[0].key, receiver.key, sizeof(receiver.key));
	REQUIRE(activation_new(&receiver.activation) == 0);
	activation_set_policy(receiver.activation, &policy);
	struct advert_keys keys;
	advert_keys_derive(&keys, receiver.key, NOW_S / ADVERT_EPOCH_SECONDS);
	advert_encode(&keys, &(struct advert_call){ ADVERT_SIGNAL, { .signal = { 7, 1, NOW_S, SIGNAL_HOLSTER } } },
	              receiver.call);
	REQUIRE(activation_judge(receiver.activation, &receiver.situation, receiver.call, NULL) == ACTIVATION_START);
	double seconds[3];
	compare((const struct contender[]){ { "junk", judge_junk, &receiver },
	                                    { "replay", judge_replay, &receiver },
	                                    { "HMAC", one_hmac, &receiver } },
	        3, 31, seconds);
	static const char floor_name[] = "one HMAC-SHA-256 of 24 bytes";
	figure_print(&(struct figure){ "junk advert judged", "us", seconds[0] * 1e6, seconds[2] * 1e6, floor_name, 0, false });
	figure_print(
	        &(struct figure){ "authentic advert judged", "us", seconds[1] * 1e6, seconds[2] * 1e6, floor_name, 0, false });
	activation_free(receiver.activation);
}
