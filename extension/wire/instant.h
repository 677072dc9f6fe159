/*
 * instant.h
 *	  Reads an instant as clients write it (ISO 8601).
 *
 * Taken: YYYY-MM-DD, then optionally T or a space and hh:mm or hh:mm:ss with
 * an optional fraction (1 to 9 digits, cut to microseconds), then optionally
 * Z, +hh:mm, +hhmm or +hh (or with -).  A date alone is its midnight.  Years
 * 0001 to 9999; 24:00:00 is the next midnight and a leap second :60 the next
 * minute, as PostgreSQL reads them.  No blanks around it.
 *
 * Free-standing: see README.md.
 */
#ifndef TALLY_INSTANT_H
#define TALLY_INSTANT_H

#include <stddef.h>
#include <stdint.h>

enum instant_result
{
	INSTANT_BAD,   /* none of the above, or no such day or time */
	INSTANT_LOCAL, /* no offset: *us is what some clock showed */
	INSTANT_UTC,   /* *us is UTC; *offset_seconds (east) was applied */
};

/*
 * Sets *us to microseconds since 2000-01-01 00:00.  "text" need not be
 * terminated; "offset_seconds" may be NULL.
 */
enum instant_result instant_parse(const char *text, size_t len, int64_t *us,
								  int *offset_seconds);

#endif
