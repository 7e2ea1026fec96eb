/* cam-radio/recorder.h without D-Bus: calls are kept, and answered when the fuzzer says so. Takes the place of the real client
 * when linked before it. */
#pragma once

#include "cam-radio/recorder.h"

/* Answers the oldest call with this reason and with bytes of the fuzzer's choice. False when there is none. */
bool fake_recorder_answer(enum reason reason, const uint8_t *bytes, size_t length);
/* Forgets what is left; nobody holds a call any more. */
void fake_recorder_check_empty(void);
