/* Files of keys that an administrator puts on a machine: text, a key on each line, `#` before a comment. Everybody who may read
 * one has its keys, so a file that everybody may read is refused. What is wrong with a file is said in words: which file, which
 * line, and what to do. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_FILE_KEY_SIZE 32
#define KEY_FILE_PROBLEM_SIZE 256

/* What the lines of one kind of file are. */
struct key_file_form {
	/* One line, without blanks around it, neither empty nor a comment. 0; -EINVAL: not of this form; -E2BIG: once more, or
	 * one too many. */
	int (*line)(void *context, const char *line, size_t length);
	const char *expected; /* "expected ...": after the place of a line that is not of this form */
	const char *too_many; /* after that of one for which it is -E2BIG */
	const char *remedy;   /* what to do when there is no such file */
};

/* Blanks between the words of a line. */
bool key_file_is_blank(char c);
/* Exactly the 64 hexadecimal digits of a key. 0 or -EINVAL. Wipe the key when done. */
int key_file_key(const char *digits, size_t length, uint8_t ret[KEY_FILE_KEY_SIZE]);

/* Hands out every line. 0, or what `line` said, with *ret_line set to the line's number from 1. */
int key_file_parse(const char *text, size_t length, const struct key_file_form *form, void *context, unsigned *ret_line);
/* Reads the file of this path and parses it. 0 or a negative errno (-EPERM: everybody may read it). problem: for people, which
 * file it is, what is wrong with it and what to do; "" with 0. */
int key_file_read(const char *path, const struct key_file_form *form, void *context, char problem[KEY_FILE_PROBLEM_SIZE]);
