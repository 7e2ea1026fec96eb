/* Passive scanning without a pause, which sends nothing: what a camera needs to hear a Signal, also in radio silence. The kernel
 * scans passively while bluetoothd has an advertisement monitor. main.conf sets the scan window of monitors to the whole
 * interval.
 *
 * Most controllers report everything then; the monitor names a pattern that nobody sends, so that bluetoothd has little to do
 * with what is on the air, junk included. One that looks at patterns itself (Microsoft's HCI extension: "controller-patterns" in
 * org.bluez.AdvertisementMonitorManager1's SupportedFeatures) reports what matches and nothing else: there the monitor names what
 * the ear is for. Debian's kernels do without that extension, others use it. */
#pragma once

#include "bluetooth/adapter.h"
#include "bluetooth/ear.h"

/* How long bluetoothd may take from a monitor that it has accepted to the scan, before everything is begun anew. On an emulated
 * processor under a flood it took three seconds. */
#define PASSIVE_SCAN_ACTIVATE_US 15000000

struct passive_scan;

/* Registers the monitor as soon as the adapter is ready, and again after every recovery (passive_scan_refresh). Refusals are
 * logged once and retried with a growing pause, and so is a monitor that bluetoothd accepts and has not activated after
 * activate_us. One for each bus connection. The adapter outlives it. 0 or a negative errno. */
int passive_scan_new(struct passive_scan **ret, struct adapter *adapter, const struct ear_format format[EAR_FORMATS],
                     uint64_t activate_us);
/* Stops. NULL is allowed. */
void passive_scan_free(struct passive_scan *scan);
/* The adapter became ready again. */
void passive_scan_refresh(struct passive_scan *scan);
/* bluetoothd has activated the monitor. */
bool passive_scan_is_active(const struct passive_scan *scan);
