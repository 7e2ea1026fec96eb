#include "companion/http/page.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"

#define PATH_LIMIT 128

struct page {
	int folder;
};

struct page *page_new(const char *folder) {
	struct page *page = calloc(1, sizeof(*page));
	if (!page)
		return NULL;
	page->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (page->folder < 0)
		log_line(LOG_LEVEL_WARNING, "http", "there is no page in %s: %s", folder, strerror(errno));
	return page;
}

void page_free(struct page *page) {
	if (!page)
		return;
	if (page->folder >= 0)
		close(page->folder);
	free(page);
}

bool page_path_is_valid(const char *path) {
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	if (*path != '/' || strlen(path) >= PATH_LIMIT)
		return false;
	while (*path == '/') {
		path++;
		size_t length = strspn(path, letters);
		if (length == 0 || *path == '.')
			return false;
		path += length;
	}
	return *path == '\0';
}

static const char *type_of(const char *path) {
	static const struct {
		const char *ending, *type;
	} types[] = {
		{ ".html", "text/html; charset=utf-8" },
		{ ".js", "text/javascript; charset=utf-8" },
		{ ".css", "text/css; charset=utf-8" },
		{ ".svg", "image/svg+xml" },
		{ ".png", "image/png" },
		{ ".woff2", "font/woff2" },
		{ ".json", "application/json" },
		{ ".webmanifest", "application/manifest+json" },
	};
	const char *ending = strrchr(path, '.');
	for (size_t i = 0; ending && i < ELEMENTS(types); i++)
		if (strcmp(ending, types[i].ending) == 0)
			return types[i].type;
	return "application/octet-stream";
}

/* Opens it component by component, so that no link leads out of the folder. A descriptor, or -1 with errno. */
static int page_open(const struct page *page, const char *path) {
	char copy[PATH_LIMIT];
	strcpy(copy, path + 1); /* page_path_is_valid has checked the length */
	int folder = dup(page->folder);
	char *at = copy, *slash;
	while (folder >= 0 && (slash = strchr(at, '/')) != NULL) {
		*slash = '\0';
		int next = openat(folder, at, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), error = errno;
		close(folder);
		errno = error;
		folder = next;
		at = slash + 1;
	}
	if (folder < 0)
		return -1;
	int file = openat(folder, at, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int error = errno;
	close(folder);
	errno = error;
	return file;
}

void page_answer(struct page *page, struct http_request *request, const char *path) {
	if (strcmp(path, "/") == 0)
		path = "/index.html";
	struct stat status;
	errno = ENOENT;
	int file = page->folder >= 0 && page_path_is_valid(path) ? page_open(page, path) : -1;
	bool lacks_resources = file < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM); /* it may well be there */
	if (file >= 0 && (fstat(file, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size > (off_t)PAGE_FILE_LIMIT)) {
		close(file);
		file = -1;
	}
	if (file < 0)
		http_reply_reason(request, lacks_resources ? REASON_INTERNAL : REASON_PATH_UNKNOWN);
	else
		http_reply_file(request, type_of(path), file, (uint64_t)status.st_size);
}
