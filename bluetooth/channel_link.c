#include "bluetooth/channel_link.h"

#include <assert.h>
#include <bluetooth/bluetooth.h>
#include <bluetooth/hci.h>
#include <bluetooth/hci_lib.h>
#include <bluetooth/l2cap.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "bluetooth/address.h"
#include "bluetooth/socket.h"
#include "link/connecting.h"

/* Connections that the kernel keeps until we accept them; more are refused by the kernel. They are accepted at once, so this
 * matters only while the loop is busy or out of descriptors. */
#define BACKLOG 4
/* Up to the default net.core.rmem_max. Linux 6.1 returns credits when a segment arrives, not when it is read, and drops what does
 * not fit into this buffer, which ends the session above: it must hold what comes while the loop is busy. */
#define RECEIVE_BUFFER 212992
#define OUT_OF_FILES_PAUSE_US 1000000

static struct sockaddr_l2 l2cap_address(const uint8_t address[6], uint8_t type, uint16_t psm) {
	struct sockaddr_l2 l2 = { .l2_family = AF_BLUETOOTH, .l2_psm = htole16(psm), .l2_bdaddr_type = type };
	memcpy(&l2.l2_bdaddr, address, sizeof(l2.l2_bdaddr));
	return l2;
}

/* A socket of the adapter, ready to listen or to connect. A descriptor or a negative errno. */
static int open_channel_socket(const uint8_t adapter_address[6], uint16_t psm) {
	int file = bluetooth_socket(SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, BTPROTO_L2CAP);
	if (file < 0)
		return file;
	/* The public address names the adapter here also when it shows another one on the air (Privacy = device). */
	struct sockaddr_l2 local = l2cap_address(adapter_address, BDADDR_LE_PUBLIC, psm);
	const struct bt_security security = { .level = BT_SECURITY_LOW };
	const uint16_t receive_mtu = LANYARD_RECEIVE_MTU;
	if (bind(file, (const struct sockaddr *)&local, sizeof(local)) < 0 ||
	    setsockopt(file, SOL_BLUETOOTH, BT_SECURITY, &security, sizeof(security)) < 0 ||
	    setsockopt(file, SOL_BLUETOOTH, BT_RCVMTU, &receive_mtu, sizeof(receive_mtu)) < 0) {
		int r = -errno;
		close(file);
		return r;
	}
	return file;
}

/* A connected channel: its largest write, and room for what arrives. 0 or a negative errno. */
static int prepare_channel(int file, size_t *ret_send_mtu) {
	uint16_t mtu = 0;
	socklen_t size = sizeof(mtu);
	if (getsockopt(file, SOL_BLUETOOTH, BT_SNDMTU, &mtu, &size) < 0)
		return -errno;
	if (mtu == 0)
		return -EPROTO;
	const int buffer = RECEIVE_BUFFER;
	if (setsockopt(file, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)) < 0)
		return -errno;
	*ret_send_mtu = mtu;
	return 0;
}

/* ------------------------------------------------------------------------------------------------------------- listening */

struct link_listener {
	int file;
	sd_event_source *io, *timer;
	const struct link_listener_callbacks *callbacks;
	void *context;
};

static int on_pause_over(sd_event_source *source, uint64_t now_us, void *context) {
	(void)source;
	(void)now_us;
	struct link_listener *l = context;
	return sd_event_source_set_enabled(l->io, SD_EVENT_ON);
}

/* Without descriptors accept() fails at once and the socket stays readable: a pause instead of a busy loop. */
static int pause_listening(struct link_listener *l) {
	log_line(LOG_LEVEL_WARNING, "bluetooth", "out of file descriptors: new connections wait");
	l->timer = sd_event_source_disable_unref(l->timer);
	int r = sd_event_add_time_relative(sd_event_source_get_event(l->io), &l->timer, CLOCK_BOOTTIME, OUT_OF_FILES_PAUSE_US, 0,
	                                   on_pause_over, l);
	if (r < 0)
		return r;
	return sd_event_source_set_enabled(l->io, SD_EVENT_OFF);
}

