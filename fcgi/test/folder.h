/*
 * folder.h
 *	  A temporary folder for the files of a test.
 *
 * The source that includes it defines _XOPEN_SOURCE 700 (mkdtemp(), nftw()).
 */
#ifndef TALLY_FOLDER_H
#define TALLY_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char dir[64]; /* its path; empty: there is none */

static inline int
folder_remove_one(const char *path, const struct stat *st, int type,
				  struct FTW *ftw)
{
	(void) st;
	(void) type;
	(void) ftw;
	return remove(path);
}

static inline void
folder_remove(void)
{
	if (dir[0] != '\0')
		(void) nftw(dir, folder_remove_one, 8, FTW_DEPTH | FTW_PHYS);
	dir[0] = '\0';
}

/* An empty one, instead of the one before. */
static inline void
folder_new(void)
{
	folder_remove();
	strcpy(dir, "/tmp/tally_test.XXXXXX");
	if (mkdtemp(dir) == NULL)
		abort();
}

#endif
