/* lanyard signal mute, unmute: this sender calls nobody for a while. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/output.h"
#include "cli/signal.h"
#include "cli/signal_sender.h"
#include "signal/mute.h"

/* root writes it, and the service, which has a user of its own, has to read it. */
static int give(int folder) {
	struct stat owner;
	if (fstat(folder, &owner) < 0)
		return -errno;
	return geteuid() == 0 && fchownat(folder, MUTE_FILE, owner.st_uid, owner.st_gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static enum cli_exit set(const struct cli_call *call, uint64_t minutes) {
	const char *who = cli_value(call, "by");
	const char *state = cli_value(call, "state");
	struct mute mute;
	if (!who || mute_make(&mute, (uint64_t)time(NULL), minutes, who) < 0) {
		output_error("--by NAME says who wants that: a line of at most %d bytes", MUTE_WHO_SIZE - 1);
		return CLI_USAGE;
	}
	state = state ? state : SIGNAL_SENDER_STATE;
	int folder = folder_open(state);
	int r = folder < 0 ? folder : mute_write(&mute, file_layer_system(), folder);
	if (r == 0)
		r = give(folder);
	if (folder >= 0)
		close(folder);
	if (r < 0) {
		output_failure("store-failed", "%s: %s", state, strerror(-r));
		return CLI_FAILED;
	}
	/* Where the senders' own lines are, and whatever the file says next. */
	syslog(LOG_NOTICE | LOG_DAEMON, "signal: this sender (%s) is %s by \"%s\" (uid %u), for %" PRIu64 " minutes", state,
	       minutes > 0 ? "muted" : "muted no more,", who, (unsigned)getuid(), minutes);
	if (call->json)
		output_json(json_pack("{s:b, s:s, s:I, s:I}", "muted", minutes > 0, "by", who, "since", (json_int_t)mute.since_s,
		                      "until", (json_int_t)mute.until_s));
	else if (minutes > 0)
		printf("Muted by %s for %" PRIu64 " minutes: nothing is called from here. \"lanyard signal unmute\" ends it.\n",
		       who, minutes);
	else
		puts("Not muted any more.");
	return CLI_DONE;
}

enum cli_exit cli_signal_mute(const struct cli_call *call) {
	uint64_t minutes;
	enum cli_exit result = cli_number(call, "minutes", 1, MUTE_MINUTES_LIMIT, 60, &minutes);
	return result == CLI_DONE ? set(call, minutes) : result;
}

enum cli_exit cli_signal_unmute(const struct cli_call *call) {
	return set(call, 0);
}
