/* Where the companion's page opens: its address with the token that companiond left beside its socket. */
#pragma once

#include <stddef.h>

#define PAGE_ADDRESS_SIZE 128

/* The address for the companiond with this socket: "http://127.0.0.1:PORT/#token=HEX". It is a secret: the caller wipes it, and
 * puts it on no command line. 0, -ENOENT without a token, -EACCES when it is not ours to read, -EBADMSG when it is none. */
int page_address(char out[PAGE_ADDRESS_SIZE], const char *socket, unsigned port);
