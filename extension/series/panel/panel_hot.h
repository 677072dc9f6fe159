/*
 * panel_hot.h
 *	  What is done for every row, to be compiled into whoever does it.
 */
#ifndef TALLY_PANEL_HOT_H
#define TALLY_PANEL_HOT_H

#include "series/panel/panel_cache.h"

/*
 * panel_look_up -- the group of a key, by the cache and then by the hash
 * table; a new one is added, or negative.
 */
static inline int32
panel_look_up(TallyPanel *panel, const Datum *keys, const bool *nulls,
			  bool add)
{
	uint64 words[PANEL_CACHE_WORDS];
	bool is_signed;
	int32 group;

	if (panel->nkeys == 0)
		return 0;
	is_signed = panel_cache_sign(panel, keys, nulls, words);
	if (is_signed)
	{
		group = panel_cached_group(panel, words);
		if (likely(group >= 0 || (group == PANEL_ABSENT && !add)))
			return group;
	}
	group = panel_find_group(panel, keys, nulls, add);
	if (is_signed)
		panel_cache_put(panel, words, group >= 0 ? group : PANEL_ABSENT);
	return group;
}

/* panel_cell_inline -- as panel_cell(). */
static inline char *
panel_cell_inline(TallyPanel *panel, int32 bucket, int32 group)
{
	const PanelRow *row = &panel->rows[bucket];

	if (likely(group < row->ncells))
		return row->cells + (Size) group * panel->cell_size;
	return panel_cell(panel, bucket, group);
}

/* panel_add_value -- to one measure of a cell; as tally_panel_add(). */
static inline void
panel_add_value(TallyPanel *panel, Measure *m, char *cell, Datum value,
				TimestampTz at)
{
	if (m->state == STATE_COUNT)
		((MeasureCount *) (cell + m->offset))->n++;
	else
		tally_measure_add(m, cell + m->offset, value, at, panel->cxt);
}

#endif
