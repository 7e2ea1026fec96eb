/* docs/http/openapi.yaml as it was built in. */
#pragma once

#include <stddef.h>

extern const unsigned char openapi_yaml[];
extern const size_t openapi_yaml_size;
