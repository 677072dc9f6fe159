/*-------------------------------------------------------------------------
 *
 * panel_cache.c
 *	  The cache in front of the hash table of panel_keys.c: made, filled and
 *	  grown; panel_cache.h explains it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "guc.h"
#include "series/panel_cache.h"

/* Slots: 6 to 10 kB at first, 0.8 to 1.3 MB at most, about an L2 cache. */
#define CACHE_MIN_BITS 8
#define CACHE_MAX_BITS 15

/*
 * cache_make -- an empty cache of 2^bits slots, instead of the one there is.
 *
 * It only saves time: a panel that has come near its limit keeps the one it
 * has.
 */
static void
cache_make(TallyPanel *panel, int bits)
{
	int stride = 2 * panel->nkeys + 1;
	Size size = (sizeof(uint64) * stride) << bits;
	Size taken = MemoryContextMemAllocated(panel->cxt, false);

	uint64 *old = panel->cache;

	panel->cache_groups = PG_INT32_MAX;
	if (old != NULL && taken + size > (Size) tally_max_memory * 1024 / 2)
		return;
	panel_charge(panel, size);
	panel->cache = MemoryContextAllocZero(panel->cxt, size);
	if (old != NULL)
		pfree(old);
	if (bits < CACHE_MAX_BITS)
		panel->cache_groups = (1 << bits) / 2;
	panel->cache_stride = stride;
	panel->cache_shift = 64 - (bits - 1); /* slots come in pairs */
	panel->cache_bits = bits;
}

void
panel_cache_put(TallyPanel *panel, const uint64 *words, int32 group)
{
	uint64 *slot;
	uint64 *next;

	if (unlikely(panel->ngroups > panel->cache_groups))
		cache_make(panel, panel->cache_bits + 1);
	slot = panel_cache_slot(panel, words);
	next = slot + panel->cache_stride;
	/* The second word of a slot in use is never 0. */
	if (slot[1] != 0 && !panel_cache_hit(panel, slot, words) &&
		(next[1] == 0 || panel_cache_hit(panel, next, words) ||
		 panel->cache_turn++ % 2 == 0))
		slot = next;
	memcpy(slot, words, (panel->cache_stride - 1) * sizeof(uint64));
	slot[panel->cache_stride - 1] = (uint64) (int64) group;
}

void
panel_cache_init(TallyPanel *panel)
{
#ifndef WORDS_BIGENDIAN /* signatures are made for the lowest byte first */
	if (panel->nkeys <= PANEL_CACHE_KEYS)
		cache_make(panel, CACHE_MIN_BITS);
#endif
}
