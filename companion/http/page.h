/* The page's files, from one folder on disk. */
#pragma once

#include "companion/http/server.h"

/* A bundle is a few hundred KiB; anything larger in that folder is not a part of the page. */
#define PAGE_FILE_LIMIT (8u * 1024 * 1024)

struct page;

/* `folder` may be missing: then every file is. NULL when out of memory. */
struct page *page_new(const char *folder);
void page_free(struct page *page);
/* Answers a GET or HEAD for this path: "/" is index.html. */
void page_answer(struct page *page, struct http_request *request, const char *path);
/* True for a path that can name a file of the page: components of letters, digits, "-", "_" and ".", none beginning with a
 * period. Pure. */
bool page_path_is_valid(const char *path);
