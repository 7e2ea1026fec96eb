/* What the camera does about Signal adverts: judges each by the rules of signal/activation.h, starts a recording for those that
 * may, and remembers their sequences across restarts. Signal can only start, never stop. What strangers send costs a counter and,
 * once a minute for each source, a line in the log. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/file.h"
#include "cam-radio/counters.h"
#include "cam-radio/security.h"
#include "cam-radio/settings.h"
#include "signal/advert.h"
#include "signal/group_keys.h"
#include "signal/legacy.h"
#include "signal/mute.h"

struct recorder;
struct signal_listener;

struct signal_listener_config {
	const struct settings *settings;
	struct recorder *recorder;
	struct counters *counters;
	const struct file_layer *layer;
	int folder; /* where the memory of sequences is kept */
	/* Seconds since 1970-01-01 UTC, and whether that is more than a guess. */
	uint64_t (*clock)(bool *ret_trusted);
	uint64_t keys_retry_us; /* a file of keys that is not good is looked at again after this */
	/* From the loop and from nothing else: signal_listener_lacks_keys or _keys_problem says something else than before. */
	void (*keys_changed)(void *context);
	/* A Slate call whose tag is right. May be NULL. */
	void (*slate)(void *context, const struct slate_call *call, int8_t rssi);
	/* Somebody forges or replays calls. May be NULL. */
	void (*security)(void *context, enum security_event event, const char *text);
	void *context;
};

/* Everything in the configuration outlives it. A file of keys that cannot be used is no failure: it is told in the log, and the
 * keys are used as soon as it is good. 0 or a negative errno. */
int signal_listener_new(struct signal_listener **ret, sd_event *event, const struct signal_listener_config *config);
/* NULL is allowed. */
void signal_listener_free(struct signal_listener *listener);
/* The agency's keys are needed and there are none: nothing can be heard or said under them now. */
bool signal_listener_lacks_keys(const struct signal_listener *listener);
/* What is wrong with their file, for people; "" when nothing is. Valid until the loop goes on. */
const char *signal_listener_keys_problem(const struct signal_listener *listener);
/* Whether to listen: Signal is enabled, the recorder is buffering or records, and there are keys or nobody needs any. Scanning
 * costs power otherwise. What is heard while it records starts nothing and is remembered; who stopped listening meanwhile would
 * be deaf after the recording until bluetoothd has begun again, which takes it seconds among junk. */
bool signal_listener_wants(const struct signal_listener *listener);
/* One advert of our company and format. address: least significant byte first. rssi: dBm, 127 when unknown. */
void signal_listener_hear(struct signal_listener *listener, const uint8_t address[6], int8_t rssi,
                          const uint8_t bytes[ADVERT_SIZE]);
/* One advert of the format that nobody signs (signal/legacy.h), LEGACY_SIZE bytes: counted, and heeded only where policy says so.
 */
void signal_listener_hear_legacy(struct signal_listener *listener, const uint8_t address[6], const uint8_t bytes[LEGACY_SIZE]);
/* One that begins like a call, with this header, and is `length` bytes long, which no call of that header is: counted. */
void signal_listener_hear_malformed(struct signal_listener *listener, const uint8_t address[6], uint8_t header, size_t length);
/* Whether the recording that goes on, or is about to, was started by a call. */
bool signal_listener_has_started(const struct signal_listener *listener);
/* The recorder is buffering again, or off. */
void signal_listener_recording_ended(struct signal_listener *listener);
/* Nothing is answered while it is on (signal/mute.h), also after a restart. 0 or a negative errno: what was there holds. */
int signal_listener_mute(struct signal_listener *listener, const struct mute *mute);
/* The present one, or the last. Valid until the next. */
const struct mute *signal_listener_muted(const struct signal_listener *listener);
/* Keys to say something in this epoch; false when there is no key for its week. Wipe them. */
bool signal_listener_keys(struct signal_listener *listener, uint64_t epoch, struct advert_keys *ret);
