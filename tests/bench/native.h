/* The groups of native figures, each printed by its own file. */
#pragma once

/* Session and pairing set-up, both ends in this process, against TLS 1.3 with client certificates. */
void bench_handshakes(void);
/* AES-256-GCM at three sizes against OpenSSL, libsodium and mbedTLS; records of an open session. */
void bench_bulk(void);
/* The footage container against the same cipher and plain file calls; adverts. */
void bench_footage(void);
void bench_adverts(void);
