/* The groups of native figures, each printed by its own file. */
#pragma once

/* Session and pairing set-up, both ends in this process, against TLS 1.3 with client certificates. */
void bench_handshakes(void);
/* AES-256-GCM at three sizes, and records of a session as they go over the wire, beside OpenSSL, libsodium and mbedTLS. */
void bench_cipher(void);
void bench_records(void);
/* The record of a Bluetooth link alone: tests/bench/radio asks an emulated processor for it. */
void bench_bluetooth_record(void);
/* The footage container beside the same libraries and file calls; adverts. */
void bench_footage(void);
void bench_adverts(void);
