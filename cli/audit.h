/* What somebody who listens learns about the devices near: the findings of `lanyard air audit`. Pure.
 *
 * Whatever is heard together belongs together: an address with each content it sent, a content with each address that sent it. A
 * group of such that is heard in two epochs follows a device from one to the next, whichever byte gave it away, also when it was
 * on the air for an instant only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bluetooth/advert_report.h"

#define AUDIT_ADDRESSES 512
#define AUDIT_CONTENTS 2048
#define AUDIT_FINDINGS 256
#define AUDIT_CONTENT_SIZE 62 /* more than this of an advert is not kept */
#define AUDIT_DETAIL 160

struct audit;

enum audit_kind { AUDIT_PUBLIC, AUDIT_RANDOM, AUDIT_WIFI };

struct audit_address {
	uint8_t address[6]; /* most significant byte first */
	enum audit_kind kind;
	uint64_t first_us, last_us, count;
	bool connectable, answers_scans;
	char name[32];   /* that it gives itself; "" for none. Control characters are replaced */
	size_t contents; /* different ones */
};

struct audit_finding {
	const char *code;
	char detail[AUDIT_DETAIL];
};

/* epoch_us: after which nothing may link. guard_us: clocks differ; what was heard so close to the end of an epoch may belong to
 * either. 0 or -ENOMEM. */
int audit_new(struct audit **ret, uint64_t epoch_us, uint64_t guard_us);
void audit_free(struct audit *audit);
/* time_us: since 1970-01-01 UTC. */
void audit_take_advert(struct audit *audit, uint64_t time_us, const struct advert_report *report);
/* A frame of IEEE 802.11 from its frame control on. */
void audit_take_frame(struct audit *audit, uint64_t time_us, const uint8_t *frame, size_t length);
/* Once, after all of it. */
void audit_conclude(struct audit *audit);

size_t audit_address_count(const struct audit *audit);
const struct audit_address *audit_address_at(const struct audit *audit, size_t at);
/* Each one links two epochs or names a device. */
size_t audit_finding_count(const struct audit *audit);
const struct audit_finding *audit_finding_at(const struct audit *audit, size_t at);
/* Beacons and requests for networks, of the frames. */
uint64_t audit_beacons(const struct audit *audit);
uint64_t audit_probes(const struct audit *audit);
