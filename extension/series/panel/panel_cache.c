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
#include "series/panel/panel_cache.h"

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

/*
 * Codes: at most so many of a value, and so many groups of two codes, 1 MB.
 * There are four slots a code, so that its place is mostly free.
 */
#define CODES_MAX_BITS 10
#define CODES_MAX_SQUARE 18
#define CODES_MIN_BITS 4
#define CODES_SLOTS 2 /* bits more than the codes have */

static Size
slots_size(int bits)
{
	return (((Size) 1 << bits) + PANEL_CODE_STEPS) * 3 * sizeof(uint64);
}

static void
codes_free(TallyPanel *panel)
{
	PanelCodes *codes = panel->codes;

	panel->codes = NULL;
	pfree(codes->groups);
	pfree(codes->values[0].slots);
	pfree(codes->values[1].slots);
	pfree(codes);
}

static void
values_make(TallyPanel *panel, PanelValues *values, int bits)
{
	panel_charge(panel, slots_size(bits));
	values->slots = MemoryContextAllocZero(panel->cxt, slots_size(bits));
	values->bits = bits;
	values->shift = 64 - bits;
	values->n = 0;
}

/* value_add -- a value gets a code; false when its place is too crowded. */
static bool
value_add(PanelValues *values, const uint64 *words, int32 code)
{
	uint64 *slot = &values->slots[(panel_mix(words) >> values->shift) * 3];

	for (int i = 0; i < PANEL_CODE_STEPS; i++, slot += 3)
		if (slot[1] == 0)
		{
			slot[0] = words[0];
			slot[1] = words[1];
			slot[2] = (uint64) code;
			values->n++;
			return true;
		}
	return false;
}

/* values_grow -- the same values in twice the slots, or false. */
static bool
values_grow(TallyPanel *panel, PanelValues *values)
{
	PanelValues larger;
	const uint64 *slot = values->slots;
	bool fits = true;

	values_make(panel, &larger, values->bits + 1);
	for (const uint64 *end =
			 (const uint64 *) ((const char *) slot + slots_size(values->bits));
		 fits && slot < end;
		 slot += 3)
		if (slot[1] != 0)
			fits = value_add(&larger, slot, (int32) slot[2]);
	pfree(fits ? values->slots : larger.slots);
	if (fits)
		*values = larger;
	return fits;
}

/* codes_grow -- room for twice as many codes of one part, or false. */
static bool
codes_grow(TallyPanel *panel, int part)
{
	PanelCodes *codes = panel->codes;
	int rows = codes->bits[0];
	int columns = codes->bits[1];
	Size size = sizeof(int32) << (rows + columns + 1);
	int32 *groups;

	if (codes->bits[part] == CODES_MAX_BITS ||
		rows + columns == CODES_MAX_SQUARE ||
		MemoryContextMemAllocated(panel->cxt, false) + size >
			(Size) tally_max_memory * 1024 / 2 ||
		!values_grow(panel, &codes->values[part]))
		return false;
	panel_charge(panel, size);
	groups = MemoryContextAllocZero(panel->cxt, size);
	codes->bits[part]++;
	for (Size row = 0; row < (Size) 1 << rows; row++)
		memcpy(groups + (row << codes->bits[1]),
			   codes->groups + (row << columns),
			   sizeof(int32) << columns);
	pfree(codes->groups);
	codes->groups = groups;
	return true;
}

/* code_of -- of a value, which is new at first; -1: there is no room. */
static int32
code_of(TallyPanel *panel, int part, const uint64 *words)
{
	PanelValues *values = &panel->codes->values[part];
	int32 code = panel_code(values, words);

	if (code >= 0)
		return code;
	if (values->n == 1 << panel->codes->bits[part] && !codes_grow(panel, part))
		return -1;
	return value_add(values, words, values->n) ? values->n - 1 : -1;
}

/* codes_put -- false when a part has too many values for codes. */
static bool
codes_put(TallyPanel *panel, const uint64 *words, int32 group)
{
	int32 first = code_of(panel, 0, words);
	int32 second = first < 0 ? -1 : code_of(panel, 1, words + 2);

	if (second < 0)
		return false;
	panel->codes->groups[(Size) first << panel->codes->bits[1] | second] =
		group >= 0 ? group + 1 : -1;
	return true;
}

static void
codes_make(TallyPanel *panel)
{
	Size size = sizeof(int32) << (2 * CODES_MIN_BITS);
	PanelCodes *codes = MemoryContextAllocZero(panel->cxt, sizeof(PanelCodes));

	panel_charge(panel, size);
	codes->groups = MemoryContextAllocZero(panel->cxt, size);
	for (int i = 0; i < 2; i++)
	{
		values_make(panel, &codes->values[i], CODES_MIN_BITS + CODES_SLOTS);
		codes->bits[i] = CODES_MIN_BITS;
	}
	panel->codes = codes;
}

void
panel_cache_put(TallyPanel *panel, const uint64 *words, int32 group)
{
	uint64 *slot;
	uint64 *next;

	if (panel->codes != NULL)
	{
		if (codes_put(panel, words, group))
			return;
		codes_free(panel);
		cache_make(panel, CACHE_MIN_BITS);
	}
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
	panel->has_cache = panel->nkeys <= PANEL_CACHE_KEYS;
	if (panel->has_cache && panel->nkeys == 2)
		codes_make(panel);
	else if (panel->has_cache)
		cache_make(panel, CACHE_MIN_BITS);
#endif
}
