/*
 * share.h
 *	  How much of what is scarce each owner has now.
 *
 * An owner is an API key, as a number.  Only owners that have something take
 * a place, so the table is as large as what can be had.  No lock.
 */
#ifndef TALLY_SHARE_H
#define TALLY_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is counted. */
enum share_of
{
	SHARE_RUNNING, /* computations, those that wait for a slot too */
	SHARE_WAITING, /* requests that wait for an answer */
	SHARE__COUNT
};

struct share_place
{
	uint64_t owner;
	int has[SHARE__COUNT];
};

struct share
{
	int most[SHARE__COUNT]; /* an owner's share */
	size_t count;
	size_t room;
	struct share_place *places;
};

/* "room" is the number of owners that can have something at a time.  False
 * when out of memory. */
bool share_init(struct share *share, size_t room,
				const int most[SHARE__COUNT]);
void share_free(struct share *share);

/* May the owner take one more? */
bool share_has_room(const struct share *share, uint64_t owner,
					enum share_of of);

void share_take(struct share *share, uint64_t owner, enum share_of of);

/* As often as share_take(). */
void share_give(struct share *share, uint64_t owner, enum share_of of);

#endif