static int on_connection(sd_event_source *source, int file, uint32_t events, void *context) {
	(void)source;
	(void)events;
	struct link_listener *l = context;
	struct sockaddr_l2 from = { 0 };
	socklen_t size = sizeof(from);
	int channel = accept4(file, (struct sockaddr *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (channel >= 0) {
		size_t send_mtu = 0;
		int r = prepare_channel(channel, &send_mtu);
		if (r < 0) {
			close(channel); /* it has already gone again */
			return 0;
		}
		struct link_peer peer = { .address_type = from.l2_bdaddr_type };
		memcpy(peer.address, &from.l2_bdaddr, sizeof(peer.address));
		l->callbacks->accepted(l->context, channel, send_mtu, &peer);
		return 0; /* the listener may be gone */
	}
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return 0;
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
		if (pause_listening(l) >= 0)
			return 0;
	(void)sd_event_source_set_enabled(l->io, SD_EVENT_OFF);
	l->callbacks->failed(l->context, REASON_ADAPTER_GONE);
	return 0;
}

int link_listener_new(struct link_listener **ret, sd_event *event, const uint8_t adapter_address[6],
                      const struct link_listener_callbacks *callbacks, void *context) {
	assert(ret && event && callbacks && callbacks->accepted && callbacks->failed);
	int file = open_channel_socket(adapter_address, LANYARD_PSM);
	if (file < 0)
		return file;
	struct link_listener *l = calloc(1, sizeof(*l));
	if (!l) {
		close(file);
		return -ENOMEM;
	}
	*l = (struct link_listener){ .file = file, .callbacks = callbacks, .context = context };
	int r = listen(file, BACKLOG) < 0 ? -errno : sd_event_add_io(event, &l->io, file, EPOLLIN, on_connection, l);
	if (r < 0) {
		link_listener_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

void link_listener_free(struct link_listener *l) {
	if (!l)
		return;
	sd_event_source_disable_unref(l->io);
	sd_event_source_disable_unref(l->timer);
	close(l->file);
	free(l);
}

/* --------------------------------------------------------------------------------------------------------------- dialling */

struct link_dial {
	struct connecting *connecting;
	void (*done)(void *context, int file, size_t send_mtu, enum reason reason);
	void *context;
};

static enum reason reason_from_connect_error(int error) {
	switch (error) {
	case 0:
		return REASON_OK;
	case -ETIMEDOUT:
		return REASON_TIMEOUT;
	case -EHOSTUNREACH: /* the kernel has no powered adapter of this address */
	case -ENETDOWN:
	case -ENODEV:
		return REASON_ADAPTER_GONE;
	default:
		return REASON_CONNECT_FAILED;
	}
}

static void on_connected(void *context, int file, int error) {
	struct link_dial *d = context;
	size_t send_mtu = 0;
	if (error == 0) {
		error = prepare_channel(file, &send_mtu);
		if (error < 0)
			close(file);
	}
	if (error < 0)
		log_line(LOG_LEVEL_DEBUG, "bluetooth", "dialling failed: %s", strerror(-error));
	d->done(d->context, error < 0 ? -1 : file, send_mtu, reason_from_connect_error(error));
}

int link_dial(struct link_dial **ret, sd_event *event, const uint8_t adapter_address[6], const struct link_peer *peer,
              uint64_t timeout_us, void (*done)(void *context, int file, size_t send_mtu, enum reason reason), void *context) {
	assert(ret && event && peer && done);
	int file = open_channel_socket(adapter_address, 0);
	if (file < 0)
		return file;
	struct link_dial *d = calloc(1, sizeof(*d));
	if (!d) {
		close(file);
		return -ENOMEM;
	}
	*d = (struct link_dial){ .done = done, .context = context };
	struct sockaddr_l2 remote = l2cap_address(peer->address, peer->address_type, LANYARD_PSM);
	int r = connecting_new(&d->connecting, event, file, (const struct sockaddr *)&remote, sizeof(remote), timeout_us,
	                       on_connected, d);
	if (r < 0) {
		free(d);
		return r;
	}
	*ret = d;
	return 0;
}

void link_dial_free(struct link_dial *d) {
	if (!d)
		return;
	connecting_free(d->connecting);
	free(d);
}

size_t link_connections(unsigned adapter, uint8_t ret[LINK_CONNECTIONS][6]) {
	union {
		struct hci_conn_list_req request;
		uint8_t room[sizeof(struct hci_conn_list_req) + LINK_CONNECTIONS * sizeof(struct hci_conn_info)];
	} list;
	int file = bluetooth_socket(SOCK_RAW | SOCK_CLOEXEC, BTPROTO_HCI);
	size_t count = 0;
	if (file < 0)
		return 0;
	memset(&list, 0, sizeof(list));
	list.request.dev_id = (uint16_t)adapter;
	list.request.conn_num = LINK_CONNECTIONS;
	if (ioctl(file, HCIGETCONNLIST, &list) == 0)
		for (; count < list.request.conn_num && count < LINK_CONNECTIONS; count++)
			memcpy(ret[count], &list.request.conn_info[count].bdaddr, sizeof(ret[count]));
	close(file);
	return count;
}

bool link_stands(unsigned adapter, const struct link_peer *peer) {
	uint8_t connections[LINK_CONNECTIONS][6];
	size_t count = link_connections(adapter, connections);
	for (size_t i = 0; i < count; i++)
		if (memcmp(connections[i], peer->address, sizeof(peer->address)) == 0)
			return true;
	return false;
}
