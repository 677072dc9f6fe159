/*
 * compat.h
 *	  Every difference between server versions 15 to 18, in one place.
 */
#ifndef TALLY_COMPAT_H
#define TALLY_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "Tally needs PostgreSQL 15 or later"
#endif

#endif
