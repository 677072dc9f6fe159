/*
 * hll.h
 *	  HyperLogLog: about how many different values there were, in a few kB.
 *
 * Free-standing: no server, memory given by the caller.
 *
 * Of each value's 64-bit hash the first "precision" bits choose a register,
 * which keeps the largest number of the first set bit among the rest.  The
 * registers are all of the state, so it does not depend on the order of
 * values, and the registers of two sketches together are the larger of each.
 *
 * While few registers are set they are listed one by one, in order ("sparse");
 * then all of them are kept, a byte each ("dense").  Which of the two it is
 * follows from how many are set.
 */
#ifndef TALLY_HLL_H
#define TALLY_HLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The error is about 1.04 / sqrt(2^precision): 26 % to 0.4 %. */
#define TALLY_HLL_MIN_PRECISION 4
#define TALLY_HLL_MAX_PRECISION 16

typedef struct TallyHll
{
	uint8_t precision;
	bool is_dense;
	uint32_t nset; /* registers that are not 0 */
	uint32_t room; /* entries, while sparse */
	/* sparse: register << 8 | its value, in order; dense: a byte each */
	uint32_t data[];
} TallyHll;

/* The largest value of a register. */
static inline int
tally_hll_max_rank(int precision)
{
	return 64 - precision + 1;
}

/* Bytes of a sketch: an empty one, and the next size of one that is full. */
extern size_t tally_hll_first_size(int precision);
extern size_t tally_hll_next_size(const TallyHll *h);

/* Bytes of a dense one. */
extern size_t tally_hll_dense_size(int precision);

/* Most registers that are set in a sparse one; 0: there are none. */
extern uint32_t tally_hll_sparse_limit(int precision);

/* Makes an empty one in memory of the first size. */
extern void tally_hll_init(TallyHll *h, int precision);

/* Makes "into", memory of the next size, the same as "h". */
extern void tally_hll_grow(const TallyHll *h, TallyHll *into);

/*
 * Adds a value by its hash, or what one register holds.  False when there is
 * no room: then nothing has changed, and it has to grow first.
 */
extern bool tally_hll_add(TallyHll *h, uint64_t hash);
extern bool tally_hll_set(TallyHll *h, uint32_t index, int rank);

/*
 * Walks the registers that are set: the first at or after "*index", which
 * moves behind it.  Its value, or 0 at the end.
 */
extern int tally_hll_next(const TallyHll *h, uint32_t *index, uint32_t *found);

/* About how many different values were added. */
extern double tally_hll_estimate(const TallyHll *h);

#endif
