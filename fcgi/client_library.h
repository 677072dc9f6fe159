/*
 * client_library.h
 *	  Which library sent this?  By how it introduces itself, and only to count.
 */
#ifndef TALLY_CLIENT_LIBRARY_H
#define TALLY_CLIENT_LIBRARY_H

#include "metrics.h"

/*
 * The counter of the library with these headers, NULL for one that is not
 * there.  Reads no more of them than the longest name that it knows.
 */
enum metric client_library(const char *keen_sdk, const char *user_agent);

#endif
