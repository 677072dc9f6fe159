/*
 * quarantine_board.h
 *	  What the programs of a host know of queries that did harm: the memory of
 *	  quarantine.c, and the file behind it.
 *
 * Whoever writes a row is alone in it; others read it meanwhile.  So every
 * member is atomic, and a reader looks twice (quarantine.c).
 */
#ifndef TALLY_QUARANTINE_BOARD_H
#define TALLY_QUARANTINE_BOARD_H

#include <stdatomic.h>

#include "quarantine.h"
#include "siphash.h"

struct quarantine_place
{
	_Atomic uint64_t fingerprint;
	_Atomic int64_t until_ms; /* 0: the place is free */
	_Atomic int64_t lost_ms;  /* when the last of "losses" was */
	_Atomic int reason;		  /* enum quarantine_reason */
	_Atomic int losses;		  /* counted while reason is QUARANTINE_NONE */
};

struct quarantine_row
{
	_Atomic uint64_t running[QUARANTINE_SLOTS]; /* 0: nothing */
	struct quarantine_place places[QUARANTINE_PLACES];
};

struct quarantine_board
{
	char format[16];
	char boot[40]; /* whose monotonic clock the times are of */
	struct siphash_secret secret;
	_Atomic int
		rows_used; /* those behind were never anyone's; whoever reads it
							* trusts it no further than there are rows */
	struct quarantine_row rows[];
};

/* A program's access to it. */
struct quarantine_access
{
	struct quarantine_board *board;
	size_t bytes;
	int rows; /* that there are */
	int own;  /* the row it may write */
	int fd;	  /* -1: the memory is its own */
};

/*
 * The file, made when there is none or one that says nothing (of an earlier
 * boot, of another version), with a row that is now this program's.  False, and
 * "why", when there is none to be had.
 */
bool quarantine_board_open(struct quarantine_access *access, const char *file,
						   const char **why);

/* Memory that nobody shares; false when there is none. */
bool quarantine_board_alone(struct quarantine_access *access);

void quarantine_board_close(struct quarantine_access *access);

/* Nobody has that row of the file: it is this program's until it is let go.
 * False when it has an owner. */
bool quarantine_board_take(const struct quarantine_access *access, int row);
void quarantine_board_let_go(const struct quarantine_access *access, int row);

#endif
