/* What the event loop of every program of ours does. */
#pragma once

#include <systemd/sd-event.h>

/* SIGTERM and SIGINT are blocked from now on and reach `handler` through the loop; without one they end the loop with 0. 0 or a
 * negative errno. */
int loop_handle_end(sd_event *event, sd_event_signal_handler_t handler, void *context);
