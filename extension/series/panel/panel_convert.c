/*-------------------------------------------------------------------------
 *
 * panel_convert.c
 *	  A panel whose states are read as those of another measure.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "series/panel/panel_internal.h"

TallyPanel *
tally_panel_convert(MemoryContext parent, const TallyPanel *panel,
					const TallyMeasure *measure)
{
	TallyPanel *into =
		tally_panel_create(parent, panel->grid, 1, measure, 0, NULL);
	const Measure *m = &panel->measures[0];

	Assert(panel->nkeys == 0 && panel->nmeasures == 1);
	for (int32 b = 0; b < panel->grid->nbuckets; b++)
	{
		const char *cell = panel_find_cell(panel, b, 0);

		CHECK_FOR_INTERRUPTS();
		if (cell != NULL && tally_measure_nvalues(cell) > 0)
			tally_measure_convert(m,
								  cell,
								  &into->measures[0],
								  panel_cell(into, b, 0),
								  into->cxt);
	}
	into->rejected[0] = panel->rejected[0];
	return into;
}
