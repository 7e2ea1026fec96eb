/* lanyard slate head, verify, export: one camera's log of sightings, its proof, and how it leaves the camera (docs/slate.md). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cli/command.h"

enum cli_exit cli_slate_head(const struct cli_call *call);
enum cli_exit cli_slate_verify(const struct cli_call *call);
enum cli_exit cli_slate_export(const struct cli_call *call);

/* A whole log; free *ret. CLI_FAILED after a message, and *ret is untouched. */
enum cli_exit slate_log_read(const char *path, uint8_t **ret, size_t *ret_length);
