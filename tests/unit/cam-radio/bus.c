#include "bus.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

void bus_daemon_start(struct bus_daemon *daemon) {
	int out[2];
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid_t parent = getpid();
	daemon->process = fork();
	assert_true(daemon->process >= 0);
	if (daemon->process == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		dup2(out[1], STDOUT_FILENO);
		dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO); /* it complains of limits that it cannot raise */
		execlp("dbus-daemon", "dbus-daemon", "--config-file=" SOURCE_DIR "/tests/unit/cam-radio/bus.conf", "--nofork",
		       "--print-address", NULL);
		_exit(127);
	}
	close(out[1]);
	FILE *address = fdopen(out[0], "r");
	assert_non_null(address);
	assert_non_null(fgets(daemon->address, sizeof(daemon->address), address));
	daemon->address[strcspn(daemon->address, "\n")] = '\0';
	fclose(address);
}

void bus_daemon_stop(struct bus_daemon *daemon) {
	if (daemon->process <= 0)
		return;
	kill(daemon->process, SIGTERM);
	waitpid(daemon->process, NULL, 0);
	daemon->process = 0;
}

sd_bus *bus_daemon_connect(const struct bus_daemon *daemon, sd_event *event) {
	sd_bus *bus;
	assert_int_equal(sd_bus_new(&bus), 0);
	assert_true(sd_bus_set_address(bus, daemon->address) >= 0);
	assert_true(sd_bus_set_bus_client(bus, true) >= 0);
	assert_true(sd_bus_negotiate_fds(bus, true) >= 0);
	assert_true(sd_bus_start(bus) >= 0);
	assert_true(sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL) >= 0);
	return bus;
}
