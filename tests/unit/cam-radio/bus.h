/* A D-Bus daemon of the test's own, and connections to it in the test's event loop. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

struct bus_daemon {
	int process;
	char address[128];
};

/* It ends with the test, however that ends. */
void bus_daemon_start(struct bus_daemon *daemon);
void bus_daemon_stop(struct bus_daemon *daemon);
sd_bus *bus_daemon_connect(const struct bus_daemon *daemon, sd_event *event);
