/*
 * sqlstate.h
 *	  The SQLSTATEs of contract.h, as errcode() takes them.
 */
#ifndef TALLY_SQLSTATE_H
#define TALLY_SQLSTATE_H

#include "utils/elog.h"

#include "contract.h"

/* errcode(TALLY_SQLSTATE(TALLY_ERR_TIMEFRAME)) */
#define TALLY_SQLSTATE(s) MAKE_SQLSTATE((s)[0], (s)[1], (s)[2], (s)[3], (s)[4])

#endif
