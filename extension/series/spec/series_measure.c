/*-------------------------------------------------------------------------
 *
 * series_measure.c
 *	  Measures as they are written: "count", "sum(price) AS revenue",
 *	  "percentile(properties.ms, 0.95)".
 *
 *	  measure	kind | kind(*) | kind(column [, number ..]), maybe AS alias
 *	  column	as in series_column.h; unquoted names are folded as in SQL
 *	  number	percentile: which, from 0 to 1, which must be there
 *				distinct: the bits of a HyperLogLog
 *				percentile, median: the compression of a t-digest
 *				where the last is left out the measure is exact
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "parser/scansup.h"

#include "compat.h"
#include "measure/measure.h"
#include "series/spec/series_spec.h"

pg_noreturn static void bad_measure(const char *text);

/* bad_measure -- the one complaint about a measure's text. */
static void
bad_measure(const char *text)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("measure \"%s\" not understood", text),
			 errdetail(
				 "A measure is count, or count, sum, avg, min, max, first, "
				 "last, stddev, variance, median, distinct or values of a "
				 "(column), or percentile(column, 0.95)."),
			 errhint("An alias may follow: \"sum(price) AS revenue\". Quote "
					 "a column that is not all lower case: sum(\"Price\").")));
}

/* skip_blanks -- the next character that is no blank. */
static char *
skip_blanks(char *p)
{
	while (scanner_isspace(*p))
		p++;
	return p;
}

/* find_kind -- the kind of that name, or TALLY_MEASURE__COUNT. */
static TallyMeasureKind
find_kind(const char *name)
{
	int k;

	for (k = 0; k < TALLY_MEASURE__COUNT; k++)
		/* What stats are read as are measures of their own here. */
		if (k != TALLY_STATS && strcmp(name, tally_measure_kind_name(k)) == 0)
			break;
	return k;
}

/* The numbers behind a column: at most two. */
typedef struct Numbers
{
	int n;
	float8 value[2];
	char *text; /* as they were written, ", 0.95" */
} Numbers;

/* read_numbers -- ", number" as often as it is there; NULL for other text. */
static char *
read_numbers(char *p, Numbers *numbers)
{
	char *start = p;
	StringInfoData text;

	initStringInfo(&text);
	for (p = skip_blanks(p); *p == ','; p = skip_blanks(p))
	{
		char *end;

		start = p = skip_blanks(p + 1);
		if (numbers->n >= lengthof(numbers->value))
			return NULL;
		/* strtod() takes more than a number, such as "nan" and "0x1". */
		p += strspn(p, "0123456789.");
		numbers->value[numbers->n++] = strtod(start, &end);
		if (end != p || p == start)
			return NULL;
		appendStringInfo(&text, ", %.*s", (int) (p - start), start);
	}
	numbers->text = text.data;
	return p;
}

/* set_numbers -- what they mean for the kind; false when it takes others. */
static bool
set_numbers(TallyMeasure *def, const Numbers *numbers)
{
	int n = numbers->n;
	float8 precision;

	if (def->kind == TALLY_PERCENTILE)
	{
		if (n == 0)
			return false;
		def->param = numbers->value[0];
		n--;
	}
	if (n == 0)
		return true;
	if (n > 1 || !(def->kind == TALLY_PERCENTILE ||
				   def->kind == TALLY_MEDIAN || def->kind == TALLY_DISTINCT))
		return false;
	precision = numbers->value[numbers->n - 1];
	if (precision < 1 || precision > PG_INT16_MAX ||
		precision != floor(precision))
		return false;
	def->precision = (int) precision;
	return true;
}

/* read_arguments -- what stands in the parentheses; NULL if it cannot be. */
static char *
read_arguments(const SeriesSource *source, char *p, SeriesMeasure *m,
			   Numbers *numbers)
{
	p = skip_blanks(p);
	if (*p == '*' && m->def.kind == TALLY_COUNT)
	{
		m->of_rows = true;
		p++;
	}
	else
	{
		if ((p = series_column_read(source, p, &m->from)) == NULL ||
			(p = read_numbers(p, numbers)) == NULL)
			return NULL;
	}
	p = skip_blanks(p);
	return *p == ')' && set_numbers(&m->def, numbers) ? p + 1 : NULL;
}

/* read_alias -- "AS name" to the end, if it is there; NULL for other text. */
static char *
read_alias(char *p, SeriesMeasure *m)
{
	char *word;
	char *end;

	p = skip_blanks(p);
	if (*p == '\0')
		return p;
	if ((end = series_name_read(p, &word)) == NULL || strcmp(word, "as") != 0)
		return NULL;
	p = skip_blanks(end);
	if ((p = series_name_read(p, &m->name)) == NULL)
		return NULL;
	p = skip_blanks(p);
	return *p == '\0' ? p : NULL;
}

/*
 * set_value_type -- what a measure is of.  Of JSON that is a number, which
 * every JSON number is as numeric; what counts or lists values takes any of
 * them, as text.
 */
static void
set_value_type(SeriesMeasure *m)
{
	m->def.type = m->from.type;
	m->def.collation = m->from.collation;
	if (m->from.npath == 0)
		return;
	if (m->def.kind == TALLY_COUNT || m->def.kind == TALLY_DISTINCT ||
		m->def.kind == TALLY_VALUES)
	{
		m->def.type = TEXTOID;
		m->def.collation = DEFAULT_COLLATION_OID;
		return;
	}
	m->def.type = NUMERICOID;
	m->def.collation = InvalidOid;
}

void
series_measure_parse(const SeriesSource *source, const char *text,
					 SeriesMeasure *m)
{
	char *p = skip_blanks(pstrdup(text));
	char *kind;
	Numbers numbers = {.text = ""};
	Measure checked;

	memset(m, 0, sizeof(*m));
	if ((p = series_name_read(p, &kind)) == NULL)
		bad_measure(text);
	m->def.kind = find_kind(kind);
	if (m->def.kind == TALLY_MEASURE__COUNT)
		bad_measure(text);

	p = skip_blanks(p);
	if (*p == '(')
	{
		if ((p = read_arguments(source, p + 1, m, &numbers)) == NULL)
			bad_measure(text);
	}
	else if (m->def.kind == TALLY_COUNT)
		m->of_rows = true;
	else
		bad_measure(text);
	if (read_alias(p, m) == NULL)
		bad_measure(text);
	if (m->name == NULL)
		m->name = m->of_rows
					  ? kind
					  : psprintf("%s(%s%s)", kind, m->from.name, numbers.text);
	if (!m->of_rows)
		set_value_type(m);
	tally_measure_init(&checked, &m->def, CurrentMemoryContext);
	m->result = checked.result;
}
