/* Private to crypto/: the implementations of libcrypto's own provider, asked directly (provider(7)) and not through EVP, which
 * makes an object of each of the provider's hundreds of algorithms: 190 kB of a camera's memory for its ciphers alone. */
#pragma once

#include <openssl/core_dispatch.h>

/* The functions of one algorithm, ended by function_id 0; they live as long as the process. NULL: libcrypto has no such
 * algorithm. `operation`: OSSL_OP_... */
const OSSL_DISPATCH *provider_find(int operation, const char *algorithm);
/* What an algorithm's "new" functions take. Valid after provider_find() gave something. */
void *provider_context(void);
