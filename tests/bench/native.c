/* The figures that need no radio. `./run bench` calls it, or one group of it: bench-native [handshakes|bulk|footage|adverts]...
 */
#include "tests/bench/native.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "tests/bench/compare.h"

static const struct {
	const char *name;
	void (*run)(void);
} groups[] = {
	{ "handshakes", bench_handshakes },
	{ "bulk", bench_bulk },
	{ "footage", bench_footage },
	{ "adverts", bench_adverts },
};
#define GROUPS (sizeof(groups) / sizeof(groups[0]))

int main(int count, char **words) {
	REQUIRE(crypto_start() == 0);
	for (int i = 1; i < count; i++) {
		bool known = false;
		for (size_t j = 0; j < GROUPS; j++)
			known = known || strcmp(words[i], groups[j].name) == 0;
		if (!known) {
			fprintf(stderr, "bench-native: no group \"%s\" (handshakes, bulk, footage, adverts)\n", words[i]);
			return 2;
		}
	}
	for (size_t j = 0; j < GROUPS; j++) {
		bool wanted = count == 1;
		for (int i = 1; i < count; i++)
			wanted = wanted || strcmp(words[i], groups[j].name) == 0;
		if (wanted)
			groups[j].run();
	}
	return 0;
}
