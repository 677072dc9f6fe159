/*-------------------------------------------------------------------------
 *
 * series_measure.c
 *	  Measures as they are written: "count", "sum(price) AS revenue",
 *	  "avg(properties.ms)".
 *
 *	  measure	kind | kind(*) | kind(column), then maybe AS alias
 *	  column	as in series_column.h; unquoted names are folded as in SQL
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "parser/scansup.h"
#include "utils/lsyscache.h"

#include "measure/measure.h"
#include "series/series_spec.h"

static void bad_measure(const char *text) pg_attribute_noreturn();

/* bad_measure -- the one complaint about a measure's text. */
static void
bad_measure(const char *text)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("measure \"%s\" not understood", text),
			 errdetail("A measure is count, count(column), sum(column), "
					   "avg(column), min(column) or max(column)."),
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
		if (strcmp(name, tally_measure_kind_name(k)) == 0)
			break;
	return k;
}

/* read_column -- what stands in the parentheses; NULL when it cannot be. */
static char *
read_column(const SeriesSource *source, char *p, SeriesMeasure *m)
{
	p = skip_blanks(p);
	if (*p == '*' && m->def.kind == TALLY_COUNT)
	{
		m->of_rows = true;
		p++;
	}
	else if ((p = series_column_read(source, p, &m->from)) == NULL)
		return NULL;
	p = skip_blanks(p);
	return *p == ')' ? p + 1 : NULL;
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
 * value_type -- what a measure is of.  Of JSON that is a number, which every
 * JSON number is as numeric; what counts values takes any of them as text.
 */
static void
set_value_type(SeriesMeasure *m)
{
	m->def.type = m->from.type;
	if (m->from.npath > 0)
		m->def.type = m->def.kind == TALLY_COUNT ? TEXTOID : NUMERICOID;
	m->def.collation = get_typcollation(m->def.type);
}

void
series_measure_parse(const SeriesSource *source, const char *text,
					 SeriesMeasure *m)
{
	char *p = skip_blanks(pstrdup(text));
	char *kind;
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
		if ((p = read_column(source, p + 1, m)) == NULL)
			bad_measure(text);
	}
	else if (m->def.kind == TALLY_COUNT)
		m->of_rows = true;
	else
		bad_measure(text);
	if (read_alias(p, m) == NULL)
		bad_measure(text);
	if (m->name == NULL)
		m->name = m->of_rows ? kind : psprintf("%s(%s)", kind, m->from.name);
	if (!m->of_rows)
		set_value_type(m);
	tally_measure_init(&checked, &m->def, CurrentMemoryContext);
	m->result = checked.result;
}
