/*-------------------------------------------------------------------------
 *
 * series_access.c
 *	  A tally.series as an array of its values.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"

#include "series/two_step/series_table.h"

PG_FUNCTION_INFO_V1(tally_series_values);

/* tally.values(series) returns double precision[], one element a bucket */
Datum
tally_series_values(PG_FUNCTION_ARGS)
{
	TallySeriesTable table;
	int nbuckets;
	Datum *values;
	int dims[1];
	int lower[1] = {1};

	tally_series_table_read(&table,
							tally_panel_from_datum(PG_GETARG_DATUM(0),
												   CurrentMemoryContext),
							NULL);
	nbuckets = dims[0] = table.grid->nbuckets;
	values = palloc(nbuckets * sizeof(Datum));
	for (int b = 0; b < nbuckets; b++)
		values[b] = Float8GetDatum(table.value[b]);
	PG_RETURN_ARRAYTYPE_P(construct_md_array(values,
											 table.isnull,
											 1,
											 dims,
											 lower,
											 FLOAT8OID,
											 sizeof(float8),
											 FLOAT8PASSBYVAL,
											 TYPALIGN_DOUBLE));
}
