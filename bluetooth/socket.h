/* Bluetooth sockets of a daemon whose Wi-Fi lives in a network namespace of its own. A namespace walls the camera's network off:
 * whoever joins it reaches nothing else of the machine, and the machine's other programs do not reach it. But the kernel knows
 * Bluetooth only in the initial namespace (net/bluetooth/af_bluetooth.c, bt_sock_create), so one thread stays there and makes the
 * sockets, which then work anywhere. */
#pragma once

/* Moves the calling thread (and all it will start) into the network namespace `path` ("/run/netns/wifi"). Call it once, at start,
 * before any other socket is made: it needs CAP_SYS_ADMIN, nothing after it does. 0 or a negative errno. */
int bluetooth_socket_enter_namespace(const char *path);
/* socket(AF_BLUETOOTH, type, protocol), made where Bluetooth is. A descriptor or a negative errno. */
int bluetooth_socket(int type, int protocol);
