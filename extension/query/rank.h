/*
 * rank.h
 *	  Which groups an answer shows and in which order: order_by and limit.
 *
 * Without order_by that is all of them, by the value of their keys.  With
 * order_by and an interval every slice is ordered for itself, while limit
 * chooses the groups once, by their results over the whole timeframe: slices
 * stay dense.  A group without a result comes last in either direction, and
 * groups that are equal stay in the order of their keys.
 */
#ifndef TALLY_RANK_H
#define TALLY_RANK_H

#include "query/spec.h"
#include "series/panel/panel.h"

typedef struct TallyRank TallyRank;

/* Chooses the groups; made in the current memory context. */
extern TallyRank *tally_rank_groups(const TallyQuerySpec *spec,
									TallyPanel *panel);

extern int32 tally_rank_ngroups(const TallyRank *rank);

/* The groups in the order of one bucket; good until the next call. */
extern const int32 *tally_rank_bucket(TallyRank *rank, int32 bucket);

#endif
