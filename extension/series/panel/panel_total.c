/*-------------------------------------------------------------------------
 *
 * panel_total.c
 *	  A measure of a group over all buckets.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "budget.h"
#include "series/panel/panel_internal.h"

Datum
tally_panel_total(TallyPanel *panel, int32 group, int measure, bool *isnull)
{
	Measure *m = &panel->measures[measure];
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(caller,
												  "tally panel total",
												  ALLOCSET_SMALL_SIZES);
	int16 typlen;
	bool typbyval;
	Datum value;
	void *state;

	get_typlenbyval(m->result, &typlen, &typbyval);
	MemoryContextSwitchTo(scratch);
	state = palloc0(tally_measure_size(m));
	for (int32 b = 0; b < panel->grid->nbuckets; b++)
	{
		const char *cell = panel_find_cell(panel, b, group);

		CHECK_FOR_INTERRUPTS();
		if (cell == NULL || tally_measure_nvalues(cell + m->offset) == 0)
			continue;
		tally_measure_merge(m, state, cell + m->offset, scratch);
		tally_budget_memory(
			(int64) MemoryContextMemAllocated(panel->cxt, false) +
			(int64) MemoryContextMemAllocated(scratch, false));
	}
	value = tally_measure_value(m, state, isnull);
	MemoryContextSwitchTo(caller);
	if (!*isnull)
		value = datumCopy(value, typbyval, typlen);
	MemoryContextDelete(scratch);
	return value;
}
