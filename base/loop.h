/* What the event loop of every program of ours does. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

/* SIGTERM and SIGINT are blocked from now on and reach `handler` through the loop; without one they end the loop with 0. 0 or a
 * negative errno. */
int loop_handle_end(sd_event *event, sd_event_signal_handler_t handler, void *context);

/* When the present turn of the loop began, in microseconds of CLOCK_BOOTTIME: it counts while the machine sleeps. */
uint64_t loop_now_us(sd_event *event);

/* A timer of CLOCK_BOOTTIME that stands still. It is made with its owner, so that who waits after a failure needs no memory for
 * it: whatever else fails, time passes. accuracy_us: how late it may pass, so that the kernel can join wake-ups; 0: 250 ms. 0 or
 * a negative errno; freed by sd_event_source_disable_unref. */
int loop_timer_new(sd_event *event, sd_event_source **ret, uint64_t accuracy_us, sd_event_time_handler_t passed, void *context);
/* Passes once, after `us` from now; from anew if it runs. */
void loop_timer_start(sd_event_source *timer, uint64_t us);
/* NULL: nothing is done. */
void loop_timer_stop(sd_event_source *timer);
bool loop_timer_runs(sd_event_source *timer);
