/* Requests of proto/wifi.proto. */
#include <string.h>

#include "base/bytes.h"
#include "cam-radio/handover.h"
#include "cam-radio/request.h"

/* No session lives where nothing may be sent; should there be one all the same, it brings up no Wi-Fi. */
static bool is_refused_by_policy(struct request *request) {
	const struct settings *settings = request_services(request)->settings;
	if (settings->bluetooth_enabled && !settings->silent)
		return false;
	request_answer(request, settings->silent ? REASON_RADIO_SILENT : REASON_RADIO_OFF, NULL);
	return true;
}

static void cancel_at_handover(struct request *request) {
	handover_cancel(request_services(request)->handover, request);
}

static void on_up(void *context, enum reason reason, const lanyard_AccessPointUp *up) {
	lanyard_Response response = { .which_body = lanyard_Response_access_point_up_tag };
	if (reason == REASON_OK)
		response.body.access_point_up = *up;
	request_answer(context, reason, &response);
	wipe(&response, sizeof(response));
}

static void on_done(void *context, enum reason reason, const lanyard_AccessPointUp *up) {
	(void)up;
	request_answer(context, reason, NULL);
}

void handle_access_point_start(struct request *request, const lanyard_Request *message) {
	bool passphrase = false;
	if (is_refused_by_policy(request))
		return;
	switch (message->body.access_point_start.form) {
	case lanyard_WifiSecretForm_WIFI_SECRET_RAW_PSK:
		break;
	case lanyard_WifiSecretForm_WIFI_SECRET_PASSPHRASE:
		passphrase = true;
		break;
	default: /* a form of a later version: the number came over the wire */
		request_answer(request, REASON_REQUEST_INVALID, NULL);
		return;
	}
	request->cancel = cancel_at_handover;
	handover_start_access_point(request_services(request)->handover, passphrase, on_up, request);
}

static bool port_is_valid(uint32_t port) {
	return port >= 1 && port <= UINT16_MAX;
}

void handle_access_point_joined(struct request *request, const lanyard_Request *message) {
	const lanyard_AccessPointJoined *body = &message->body.access_point_joined;
	if (body->address.size != 16 || !port_is_valid(body->port)) {
		request_answer(request, REASON_REQUEST_INVALID, NULL);
		return;
	}
	request->cancel = cancel_at_handover;
	handover_joined(request_services(request)->handover, body->address.bytes, (uint16_t)body->port, on_done, request);
}

void handle_wifi_stop(struct request *request, const lanyard_Request *message) {
	(void)message;
	request->cancel = cancel_at_handover;
	handover_stop(request_services(request)->handover, on_done, request);
}

/* 0 or -1 when the fields make no network that can be joined. */
static int take_credentials(const lanyard_StationStart *body, struct wifi_credentials *ret) {
	*ret = (struct wifi_credentials){
		.ssid_length = body->ssid.size,
		.has_psk = body->psk.size == PSK_SIZE,
		.hidden = body->hidden,
		.frequency_mhz = body->frequency_mhz,
	};
	bool has_passphrase = *body->passphrase != '\0';
	if ((body->psk.size != 0 && !ret->has_psk) || ret->has_psk == has_passphrase)
		return -1;
	memcpy(ret->ssid, body->ssid.bytes, body->ssid.size);
	if (ret->has_psk)
		memcpy(ret->psk, body->psk.bytes, PSK_SIZE);
	else
		memcpy(ret->passphrase, body->passphrase, strlen(body->passphrase) + 1);
	return wifi_credentials_check(ret) < 0 ? -1 : 0;
}

void handle_station_start(struct request *request, const lanyard_Request *message) {
	const lanyard_StationStart *body = &message->body.station_start;
	struct handover_station station = { .port = (uint16_t)body->port };
	if (is_refused_by_policy(request))
		return;
	if (take_credentials(body, &station.credentials) < 0 || body->address.size != 16 || !port_is_valid(body->port) ||
	    body->media_psk.size != KEY_SIZE) {
		wipe(&station, sizeof(station));
		request_answer(request, REASON_REQUEST_INVALID, NULL);
		return;
	}
	memcpy(station.address, body->address.bytes, sizeof(station.address));
	memcpy(station.media_psk, body->media_psk.bytes, KEY_SIZE);
	request->cancel = cancel_at_handover;
	handover_start_station(request_services(request)->handover, &station, on_done, request);
	wipe(&station, sizeof(station));
}
