/* Private to crypto/: what crypto_start() prepares in the other files. */
#pragma once

/* Each finds what it needs of libcrypto. 0 or -EIO. */
int gcm_start(void);
int x25519_start(void);
