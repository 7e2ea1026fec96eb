#include <string.h>

#include "base/random.h"
#include "bluetooth/advert_report.h"
#include "crypto/crypto.h"
#include "signal/activation.h"
#include "slate/log.h"
#include "slate/table.h"
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

/* What the raw socket gives for one advert: the kernel's filter has let it through. */
#define COMPANY 0xffff
#define REPORT_HEAD 14

struct report {
	struct receiver *receiver;
	uint8_t packet[REPORT_HEAD + 4 + ADVERT_SIZE + 1];
};

static void take_report(struct report *report, bool ours) {
	struct advert_reports reports;
	struct advert_report one;
	size_t length;
	REQUIRE(advert_reports_start(&reports, report->packet, sizeof(report->packet)) && advert_reports_next(&reports, &one));
	const uint8_t *data = advert_manufacturer_data(one.data, one.length, COMPANY, &length);
	REQUIRE(ours == (data && length == ADVERT_SIZE && data[0] == ADVERT_HEADER));
	if (ours)
		REQUIRE(activation_judge(report->receiver->activation, &report->receiver->situation, data, NULL) ==
		        ACTIVATION_FORGED);
}

static void take_junk(void *context) {
	struct report *report = context;
	report->packet[REPORT_HEAD + 10]++;
	take_report(report, true);
}

static void take_other(void *context) {
	take_report(context, false);
}

static void report_make(struct report *report, struct receiver *receiver, uint16_t company) {
	const uint8_t head[REPORT_HEAD + 4] = { 4,
		                                0x3e,
		                                sizeof(report->packet) - 3,
		                                2,
		                                1,
		                                3,
		                                1,
		                                1,
		                                2,
		                                3,
		                                4,
		                                5,
		                                6,
		                                4 + ADVERT_SIZE,
		                                3 + ADVERT_SIZE,
		                                0xff,
		                                (uint8_t)(company & 0xff),
		                                (uint8_t)(company >> 8) };
	report->receiver = receiver;
	memcpy(report->packet, head, sizeof(head));
	memcpy(report->packet + sizeof(head), receiver->junk, ADVERT_SIZE);
	report->packet[sizeof(report->packet) - 1] = (uint8_t)-60;
}

/* --- the log of sightings --- */

#define NEIGHBOURS 8
#define HEARD_US 200000u     /* each, as cameras advertise */
#define PAYLOAD_US 60000000u /* how long each says the same (cam-radio/daemon.c, SLATE_RENEW_S) */
#define HOUR_US 3600000000ull

/* kB that one hour of recording among NEIGHBOURS other cameras adds, by the table that the camera has. */
static double log_of_an_hour(void) {
	static struct slate_table table;
	struct slate_sighting due[16];
	size_t entries = 0, count;
	for (uint64_t now_us = HEARD_US; now_us <= HOUR_US; now_us += HEARD_US) {
		for (uint8_t i = 0; i < NEIGHBOURS; i++) {
			const struct slate_call call = {
				.identity = { i, (uint8_t)(now_us / (ADVERT_EPOCH_SECONDS * 1000000ull)) },
				.counter = (uint16_t)(now_us / PAYLOAD_US),
				.epoch = now_us / (ADVERT_EPOCH_SECONDS * 1000000ull),
			};
			slate_table_hear(&table, &call, -60, now_us, now_us);
		}
		while (slate_table_deadline_us(&table) <= now_us &&
		       (count = slate_table_due(&table, now_us, false, due, 16)) > 0) {
			slate_table_written(&table, now_us, false, count);
			entries += count;
		}
	}
	REQUIRE(entries >= NEIGHBOURS * (HOUR_US / PAYLOAD_US) && table.dropped == 0); /* every payload at least once */
	return (double)(entries * SLATE_ENTRY_SIZE) / 1000;
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
	static struct report junk, other;
	report_make(&junk, &receiver, COMPANY);
	report_make(&other, &receiver, 0x004c);
	double seconds[5];
	compare(CLOCK_WORKING,
	        (const struct contender[]){ { "junk", judge_junk, &receiver },
	                                    { "replay", judge_replay, &receiver },
	                                    { "HMAC", one_hmac, &receiver },
	                                    { "report", take_junk, &junk },
	                                    { "other", take_other, &other } },
	        5, 101, seconds);
	static const char floor_name[] = "one HMAC-SHA-256 of 24 bytes";
	figure_print(&(struct figure){ "junk advert judged", "us", seconds[0] * 1e6, seconds[2] * 1e6, floor_name, 0, false });
	figure_print(
	        &(struct figure){ "authentic advert judged", "us", seconds[1] * 1e6, seconds[2] * 1e6, floor_name, 0, false });
	figure_print(&(struct figure){ "junk advert, from the socket's bytes to the verdict", "us", seconds[3] * 1e6,
	                               seconds[2] * 1e6, floor_name, 0, false });
	figure_print(&(struct figure){ "another company's advert that the kernel let through", "us", seconds[4] * 1e6,
	                               seconds[2] * 1e6, floor_name, 0, false });
	figure_print(&(struct figure){ "log of sightings, an hour among 8 cameras", "kB", log_of_an_hour(), 0, NULL, 0, false });
	activation_free(receiver.activation);
}
