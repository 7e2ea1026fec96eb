#include "bluetooth/ear_socket.h"

#include <bluetooth/bluetooth.h>
#include <bluetooth/hci.h>
#include <bluetooth/hci_lib.h>
#include <errno.h>
#include <linux/filter.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bluetooth/socket.h"

static uint32_t in_packet(uint16_t company) {
	return (uint32_t)(company & 0xff) << 8 | company >> 8;
}

/* A legacy report of one advert whose first structure, or first after the flags, is another's is dropped in the kernel: it is
 * most of what is on the air. Everything less usual is let through and read by the parser. Offsets: packet type 0, event 1,
 * length 2, subevent 3, count 4, event type 5, address 6-12, data length 13, data from 14: length, AD type, company, header. */
int ear_socket_filter(int file, const struct ear_format format[EAR_FORMATS]) {
	const uint32_t company[EAR_FORMATS] = { in_packet(format[0].company), in_packet(format[1].company) };
	enum { TAKE = 19, DROP = 20 };
#define JUMP(index, value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes) - (index)-1, (no) - (index)-1)
#define BYTE(at) BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (at))
#define HALF(at) BPF_STMT(BPF_LD | BPF_H | BPF_ABS, (at))
	struct sock_filter code[] = {
		[0] = BYTE(1),
		[1] = JUMP(1, 0x3e, 2, DROP),
		[2] = BYTE(3),
		[3] = JUMP(3, 0x0d, TAKE, 4), /* extended: the data lie elsewhere */
		[4] = JUMP(4, 0x02, 5, DROP),
		[5] = BYTE(4),
		[6] = JUMP(6, 1, 7, TAKE),
		[7] = HALF(14), /* flags first: 02 01 .. */
		[8] = JUMP(8, 0x0201, 14, 9),
		[9] = HALF(16),
		[10] = JUMP(10, company[0], 12, 11),
		[11] = JUMP(11, company[1], 12, DROP),
		[12] = BYTE(15),
		[13] = JUMP(13, 0xff, TAKE, DROP),
		[14] = HALF(19),
		[15] = JUMP(15, company[0], 17, 16),
		[16] = JUMP(16, company[1], 17, DROP),
		[17] = BYTE(18),
		[18] = JUMP(18, 0xff, TAKE, DROP),
		[TAKE] = BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		[DROP] = BPF_STMT(BPF_RET | BPF_K, 0),
	};
#undef JUMP
#undef BYTE
#undef HALF
	const struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };
	return setsockopt(file, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno : 0;
}

static int prepare(int file, unsigned adapter, const struct ear_format format[EAR_FORMATS], size_t buffer_bytes) {
	struct hci_filter filter;
	hci_filter_clear(&filter);
	hci_filter_set_ptype(HCI_EVENT_PKT, &filter);
	hci_filter_set_event(EVT_LE_META_EVENT, &filter);
	const int buffer = (int)buffer_bytes;
	/* Forced beyond rmem_max where we may; what the kernel grants otherwise is better than nothing. */
	if (setsockopt(file, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) < 0)
		(void)setsockopt(file, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	/* Filters before it is bound: nothing unfiltered may wait in the queue. */
	if (setsockopt(file, SOL_HCI, HCI_FILTER, &filter, sizeof(filter)) < 0)
		return -errno;
	int r = ear_socket_filter(file, format);
	if (r < 0)
		return r;
	const struct sockaddr_hci address = { .hci_family = AF_BLUETOOTH,
		                              .hci_dev = (unsigned short)adapter,
		                              .hci_channel = HCI_CHANNEL_RAW };
	return bind(file, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

int ear_socket_open(unsigned adapter, const struct ear_format format[EAR_FORMATS], size_t buffer_bytes) {
	int file = bluetooth_socket(SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, BTPROTO_HCI);
	if (file < 0)
		return file;
	int r = prepare(file, adapter, format, buffer_bytes);
	if (r < 0) {
		close(file);
		return r;
	}
	return file;
}
