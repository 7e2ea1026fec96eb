#include "crypto/provider.h"

#include <openssl/provider.h>
#include <string.h>

static OSSL_PROVIDER *loaded(void) {
	static OSSL_PROVIDER *provider; /* for the life of the process */
	if (!provider)
		provider = OSSL_PROVIDER_load(NULL, "default");
	return provider;
}

const OSSL_DISPATCH *provider_find(int operation, const char *name) {
	if (!loaded())
		return NULL;
	int uncached;
	const OSSL_ALGORITHM *algorithm = OSSL_PROVIDER_query_operation(loaded(), operation, &uncached);
	size_t length = strlen(name);
	/* Names are separated by colons, the usual one is first. */
	for (; algorithm && algorithm->algorithm_names; algorithm++)
		if (strncmp(algorithm->algorithm_names, name, length) == 0 && strchr(":", algorithm->algorithm_names[length]))
			return algorithm->implementation;
	return NULL;
}

void *provider_context(void) {
	return OSSL_PROVIDER_get0_provider_ctx(loaded());
}
