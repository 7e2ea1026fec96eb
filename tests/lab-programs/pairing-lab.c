/* pairing-lab: what a folder of cam-radiod or companiond remembers of the other end, for scenarios that look at it while the
 * daemon is not running.
 *
 *   pairing-lab FOLDER RECORD...
 *       prints "RECORD none", or "RECORD FINGERPRINT ID" with the other end's fingerprint and something that differs for each
 *       pairing; then "static-key FINGERPRINT"
 *
 * Status 0; 1 when one of them was damaged. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "pairing/record.h"
#include "pairing/static_keys.h"

static int print_record(int folder, const char *name) {
	struct pairing_record record;
	char fingerprint[FINGERPRINT_SIZE];
	uint8_t id[crypto_generichash_BYTES_MIN];
	int r = pairing_record_load(file_layer_system(), folder, name, &record);

	if (r == -ENOENT) {
		printf("%s none\n", name);
		return 0;
	}
	if (r < 0)
		return r;
	static_keys_fingerprint(record.peer_key, fingerprint);
	crypto_generichash(id, sizeof(id), record.secret, sizeof(record.secret), NULL, 0);
	printf("%s %s %02x%02x%02x%02x\n", name, fingerprint, id[0], id[1], id[2], id[3]);
	sodium_memzero(&record, sizeof(record));
	return 0;
}

int main(int argc, char **argv) {
	struct static_keys keys;
	char fingerprint[FINGERPRINT_SIZE];
	int folder = argc >= 2 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1, r = folder < 0 ? -errno : 0;

	for (int i = 2; r == 0 && i < argc; i++)
		r = print_record(folder, argv[i]);
	if (r == 0)
		r = static_keys_load(file_layer_system(), folder, "static-key", random_system(), &keys);
	if (r == 0) {
		static_keys_fingerprint(keys.public, fingerprint);
		printf("static-key %s\n", fingerprint);
		sodium_memzero(&keys, sizeof(keys));
		return 0;
	}
	fprintf(stderr, "pairing-lab: %s: %s\n", argc >= 2 ? argv[1] : "no folder was given", strerror(-r));
	return 1;
}
