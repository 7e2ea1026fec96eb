#include "companion/settings.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/config.h"
#include "base/log.h"
#include "base/text.h"
#include "pairing/record.h"

#define PORT_LIMIT 65535

int settings_read(struct settings *ret, const char *path, bool optional) {
	struct settings settings = {
		.name = "companion",
		.socket = "/run/lanyard/companiond/http.socket",
		.port = 8620,
		.page = LANYARD_PAGE_FOLDER,
		.epoch_seconds = EPOCH_SECONDS,
	};
	const struct config_key keys[] = {
		{ "companion", "name", CONFIG_TEXT, settings.name, sizeof(settings.name) },
		{ "companion", "adapter", CONFIG_TEXT, settings.adapter, sizeof(settings.adapter) },
		{ "http", "socket", CONFIG_TEXT, settings.socket, sizeof(settings.socket) },
		{ "http", "port", CONFIG_NUMBER, &settings.port, PORT_LIMIT },
		{ "http", "page", CONFIG_TEXT, settings.page, sizeof(settings.page) },
		{ "wifi", "supplicant_control", CONFIG_TEXT, settings.supplicant_control, sizeof(settings.supplicant_control) },
		{ "wifi", "namespace", CONFIG_TEXT, settings.wifi_namespace, sizeof(settings.wifi_namespace) },
		{ "wifi", "interface", CONFIG_TEXT, settings.interface, sizeof(settings.interface) },
		{ "test", "link_socket", CONFIG_TEXT, settings.link_socket, sizeof(settings.link_socket) },
		{ "test", "epoch_s", CONFIG_NUMBER, &settings.epoch_seconds, EPOCH_SECONDS },
		{ "test", "renew_seconds", CONFIG_NUMBER, &settings.renew_seconds, 0 },
	};
	int result = config_read(path, keys, ELEMENTS(keys));
	if (result == -ENOENT && optional)
		result = 0;
	else if (result < 0 && result != -EINVAL) /* that one was told with its line */
		log_line(LOG_LEVEL_ERROR, "config", "%s: %s", path, strerror(-result));
	if (result < 0)
		return result;
	if (*settings.link_socket && (*settings.adapter || *settings.supplicant_control)) {
		log_line(LOG_LEVEL_ERROR, "config",
		         "%s: [test] link_socket takes the place of the adapter and of Wi-Fi: remove one of them", path);
		return -EINVAL;
	}
	if (!*settings.supplicant_control != !*settings.interface) {
		log_line(LOG_LEVEL_ERROR, "config", "%s: [wifi] needs both supplicant_control and interface", path);
		return -EINVAL;
	}
	if (!text_is_plain(settings.name, false)) {
		log_line(LOG_LEVEL_ERROR, "config", "%s: [companion] name is not UTF-8 without control characters", path);
		return -EINVAL;
	}
	if (settings.epoch_seconds == 0) {
		log_line(LOG_LEVEL_ERROR, "config", "%s: [test] epoch_s must be at least 1", path);
		return -EINVAL;
	}
	if (!*settings.adapter && !*settings.link_socket)
		strcpy(settings.adapter, "hci0");
	*ret = settings;
	return 0;
}
