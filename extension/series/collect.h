/*
 * collect.h
 *	  The aggregate that tally.series() runs over a table; see collect.c.
 */
#ifndef TALLY_COLLECT_H
#define TALLY_COLLECT_H

#include "utils/date.h"
#include "utils/timestamp.h"
#include "utils/lsyscache.h"

#include "series/panel.h"

/* The character that stands for a measure in collect()'s argument. */
extern char tally_collect_char(TallyMeasureKind kind, bool of_rows);

/*
 * The collation of a value: the type's own.  An aggregate has one collation
 * for all its arguments, and "inherited" is it; it only counts where the
 * arguments that can have one agree.
 */
static inline Oid
tally_collation_of(Oid type, Oid inherited)
{
	Oid own = get_typcollation(type);

	return OidIsValid(own) && OidIsValid(inherited) ? inherited : own;
}

/* The midnight of a date, on the clock that the grid is of. */
static inline TimestampTz
tally_date_instant(DateADT date)
{
	if (DATE_IS_NOBEGIN(date))
		return DT_NOBEGIN;
	if (DATE_IS_NOEND(date))
		return DT_NOEND;
	return (TimestampTz) date * USECS_PER_DAY;
}

#endif
