#include "cam-recorder/picture.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/log.h"

#define FILE_NAME "video-height"
#define TEXT_CAPACITY 16

bool picture_width(unsigned height, unsigned *ret_width) {
	/* The encoder wants even sides: 480 lines are 853.3 wide. */
	static const struct { unsigned height, width; } sizes[] = { { 480, 854 }, { 720, 1280 }, { 1080, 1920 } };
	for (size_t i = 0; i < ELEMENTS(sizes); i++)
		if (sizes[i].height == height) {
			*ret_width = sizes[i].width;
			return true;
		}
	return false;
}

void picture_load(int folder, unsigned *width, unsigned *height) {
	char text[TEXT_CAPACITY + 1];
	size_t length;
	int result = file_read(folder, FILE_NAME, text, TEXT_CAPACITY, &length);
	if (result == -ENOENT)
		return;
	if (result == 0) {
		text[length] = '\0';
		unsigned stored = (unsigned)strtoul(text, NULL, 10);
		if (picture_width(stored, width)) {
			*height = stored;
			return;
		}
	}
	log_line(LOG_LEVEL_ERROR, "recorder", FILE_NAME " is damaged and was set aside; the configured size is used");
	file_set_aside(file_layer_system(), folder, FILE_NAME);
}

int picture_store(int folder, unsigned height) {
	char text[TEXT_CAPACITY];
	int length = snprintf(text, sizeof(text), "%u\n", height);
	return file_replace(file_layer_system(), folder, FILE_NAME, text, (size_t)length);
}
