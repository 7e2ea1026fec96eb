/* Private to crypto/: what crypto_start() prepares in the other files. */
#pragma once

/* Finds the cipher. 0 or -EIO. */
int gcm_start(void);
