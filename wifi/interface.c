#include "wifi/interface.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"

#define RECEIVE_CAPACITY 8192

/* One for the process, in the network namespace in which it was needed first, and kept: a radio can be switched off also when
 * there is no descriptor left. A descriptor or a negative errno. */
static int control_socket(void) {
	static int descriptor = -1;
	if (descriptor < 0)
		descriptor = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return descriptor < 0 ? -errno : descriptor;
}

/* One of the kernel's questions about an interface, or an order: `request` holds what it wants besides the name, and the answer.
 */
static int interface_request(unsigned long code, const char *name, struct ifreq *request) {
	int descriptor = control_socket();
	size_t length = strlen(name);
	if (length >= sizeof(request->ifr_name))
		return -ENODEV;
	if (descriptor < 0)
		return descriptor;
	memcpy(request->ifr_name, name, length + 1);
	return ioctl(descriptor, code, request) < 0 ? -errno : 0;
}

static int system_is_up(void *context, const char *name) {
	(void)context;
	struct ifreq request = { 0 };
	int r = interface_request(SIOCGIFFLAGS, name, &request);
	return r < 0 ? r : (request.ifr_flags & IFF_UP) != 0;
}

static int system_set_up(void *context, const char *name, bool up) {
	(void)context;
	struct ifreq request = { 0 };
	int r = interface_request(SIOCGIFFLAGS, name, &request);
	if (r < 0 || ((request.ifr_flags & IFF_UP) != 0) == up)
		return r;
	request.ifr_flags = (short)(request.ifr_flags ^ IFF_UP);
	return interface_request(SIOCSIFFLAGS, name, &request);
}

static int system_set_address(void *context, const char *name, const uint8_t mac[MAC_SIZE]) {
	(void)context;
	struct ifreq request = { .ifr_hwaddr = { .sa_family = ARPHRD_ETHER } };
	memcpy(request.ifr_hwaddr.sa_data, mac, MAC_SIZE);
	return interface_request(SIOCSIFHWADDR, name, &request);
}

int interface_index(const char *name, unsigned *ret) {
	struct ifreq request = { 0 };
	int r = interface_request(SIOCGIFINDEX, name, &request);
	if (r < 0)
		return r;
	*ret = (unsigned)request.ifr_ifindex;
	return 0;
}

struct interface_watch {
	sd_event_source *source;
	int descriptor;
	unsigned index;
	interface_address callback;
	void *context;
};

static void system_unwatch(void *context, struct interface_watch *watch) {
	(void)context;
	if (!watch)
		return;
	sd_event_source_disable_unref(watch->source);
	if (watch->descriptor >= 0)
		close(watch->descriptor);
	free(watch);
}

/* The usable link-local address in one RTM_NEWADDR message, if it is that. */
static bool address_usable(const struct nlmsghdr *header, unsigned index, uint8_t ret[16]) {
	if (header->nlmsg_type != RTM_NEWADDR || header->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifaddrmsg)))
		return false;
	const struct ifaddrmsg *message = NLMSG_DATA(header);
	if (message->ifa_family != AF_INET6 || message->ifa_index != index || message->ifa_scope != RT_SCOPE_LINK)
		return false;
	uint32_t flags = message->ifa_flags;
	const uint8_t *address = NULL;
	const uint8_t *at = (const uint8_t *)header + NLMSG_SPACE(sizeof(*message)),
	              *end = (const uint8_t *)header + header->nlmsg_len;
	while (end - at >= (ptrdiff_t)sizeof(struct rtattr)) {
		const struct rtattr *attribute = (const void *)at;
		if (attribute->rta_len < sizeof(*attribute) || attribute->rta_len > end - at)
			return false;
		size_t length = attribute->rta_len - RTA_LENGTH(0);
		if (attribute->rta_type == IFA_ADDRESS && length == 16)
			address = RTA_DATA(attribute);
		else if (attribute->rta_type == IFA_FLAGS && length == sizeof(flags))
			memcpy(&flags, RTA_DATA(attribute), sizeof(flags));
		size_t step = RTA_ALIGN((size_t)attribute->rta_len);
		at += step < (size_t)(end - at) ? step : (size_t)(end - at);
	}
	/* An optimistic address (RFC 4429) may be used while it is still being checked. */
	bool tentative = (flags & IFA_F_TENTATIVE) && !(flags & IFA_F_OPTIMISTIC);
	if (!address || tentative || (flags & IFA_F_DADFAILED))
		return false;
	memcpy(ret, address, 16);
	return true;
}

static int watch_readable(sd_event_source *source, int descriptor, uint32_t events, void *userdata) {
	(void)source;
	(void)events;
	struct interface_watch *watch = userdata;
	_Alignas(struct nlmsghdr) uint8_t bytes[RECEIVE_CAPACITY];
	struct sockaddr_nl sender = { 0 };
	socklen_t sender_length = sizeof(sender);
	ssize_t length = recvfrom(descriptor, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&sender, &sender_length);
	if (length < 0 || sender.nl_pid != 0) /* only the kernel is believed */
		return 0;
	unsigned left = (unsigned)length;
	for (const struct nlmsghdr *header = (const void *)bytes; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
		uint8_t address[16];
		if (address_usable(header, watch->index, address)) {
			/* One is enough for this datagram, and the callback may have freed the watch. */
			watch->callback(watch->context, watch->index, address);
			return 0;
		}
	}
	return 0;
}

static int watch_open(struct interface_watch *watch, sd_event *event) {
	struct sockaddr_nl local = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV6_IFADDR };
	watch->descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (watch->descriptor < 0 || bind(watch->descriptor, (struct sockaddr *)&local, sizeof(local)) < 0)
		return -errno;
	struct {
		struct nlmsghdr header;
		struct ifaddrmsg message;
	} request = {
		.header = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_GETADDR, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.message = { .ifa_family = AF_INET6 },
	};
	if (send(watch->descriptor, &request, sizeof(request), 0) < 0)
		return -errno;
	return sd_event_add_io(event, &watch->source, watch->descriptor, EPOLLIN, watch_readable, watch);
}

static int system_watch(void *context, struct interface_watch **ret, sd_event *event, const char *name,
                        interface_address callback, void *callback_context) {
	unsigned index;
	int r = interface_index(name, &index);
	if (r < 0)
		return r;
	struct interface_watch *watch = calloc(1, sizeof(*watch));
	if (!watch)
		return -ENOMEM;
	*watch = (struct interface_watch){ .descriptor = -1, .index = index, .callback = callback, .context = callback_context };
	r = watch_open(watch, event);
	if (r < 0) {
		system_unwatch(context, watch);
		return r;
	}
	*ret = watch;
	return 0;
}

const struct interface_port *interface_port_system(void) {
	static const struct interface_port port = {
		.set_up = system_set_up,
		.is_up = system_is_up,
		.set_address = system_set_address,
		.watch = system_watch,
		.unwatch = system_unwatch,
	};
	return &port;
}
