/*-------------------------------------------------------------------------
 *
 * hll.c
 *	  HyperLogLog.
 *
 * The estimate is Ertl's "improved raw estimator" ("New cardinality
 * estimation algorithms for HyperLogLog sketches", 2017): it has no bias
 * anywhere, so there are no tables and no thresholds between formulas.  (The
 * server's lib/hyperloglog takes hashes of 32 bits and is off by a few
 * percent where it changes from one formula to the other.)
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "measure/hll.h"

/* A sparse sketch takes at most this share of a dense one. */
#define SPARSE_SHARE 4

#define FIRST_ROOM 4

static inline uint8_t *
registers_of(TallyHll *h)
{
	return (uint8_t *) h->data;
}

static inline size_t
sparse_size(uint32_t room)
{
	return offsetof(TallyHll, data) + room * sizeof(uint32_t);
}

size_t
tally_hll_dense_size(int precision)
{
	return offsetof(TallyHll, data) + ((size_t) 1 << precision);
}

uint32_t
tally_hll_sparse_limit(int precision)
{
	uint32_t limit =
		((uint32_t) 1 << precision) / (SPARSE_SHARE * sizeof(uint32_t));

	return limit < FIRST_ROOM ? 0 : limit;
}

/* next_room -- the next larger number of entries; 0: it becomes dense. */
static uint32_t
next_room(int precision, uint32_t room)
{
	uint32_t limit = tally_hll_sparse_limit(precision);

	if (room >= limit)
		return 0;
	if (room == 0)
		return FIRST_ROOM;
	return room > limit / 2 ? limit : room * 2;
}

static size_t
size_for(int precision, uint32_t room)
{
	return room > 0 ? sparse_size(room) : tally_hll_dense_size(precision);
}

size_t
tally_hll_first_size(int precision)
{
	return size_for(precision, next_room(precision, 0));
}

size_t
tally_hll_next_size(const TallyHll *h)
{
	return size_for(h->precision, next_room(h->precision, h->room));
}

/* make -- an empty sketch of so many entries, or a dense one. */
static void
make(TallyHll *h, int precision, uint32_t room)
{
	memset(h, 0, size_for(precision, room));
	h->precision = (uint8_t) precision;
	h->is_dense = room == 0;
	h->room = room;
}

void
tally_hll_init(TallyHll *h, int precision)
{
	make(h, precision, next_room(precision, 0));
}

void
tally_hll_grow(const TallyHll *h, TallyHll *into)
{
	make(into, h->precision, next_room(h->precision, h->room));
	into->nset = h->nset;
	if (!into->is_dense)
	{
		memcpy(into->data, h->data, h->nset * sizeof(uint32_t));
		return;
	}
	for (uint32_t i = 0; i < h->nset; i++)
		registers_of(into)[h->data[i] >> 8] = (uint8_t) h->data[i];
}

/* find_entry -- where the register is, or would be, in a sparse sketch. */
static uint32_t
find_entry(const TallyHll *h, uint32_t index)
{
	uint32_t low = 0;
	uint32_t high = h->nset;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (h->data[middle] >> 8 < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool
tally_hll_set(TallyHll *h, uint32_t index, int rank)
{
	uint32_t at;

	if (h->is_dense)
	{
		uint8_t *reg = &registers_of(h)[index];

		if (*reg == 0)
			h->nset++;
		if (*reg < rank)
			*reg = (uint8_t) rank;
		return true;
	}
	at = find_entry(h, index);
	if (at < h->nset && h->data[at] >> 8 == index)
	{
		if ((int) (h->data[at] & 0xff) < rank)
			h->data[at] = index << 8 | (uint32_t) rank;
		return true;
	}
	if (h->nset == h->room)
		return false;
	memmove(&h->data[at + 1], &h->data[at], (h->nset - at) * sizeof(uint32_t));
	h->data[at] = index << 8 | (uint32_t) rank;
	h->nset++;
	return true;
}

bool
tally_hll_add(TallyHll *h, uint64_t hash)
{
	uint32_t index = (uint32_t) (hash >> (64 - h->precision));
	uint64_t rest = hash << h->precision;
	int rank = rest == 0 ? tally_hll_max_rank(h->precision)
						 : __builtin_clzll(rest) + 1;

	return tally_hll_set(h, index, rank);
}

int
tally_hll_next(const TallyHll *h, uint32_t *index, uint32_t *found)
{
	if (h->is_dense)
	{
		const uint8_t *registers = (const uint8_t *) h->data;

		for (uint32_t m = (uint32_t) 1 << h->precision; *index < m; (*index)++)
			if (registers[*index] != 0)
			{
				*found = (*index)++;
				return registers[*found];
			}
	}
	else
	{
		uint32_t at = find_entry(h, *index);

		if (at < h->nset)
		{
			*found = h->data[at] >> 8;
			*index = *found + 1;
			return (int) (h->data[at] & 0xff);
		}
	}
	return 0;
}

/* sigma, tau -- what registers of 0, and those that are full, stand for. */
static double
sigma(double x)
{
	double y = 1;
	double sum = x;
	double before;

	do
	{
		x *= x;
		before = sum;
		sum += x * y;
		y += y;
	} while (sum != before);
	return sum;
}

static double
tau(double x)
{
	double y = 1;
	double sum = 1 - x;
	double before;

	if (x == 0 || x == 1)
		return 0;
	do
	{
		x = sqrt(x);
		before = sum;
		y *= 0.5;
		sum -= (1 - x) * (1 - x) * y;
	} while (sum != before);
	return sum / 3;
}

double
tally_hll_estimate(const TallyHll *h)
{
	double m = (double) ((uint32_t) 1 << h->precision);
	int most = tally_hll_max_rank(h->precision);
	uint32_t of_rank[64] = {0};
	uint32_t index = 0;
	uint32_t found;
	int rank;
	double z;

	if (h->nset == 0)
		return 0;
	while ((rank = tally_hll_next(h, &index, &found)) > 0)
		of_rank[rank]++;
	of_rank[0] = ((uint32_t) 1 << h->precision) - h->nset;

	z = m * tau(1 - of_rank[most] / m);
	for (int k = most - 1; k >= 1; k--)
		z = 0.5 * (z + of_rank[k]);
	z += m * sigma(of_rank[0] / m);
	return m * m / (2 * log(2) * z);
}
